"""manage.py watch: the engine watcher, in the foreground."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from base.memory import settle
from services.control.watcher import Watcher


class Command(BaseCommand):
    help = "Follow every engine's events, notice engines that come and go, and wake the control loop."

    def handle(self, *args: Any, **options: Any) -> None:
        watcher = Watcher()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: watcher.stop())
        settle()
        watcher.run()
