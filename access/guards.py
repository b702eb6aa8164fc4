"""Growing waits after failures: of a name, of an address, of a second factor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from access.models import SignInGuard
from base.clock import now

FREE_TRIES = 5
"""Failures of one name from one address before a wait; then 5, 10, 20 ... seconds."""
FREE_TRIES_OF_ADDRESS = 50
"""Failures of any names from one address before a wait: whole teams share an address."""
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)

Key = tuple[str, int]
"""What failures are counted by, and how many are free."""


def key(*parts: str) -> str:
    """One key per kind and parts; a digest, since a name typed here may be a password."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def of_name(name: str, source_ip: str) -> list[Key]:
    """Tries with a name: the name's from this address first, then the address's."""
    return [(key("name", name.lower(), source_ip), FREE_TRIES), of_address(source_ip)]


def of_factor(user_id: int, source_ip: str) -> list[Key]:
    """Tries of a second factor count from everywhere together: whoever gets there knows the password."""
    return [(key("factor", str(user_id)), FREE_TRIES), of_address(source_ip)]


def of_address(source_ip: str) -> Key:
    return (key("address", source_ip), FREE_TRIES_OF_ADDRESS)


def charge(keys: Sequence[Key], moment: datetime | None = None) -> int:
    """Count the try as a failure before it is made, so that tries made at once count too. Seconds to wait, or 0."""
    moment = moment or now()
    with transaction.atomic():
        for one in sorted(dict(keys)):  # sorted, so that two tries never wait for each other crosswise
            SignInGuard.objects.get_or_create(key=one, defaults={"last_failure_at": moment})
        rows = SignInGuard.objects.select_for_update().filter(key__in=dict(keys)).order_by("key")
        found = {guard.key: guard for guard in rows}
        waits = [guard.blocked_until - moment for guard in found.values() if guard.blocked_until is not None]
        longest = max(waits, default=timedelta())
        if longest > timedelta():
            return int(longest.total_seconds()) + 1
        for one, free in keys:
            guard = found[one]
            if moment - guard.last_failure_at > FORGOTTEN_AFTER:
                guard.failures = 0
            guard.failures += 1
            guard.last_failure_at = moment
            over = guard.failures - free
            guard.blocked_until = (
                moment + min(FIRST_WAIT * 2 ** min(over, 16), LONGEST_WAIT) if over >= 0 else None
            )
            guard.save()
    return 0


def refund(keys: Sequence[Key]) -> None:
    """A success clears its own failures (the first key) and takes back the one that was charged to the others."""
    own, *others = [one for one, _ in keys]
    SignInGuard.objects.filter(key=own).delete()
    give_back(others)


def give_back(keys: Sequence[str]) -> None:
    """Take back one charged failure of each."""
    SignInGuard.objects.filter(key__in=keys, failures__gt=0).update(
        failures=F("failures") - 1, blocked_until=None
    )


def forgive() -> None:
    """Forget every failure: for the commands of who sits at the machine."""
    SignInGuard.objects.all().delete()


def forget() -> int:
    """Delete what no longer makes anybody wait; returns how many."""
    count, _ = SignInGuard.objects.filter(last_failure_at__lt=now() - FORGOTTEN_AFTER).delete()
    return count
