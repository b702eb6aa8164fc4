"""The audit trail as JSON lines, in the chain's order, to a file or the standard output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from access.registry import call, system_caller
from base.errors import OperationError

_TEXTS = ("actor", "role", "action", "resource-prefix", "result", "request-id", "text")


class Command(BaseCommand):
    help = "Export the audit trail as JSON lines, in the chain's order. The export is itself recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in _TEXTS:
            parser.add_argument(f"--{name}", default="", help="as in LookupEvents")
        for name in ("since", "until"):
            parser.add_argument(f"--{name}", type=_moment, help="ISO 8601")
        parser.add_argument("--output", type=Path, help="a file to write; must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {
            name.replace("-", "_"): options[name.replace("-", "_")] for name in (*_TEXTS, "since", "until")
        }
        try:
            pieces = call("export_audit_trail", system_caller("command-line"), **asked)
        except OperationError as error:
            raise CommandError(str(error)) from None
        if options["output"] is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        try:
            with options["output"].open("xb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from None


def _moment(text: str) -> Any:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    return make_aware(moment) if is_naive(moment) else moment
