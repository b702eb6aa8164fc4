"""Print docs/aws-compatibility.md."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from console.aws.compatibility import page


class Command(BaseCommand):
    help = "Print what works of AWS's APIs, for docs/aws-compatibility.md"

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(page(), ending="")
