"""Claiming work by a guarded UPDATE with a lease, and giving it back without losing a wake-up.

A row is woken by setting `wake_at`. The claimer clears it before it reads any fact, so whatever is woken afterwards
shows at the release: then the claim is kept for another round. A dead worker's lease expires by itself; one that is
started again in its place takes back at once what its predecessor held.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.models import Q

from base import clock

log = logging.getLogger(__name__)

LEASE = 20.0  # seconds; longer work renews


def worker() -> str:
    """Which worker this is: one a home and host. The same after it was started again."""
    return hashlib.sha256(f"{socket.gethostname()} {settings.SLIPWAY_HOME}".encode()).hexdigest()[:12]


def inherit(tables: Iterable[type[models.Model]]) -> int:
    """For a worker that starts: whatever a predecessor of its name still held is due at once. Answers how much."""
    return sum(
        table._base_manager.filter(lease_owner__startswith=f"{worker()}-").update(
            lease_owner="", lease_until=None, wake_at=clock.now()
        )
        for table in tables
    )


def claim(model: type[models.Model], key: object, seconds: float = LEASE) -> str | None:
    """The owner's token, or None where another holds the lease."""
    now = clock.now()
    owner = f"{worker()}-{uuid.uuid4().hex}"
    taken = model._base_manager.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=key).update(
        lease_owner=owner, lease_until=now + timedelta(seconds=seconds), wake_at=None
    )
    return owner if taken else None


def renew(model: type[models.Model], key: object, owner: str, seconds: float = LEASE) -> bool:
    """Keep the lease; False where it was lost: then nothing more may be done under it."""
    until = clock.now() + timedelta(seconds=seconds)
    return bool(model._base_manager.filter(pk=key, lease_owner=owner).update(lease_until=until))


def release(model: type[models.Model], key: object, owner: str, wake_at: datetime | None = None) -> bool:
    """Give the claim back, to be woken at `wake_at` at the latest. False: it was woken meanwhile and the claim is
    kept for another round (or it was lost: `again` tells)."""
    rows = model._base_manager.filter(pk=key, lease_owner=owner)
    return bool(rows.filter(wake_at=None).update(lease_owner="", lease_until=None, wake_at=wake_at))


def again(model: type[models.Model], key: object, owner: str, seconds: float = LEASE) -> bool:
    """Take the wake-up that kept us from releasing. False where the lease was lost."""
    until = clock.now() + timedelta(seconds=seconds)
    rows = model._base_manager.filter(pk=key, lease_owner=owner)
    return bool(rows.update(wake_at=None, lease_until=until))


def drop(model: type[models.Model], key: object, owner: str) -> None:
    """Give the claim back after a crash of ours: due at once, for the sweep to find."""
    model._base_manager.filter(pk=key, lease_owner=owner).update(
        lease_owner="", lease_until=None, wake_at=clock.now() + timedelta(seconds=2)
    )


@contextmanager
def kept(model: type[models.Model], key: object, owner: str, seconds: float = LEASE) -> Iterator[None]:
    """Renew the lease from a thread of its own while the block waits for something that is silent for long."""
    done = threading.Event()

    def renewing() -> None:
        while not done.wait(seconds / 3):
            try:
                renew(model, key, owner, seconds)
            except DatabaseError as error:
                log.warning("the lease of %s %s was not renewed: %s", model.__name__, key, error)
            finally:
                connection.close()

    thread = threading.Thread(target=renewing, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
