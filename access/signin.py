"""Signing in with a password: the same answer and the same time for a wrong name and a wrong password, growing waits
after failures, and a record of every outcome."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate, login
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from access import audit
from access.models import AuditRecord, SignInGuard, User
from base import here
from base.clock import now

ACTION = "signin:ConsoleLogin"
FREE_TRIES = 5
"""Failures of one name from one address before a wait; then 5, 10, 20 ... seconds."""
FREE_TRIES_OF_ADDRESS = 50
"""Failures of any names from one address before a wait: whole teams share an address."""
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SignIn:
    """`user` when it succeeded; `wait` in seconds when it must not be tried again yet."""

    user: User | None = None
    wait: int = 0


def sign_in(request: HttpRequest, username: str, password: str) -> SignIn:
    """Try a name and a password; on success the session of `request` is the user's."""
    username = username.strip()[:128]
    source_ip: str = getattr(request, "source_ip", "")
    keys = (
        (_key("name", username.lower(), source_ip), FREE_TRIES),
        (_key("address", source_ip), FREE_TRIES_OF_ADDRESS),
    )
    moment = now()
    if wait := _charge(keys, moment):
        return SignIn(wait=wait)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        _record(request, username, None, source_ip)
        return SignIn()
    _refund(keys)
    login(request, user)
    _record(request, username, user, source_ip)
    return SignIn(user=user)


def forgive() -> None:
    """Forget every failure: for the command that resets a password."""
    SignInGuard.objects.all().delete()


def forget_guards() -> int:
    """Delete what no longer makes anybody wait; returns how many."""
    count, _ = SignInGuard.objects.filter(last_failure_at__lt=now() - FORGOTTEN_AFTER).delete()
    return count


def _key(*parts: str) -> str:
    """One key per kind and parts; a digest, since a name typed here may be a password."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _charge(keys: tuple[tuple[str, int], ...], moment: datetime) -> int:
    """Count the try as a failure before it is made, so that tries made at once count too. Seconds to wait, or 0."""
    with transaction.atomic():
        for key in sorted(dict(keys)):  # sorted, so that two tries never wait for each other crosswise
            SignInGuard.objects.get_or_create(key=key, defaults={"last_failure_at": moment})
        rows = SignInGuard.objects.select_for_update().filter(key__in=dict(keys)).order_by("key")
        guards = {guard.key: guard for guard in rows}
        waits = [guard.blocked_until - moment for guard in guards.values() if guard.blocked_until is not None]
        longest = max(waits, default=timedelta())
        if longest > timedelta():
            return int(longest.total_seconds()) + 1
        for key, free in keys:
            guard = guards[key]
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


def _refund(keys: tuple[tuple[str, int], ...]) -> None:
    """A success clears its own name's failures and takes back the one that was charged to the address."""
    (own, _), (address, _) = keys
    SignInGuard.objects.filter(key=own).delete()
    SignInGuard.objects.filter(key=address, failures__gt=0).update(
        failures=F("failures") - 1, blocked_until=None
    )


def _record(request: HttpRequest, username: str, user: User | None, source_ip: str) -> None:
    # A wrong name is kept only when it is somebody's: people type their passwords into the wrong field.
    known = user or User.objects.filter(username=username).first()
    name = known.username if known is not None else "unknown"
    arn = known.arn if known is not None else ""
    record = AuditRecord(
        request_id=getattr(request, "request_id", ""),
        actor_arn=arn,
        actor_name=name,
        face="console",
        source_ip=source_ip,
        operation="sign_in",
        action=ACTION,
        resource=arn or here.user_arn("unknown"),
        resources=[arn] if arn else [],
        result=AuditRecord.Result.SUCCESS if user is not None else AuditRecord.Result.FAILED,
        error_code="" if user is not None else "FailedAuthentication",
        error_message="" if user is not None else "Wrong name or password, or a deactivated user.",
    )
    audit.write(record)
