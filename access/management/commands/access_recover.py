"""For the administrator who has lost everything but the machine: password, phone, passkeys, groups."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access import guards
from access.caller import system_caller
from access.identities.setup import make_administrator
from access.models import User
from access.registry import call
from access.signon import sessions
from access.signon.models import Passkey, SignInLink, TotpDevice
from base.errors import OperationError


class Command(BaseCommand):
    help = (
        "Let a user in again as an administrator: a new password, shown once; second factors, open links and sessions "
        "are removed, failed sign-ins forgotten. Creates the user if there is none. Audited."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        username: str = options["username"]
        password = secrets.token_urlsafe(20)
        try:
            user = self._let_in(username, password)
        except OperationError as error:
            raise CommandError(str(error)) from None
        SignInLink.objects.filter(user=user).delete()
        sessions.end_all(user)
        guards.forgive()
        self.stdout.write(f"{username} is an administrator, without a second factor.")
        self.stdout.write(f"New password (shown once): {password}")
        self.stdout.write("Sign in, change it under My security, and add a second factor.")

    def _let_in(self, username: str, password: str) -> User:
        caller = system_caller("command-line")
        user = User.objects.filter(username=username).first()
        if user is None:
            user = call("create_user", caller, username=username, password=password)
        else:
            for app in list(TotpDevice.objects.filter(user=user)):
                call("deactivate_mfa_device", caller, username=username, name=app.name)
            for key in list(Passkey.objects.filter(user=user)):
                call("deactivate_passkey", caller, username=username, name=key.name)
            call("set_password", caller, username=username, password=password)
            call("activate_user", caller, username=username)
        make_administrator(user)
        return user
