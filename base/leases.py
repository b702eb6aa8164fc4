"""Leases by name, for what any number of processes could do and only one may do at a time.

A process that dies leaves its leases to end by themselves; another on the same host sees at once that it is gone.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Q

from base import clock
from base.models import Lease

_REMEMBERED = timedelta(minutes=5)  # after its end


@lru_cache(maxsize=1)
def _here() -> str:
    """This host, as long as its processes can see one another."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:12]


def new_owner() -> str:
    """A name for somebody in this process."""
    return f"{_here()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def is_gone(owner: str) -> bool:
    """Whether the process behind this name surely ended. Of other hosts nothing is sure."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if host != _here() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def take(name: str, owner: str, seconds: float) -> bool:
    """Take the lease, or keep it; False where another has it."""
    return _take(name, owner, seconds, Q(owner=owner))


def take_once(name: str, owner: str, seconds: float) -> bool:
    """True for one caller in so many seconds, whoever it is."""
    return _take(name, owner, seconds, Q(pk__in=()))


def _take(name: str, owner: str, seconds: float, also: Q) -> bool:
    now = clock.now()
    values = {"owner": owner, "until": now + timedelta(seconds=seconds)}
    if Lease.objects.filter(also | Q(until__lte=now), name=name).update(**values):
        return True
    if Lease.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, **values)
    except IntegrityError:
        return False  # another was quicker
    return True


def give_back(name: str, owner: str) -> None:
    Lease.objects.filter(name=name, owner=owner).delete()


def count(prefix: str) -> int:
    """How many leases whose names begin so are held; those that ended long ago are forgotten."""
    now = clock.now()
    ends = list(Lease.objects.filter(name__startswith=prefix).values_list("until", flat=True))
    if any(until < now - _REMEMBERED for until in ends):
        Lease.objects.filter(name__startswith=prefix, until__lt=now - _REMEMBERED).delete()
    return sum(until > now for until in ends)
