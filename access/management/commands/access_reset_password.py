"""For the administrator who has lost everything but the machine."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.caller import system_caller
from access.identities.setup import make_administrator
from access.registry import call
from access.signon import signin
from base.errors import NoSuchEntity, OperationError


class Command(BaseCommand):
    help = "Give a user a new password, shown once, and let the user in again. Audited."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--administrator", action="store_true", help="also put the user into the administrators"
        )
        parser.add_argument(
            "--create", action="store_true", help="create the user if there is none of that name"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        username: str = options["username"]
        caller = system_caller("command-line")
        password = secrets.token_urlsafe(15)
        try:
            user = self._user(caller, username, password, create=options["create"])
        except OperationError as error:
            raise CommandError(str(error)) from None
        if options["administrator"]:
            make_administrator(user)
        signin.forgive()
        self.stdout.write(f"New password of {username} (shown once): {password}")

    def _user(self, caller: Any, username: str, password: str, *, create: bool) -> Any:
        try:
            call("set_password", caller, username=username, password=password)
        except NoSuchEntity:
            if not create:
                raise
            return call("create_user", caller, username=username, password=password)
        return call("activate_user", caller, username=username)
