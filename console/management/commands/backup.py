"""`manage.py backup FILE`: a copy of an SQLite database, whole at one moment, while Slipway runs."""

from __future__ import annotations

import os
import sqlite3
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection


class Command(BaseCommand):
    help = "Copy the SQLite database to FILE while Slipway runs. The keys are no part of it: keep them elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError("This installation is on PostgreSQL: use pg_dump --format=custom.")
        if file.exists():
            raise CommandError(f"{file} exists already")
        source = Path(str(connection.settings_dict["NAME"]))
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            # Nobody else's to read from its first byte on.
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(draft)) as new:
                old.backup(new)
                damage = new.execute("PRAGMA integrity_check").fetchone()[0]
            if damage != "ok":
                raise CommandError(f"the copy is damaged: {damage}")
            draft.replace(file)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(str(error)) from error
        finally:
            draft.unlink(missing_ok=True)
        self.stdout.write(
            f"{file}: {file.stat().st_size} bytes, checked. Keep a copy of the keys apart from it."
        )
