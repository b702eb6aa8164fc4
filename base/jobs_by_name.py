"""Sending jobs by name, so that a lower room can wake a job without importing it.

A message only wakes: what is to be done stands in rows, and a sweep finds whatever a lost message left due.
So a broker that is down is logged, never raised into the request that was already accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)

# A connection that cannot be had at once is not waited for: the sweep makes up for the message.
_NO_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def send(name: str, *args: object, delay: float = 0.0) -> None:
    """Send the job `name` now, or `delay` seconds from now."""
    try:
        current_app.send_task(
            name, args=args, countdown=delay or None, retry=True, retry_policy=_NO_RETRY, ignore_result=True
        )
    except Exception as error:  # kombu wraps broker errors in many types
        log.warning("job %s%r not sent, the sweep will find it: %s", name, args, error)


def send_on_commit(name: str, *args: object, delay: float = 0.0) -> None:
    """Send it once the current transaction has committed; not at all if it rolls back."""
    transaction.on_commit(lambda: send(name, *args, delay=delay), robust=True)


def send_many_on_commit(name: str, arguments: Iterable[object]) -> None:
    """One job for each argument."""
    items = list(arguments)
    transaction.on_commit(lambda: _send_all(name, items), robust=True)


def _send_all(name: str, items: Iterable[object]) -> None:
    for item in items:
        send(name, item)
