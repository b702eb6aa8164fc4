"""`manage.py run`: Slipway on this machine, all of it, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.conf.home import HomeError
from console.run.lock import AlreadyRunning, HomeLock, read_status
from console.run.supervisor import StartError, Supervisor, listen


class Command(BaseCommand):
    help = "Run Slipway: Redis, web, worker, beat and watcher under one supervisor, until Ctrl-C."
    # The database may not be there yet; the supervisor migrates it.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        home = settings.HOME
        # What processes write is theirs alone.
        os.umask(0o077)
        try:
            home.prepare()
            with HomeLock(home.lock):
                listener = listen(settings.SLIPWAY_BIND, settings.SLIPWAY_PORT)
                code = asyncio.run(_run(Supervisor, home, listener))
        except AlreadyRunning as other:
            address = read_status(home.status).get("address", "an address of its own")
            raise CommandError(
                f"Slipway already runs on {home.root} (pid {other.pid or 'unknown'}) at {address}. "
                "Stop it first, or give this one a home and a port of its own: "
                "SLIPWAY_HOME=/another/place PORT=8001 make run"
            ) from other
        except (HomeError, StartError) as error:
            raise CommandError(str(error)) from error
        sys.exit(code)


async def _run(kind: type[Supervisor], home: Any, listener: Any) -> int:
    # Made inside the loop: its events belong to it.
    return await kind(home, listener).run()
