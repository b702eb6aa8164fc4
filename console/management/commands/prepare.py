"""`manage.py prepare`: migrate, first administrator, local engine. For containers, where no supervisor does it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console.run.prepare import ADMINISTRATOR, prepare


class Command(BaseCommand):
    help = "Migrate the database, make the first administrator, register the local engine. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        settings.HOME.prepare()
        password = prepare(self.stdout.write)
        if password is not None:
            self.stdout.write(f"Sign in as {ADMINISTRATOR} with the password {password} (shown this once)")
