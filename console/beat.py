"""Celery's beat, any number of which may run: each entry of the schedule is sent by one of them.

Called by: the command `celery beat`, through the setting `beat_scheduler`.
"""

from __future__ import annotations

import logging
import socket
from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry
from django.db import DatabaseError, close_old_connections

from base import leases

log = logging.getLogger(__name__)
_AHEAD = (
    0.9  # of an interval: how soon after one sending the next may follow, for clocks are never quite even
)


def own_file(name: str) -> str:
    """Where this host's beat keeps when it last sent what."""
    return f"{name}-{socket.gethostname()}"


class LeasedScheduler(PersistentScheduler):
    """Sends an entry only where no other beat sent it in this interval."""

    def __init__(self, *args: Any, schedule_filename: str, **kwargs: Any) -> None:
        self.owner = leases.new_owner()
        # Several containers may share a home; each has its own file.
        super().__init__(*args, schedule_filename=own_file(schedule_filename), **kwargs)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        if self._is_ours(entry):
            super().apply_entry(entry, producer=producer)

    def _is_ours(self, entry: ScheduleEntry) -> bool:
        interval = getattr(entry.schedule, "run_every", None) or timedelta(seconds=30)
        close_old_connections()
        try:
            return leases.take_once(f"beat:{entry.name}", self.owner, interval.total_seconds() * _AHEAD)
        except DatabaseError as error:
            # What is sent twice only looks twice for what is due; what is never sent is found by nobody.
            log.warning("%s is sent without a lease, the database does not answer: %s", entry.name, error)
            return True
