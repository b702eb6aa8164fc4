"""Prints docs/access-matrix.md: every operation by every ready-made policy."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from access.authorization.matrix import markdown


class Command(BaseCommand):
    help = "Print the table of operations and ready-made policies, as docs/access-matrix.md has it."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(markdown(), ending="")
