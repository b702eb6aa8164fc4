"""`manage.py healthy PART`: for container health checks. Exits with 1, and says why, when the part is not well."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from base import live
from clusters.models import ContainerInstance
from console.beat import own_file
from console.celery import app
from services.control.watcher import compared_every
from services.execute import channel

# beat writes its schedule every three minutes.
_BEAT_SECONDS = 600


def web() -> None:
    address = f"http://127.0.0.1:{settings.SLIPWAY_PORT}/healthz"
    try:
        with urllib.request.urlopen(address, timeout=5):
            return
    except (urllib.error.URLError, OSError) as error:
        raise CommandError(f"{address}: {error}") from error


def worker() -> None:
    name = f"slipway@{socket.gethostname()}"
    if not app.control.ping(destination=[name], timeout=5):
        raise CommandError(f"{name} does not answer")


def beat() -> None:
    own = Path(own_file(str(settings.HOME.beat_schedule)))
    ages = [time.time() - path.stat().st_mtime for path in own.parent.glob(f"{own.name}*")]
    if not ages or min(ages) > _BEAT_SECONDS:
        raise CommandError("the schedule has not been written for a while")


def watcher() -> None:
    followed = ContainerInstance.objects.filter(connected=True).exclude(status="INACTIVE")
    # One watcher may follow them all, and each is compared, and so seen, at the first ping after that time.
    patience = 2 * timedelta(seconds=compared_every(followed.count()))
    if first := followed.filter(last_seen_at__lt=timezone.now() - patience).first():
        raise CommandError(f"instance {first.pk} was last seen {first.last_seen_at}")


def exec_() -> None:
    if not live.client().exists(channel.alive_key()):
        raise CommandError("it has not said for a while that it is alive")


_PARTS = {"web": web, "worker": worker, "beat": beat, "watcher": watcher, "exec": exec_}


class Command(BaseCommand):
    help = "Exit with 1 unless this part of Slipway, in this container, is well."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=sorted(_PARTS))

    def handle(self, *args: Any, part: str, **options: Any) -> None:
        _PARTS[part]()
