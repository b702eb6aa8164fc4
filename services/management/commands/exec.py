"""manage.py exec: holds the commands of ExecuteCommand, in the foreground."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from base.memory import settle
from services.control.terminals import Terminals


class Command(BaseCommand):
    help = "Hold the commands that ExecuteCommand begins in containers, between their terminals and their engines."

    def handle(self, *args: Any, **options: Any) -> None:
        terminals = Terminals()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: terminals.stop())
        settle()
        terminals.run()
