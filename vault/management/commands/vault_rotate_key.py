"""manage.py vault_rotate_key: a new key for everything that is encrypted at rest."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from base import cipher
from vault import rotation


class Command(BaseCommand):
    help = (
        "Make a new key and put everything that is encrypted under it. May be interrupted and run again with --resume. "
        "Old keys stay readable until --forget-old, which refuses as long as anything needs them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--resume", action="store_true", help="no new key: finish an interrupted rotation"
        )
        parser.add_argument(
            "--forget-old", action="store_true", help="remove the keys that nothing needs any more"
        )

    def handle(self, *args: Any, resume: bool, forget_old: bool, **options: Any) -> None:
        path = settings.SLIPWAY_DATA_KEYS_FILE
        if path is None and not resume and not forget_old:
            raise CommandError(
                "The keys come from SLIPWAY_DATA_KEYS: put a new one before the others there, start every process "
                "anew, then run this with --resume."
            )
        if path is not None and not resume and not forget_old:
            self.stdout.write(f"New key {cipher.add_key(path)} in {path}. Keep a copy of that file.")
        try:
            count = rotation.renew_all(lambda what, done: self.stdout.write(f"  {what}: {done}"))
        except cipher.CipherError as error:
            raise CommandError(f"Stopped: {error}. What was done before stays done.") from None
        self.stdout.write(f"{count} values renewed under the key {cipher.key_id(cipher.keys()[0])}.")
        if forget_old:
            self._forget(path)
        elif len(cipher.keys()) > 1:
            self.stdout.write("Old keys are still there, for backups made before. --forget-old removes them.")

    def _forget(self, path: Any) -> None:
        if path is None:
            raise CommandError("The keys come from SLIPWAY_DATA_KEYS: take the old ones away there.")
        if (left := rotation.needing_old_keys()) > 0:
            raise CommandError(f"{left} values still need an old key: run with --resume first.")
        self.stdout.write(f"{cipher.keep_first_key(path)} old keys forgotten.")
