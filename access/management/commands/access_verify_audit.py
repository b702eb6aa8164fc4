"""Is the audit trail whole? Says which records were altered, removed, inserted or moved."""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.registry import call, system_caller


class Command(BaseCommand):
    help = "Verify the audit trail: every record, checkpoint and signature. Exits 1 when something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            metavar="NUMBER:HASH",
            default="",
            help="a head printed by an earlier run and kept elsewhere: shows a trail put back as a whole",
        )
        parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = call("verify_audit_trail", system_caller("command-line"), **_expected(options["expect"]))
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict()))
        else:
            for problem in found.problems:
                self.stdout.write(f"{problem.kind}: {problem.message}")
            if found.more:
                self.stdout.write("... and more")
            self.stdout.write(
                f"{found.records} records ({found.first} to {found.last}), {found.checkpoints} checkpoints,"
                f" {found.unsealed} not sealed yet"
            )
            self.stdout.write(f"head {found.last}:{found.head}")
        if not found.whole:
            raise CommandError("The audit trail is not whole.")
        if not options["json"]:
            self.stdout.write("The audit trail is whole.")


def _expected(given: str) -> dict[str, Any]:
    if not given:
        return {}
    if not re.fullmatch(r"\d{1,18}:[0-9a-f]{64}", given):
        raise CommandError("--expect takes NUMBER:HASH, as an earlier run printed them")
    number, _, hash_ = given.partition(":")
    return {"expected_seq": int(number), "expected_hash": hash_}
