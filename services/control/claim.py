"""Claiming work by a guarded UPDATE with a lease, and giving it back without losing a wake-up.

A row is woken by setting `wake_at`. The claimer clears it before it reads any fact, so whatever is woken afterwards
shows at the release: then the claim is kept for another round. A dead worker's lease expires by itself; one that is
started again in its place takes back at once what its predecessor held.

A message may come twice. The second is dropped where the row is soon to be looked at anyway: otherwise each would send
one of its own for the next look, and while an engine is silent, or a plan waits, one double would be many.
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
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.models import DateTimeField, Q, QuerySet

from base import clock
from base.prepared import Given, PreparedUpdate
from services.wakeup import SOON

log = logging.getLogger(__name__)

LEASE = 20.0  # seconds; longer work renews
# A row that is due after the first and before the second is left to the message which is on its way for then, or to
# the sweep. Not sooner: workers' clocks differ. Not later: no message is, and a clock may have been put back by hours.
_LEFT = (timedelta(seconds=0.5), timedelta(seconds=SOON))


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


def unclaimed(now: datetime | Given) -> Q:
    """What no worker holds."""
    return Q(lease_until=None) | Q(lease_until__lt=now)


def claim(model: type[models.Model], key: object, seconds: float = LEASE) -> str | None:
    """The owner's token, or None where another holds the lease."""
    return _taken(_statements(model).claim, key, seconds)


def claim_due(model: type[models.Model], key: object) -> str | None:
    """As `claim`, or None where a message came that is for later, or was doubled."""
    return _taken(_statements(model).claim_due, key, LEASE)


def _taken(statement: PreparedUpdate, key: object, seconds: float) -> str | None:
    now = clock.now()
    owner, until = f"{worker()}-{uuid.uuid4().hex}", now + timedelta(seconds=seconds)
    soon, late = (now + distance for distance in _LEFT)
    return owner if statement.run(pk=key, now=now, soon=soon, late=late, owner=owner, until=until) else None


def renew(model: type[models.Model], key: object, owner: str, seconds: float = LEASE) -> bool:
    """Keep the lease; False where it was lost: then nothing more may be done under it."""
    until = clock.now() + timedelta(seconds=seconds)
    return bool(_statements(model).renew.run(pk=key, owner=owner, until=until))


def release(model: type[models.Model], key: object, owner: str, wake_at: datetime | None = None) -> bool:
    """Give the claim back, to be woken at `wake_at` at the latest. False: it was woken meanwhile and the claim is
    kept for another round (or it was lost: `again` tells)."""
    return bool(_statements(model).release.run(pk=key, owner=owner, wake_at=wake_at))


def again(model: type[models.Model], key: object, owner: str, seconds: float = LEASE) -> bool:
    """Take the wake-up that kept us from releasing. False where the lease was lost."""
    until = clock.now() + timedelta(seconds=seconds)
    return bool(_statements(model).again.run(pk=key, owner=owner, until=until))


def drop(model: type[models.Model], key: object, owner: str) -> None:
    """Give the claim back after a crash of ours: due at once, for the sweep to find."""
    model._base_manager.filter(pk=key, lease_owner=owner).update(
        lease_owner="", lease_until=None, wake_at=clock.now() + timedelta(seconds=2)
    )


class _Statements:
    """Of one table; they are asked several times for every task that starts."""

    def __init__(self, model: type[models.Model]) -> None:
        until = Given("until", DateTimeField())

        def rows() -> QuerySet[Any]:
            return model._base_manager.filter(pk=Given("pk"))

        def held() -> QuerySet[Any]:
            return rows().filter(lease_owner=Given("owner"))

        free = unclaimed(Given("now", DateTimeField()))
        soon, late = Given("soon", DateTimeField()), Given("late", DateTimeField())
        due = Q(wake_at=None) | Q(wake_at__lte=soon) | Q(wake_at__gt=late)
        taken: dict[str, Any] = {"lease_owner": Given("owner"), "lease_until": until, "wake_at": None}
        self.claim = PreparedUpdate(lambda: rows().filter(free), **taken)
        self.claim_due = PreparedUpdate(lambda: rows().filter(free, due), **taken)
        self.renew = PreparedUpdate(held, lease_until=until)
        self.release = PreparedUpdate(
            lambda: held().filter(wake_at=None),
            lease_owner="",
            lease_until=None,
            wake_at=Given("wake_at", DateTimeField(), or_null=True),
        )
        self.again = PreparedUpdate(held, wake_at=None, lease_until=until)


_statements = lru_cache(_Statements)


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
