"""The life of a session in rows: opened by its token, begun, ended; with the audit records of its beginning and end.

Called by both sides of a terminal. Every step is a guarded UPDATE, so that it is done once whoever comes first.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from redis.exceptions import RedisError

from access.caller import Caller
from access.trail import audit, records
from base import clock, live
from services.execute import channel
from services.execute.channel import SILENCE, Ending
from services.execute.models import ExecSession

log = logging.getLogger(__name__)

STARTED, FINISHED = "slipway:ExecSessionStarted", "slipway:ExecSessionEnded"
"""The actions of the audit records of a session's beginning and end."""
OPENING_SECONDS = 30.0
_CALLER = ("arn", "name", "face", "user_id", "role_id", "role_arn", "assumed_by", "source_ip", "user_agent")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def told(caller: Caller) -> dict[str, Any]:
    """The caller as the session's row keeps it."""
    mfa_at = caller.mfa_at.isoformat() if caller.mfa_at is not None else None
    return {name: getattr(caller, name) for name in _CALLER} | {"mfa_at": mfa_at, "system": caller.system}


def caller_told(kept: Mapping[str, Any]) -> Caller:
    """Who a record is about; may do nothing."""
    mfa_at = datetime.fromisoformat(kept["mfa_at"]) if kept.get("mfa_at") else None
    return Caller(
        **{name: kept[name] for name in _CALLER},
        mfa_at=mfa_at,
        system=bool(kept.get("system")),
        request_id="",
    )


def unended() -> QuerySet[ExecSession]:
    """Those that count: a token that ran out unused holds no place."""
    over = Q(status=ExecSession.Status.PENDING, token_expires_at__lte=clock.now())
    return ExecSession.objects.exclude(status=ExecSession.Status.ENDED).exclude(over)


def take(session_id: str, token: str, actor: str | None) -> ExecSession | None:
    """Use the token up: the session is OPENING, and nobody can open it again. None where it is wrong, used or too old,
    or where the session is not `actor`'s (None: whoever has the token)."""
    row = ExecSession.objects.filter(pk=session_id).first()
    if row is None or not hmac.compare_digest(row.token_digest, digest(token)):
        return None
    if actor is not None and actor != row.actor:
        return None
    waiting = ExecSession.objects.filter(
        pk=session_id, status=ExecSession.Status.PENDING, token_expires_at__gt=clock.now()
    )
    if not waiting.update(status=ExecSession.Status.OPENING, seen_at=clock.now()):
        return None
    return row


def begin(session_id: str) -> ExecSession | None:
    """A process takes the session: ACTIVE, and its beginning recorded. None where it is too late or another's."""
    now = clock.now()
    with transaction.atomic():
        mine = ExecSession.objects.filter(pk=session_id, status=ExecSession.Status.OPENING)
        if not mine.update(status=ExecSession.Status.ACTIVE, started_at=now, seen_at=now):
            return None
        row = ExecSession.objects.get(pk=session_id)
        _record(row, "exec_session_started", STARTED, {})
        live.publish(*_topics(row))
    return row


def beat(session_id: str, bytes_in: int, bytes_out: int) -> str:
    """A sign of life. Answers why it must end: somebody wants it to, or the sweep has ended it; "" where it goes on."""
    mine = ExecSession.objects.filter(pk=session_id, status=ExecSession.Status.ACTIVE)
    if not mine.update(seen_at=clock.now(), bytes_in=bytes_in, bytes_out=bytes_out):
        return "It was given up for lost."
    return mine.values_list("end_requested", flat=True).first() or ""


def end(
    session_id: str, ending: Ending, *, bytes_in: int | None = None, bytes_out: int | None = None
) -> bool:
    """It is over, whichever side found out; recorded once. False where it was over already."""
    counted = {"bytes_in": bytes_in, "bytes_out": bytes_out}
    with transaction.atomic():
        mine = ExecSession.objects.exclude(status=ExecSession.Status.ENDED).filter(pk=session_id)
        if not mine.update(
            status=ExecSession.Status.ENDED,
            ended_at=clock.now(),
            reason=ending.reason[:500],
            exit_code=ending.exit_code,
            **{name: count for name, count in counted.items() if count is not None},
        ):
            return False
        row = ExecSession.objects.get(pk=session_id)
        if row.started_at is not None:
            _record(row, "exec_session_ended", FINISHED, _outcome(row))
        live.publish(*_topics(row))
    return True


def sweep() -> int:
    """End those whose process is gone, those no process took, and those whose token ran out; how many."""
    now = clock.now()
    lost = Q(status=ExecSession.Status.ACTIVE, seen_at__lt=now - timedelta(seconds=2 * SILENCE))
    untaken = Q(status=ExecSession.Status.OPENING, seen_at__lt=now - timedelta(seconds=OPENING_SECONDS))
    unused = Q(status=ExecSession.Status.PENDING, token_expires_at__lt=now)
    reasons = (
        (lost, "The process that held it is gone."),
        (untaken, "No process took it."),
        (unused, "It was not opened in time."),
    )
    count = 0
    for condition, reason in reasons:
        for session_id in ExecSession.objects.filter(condition).values_list("pk", flat=True)[:200]:
            count += end(session_id, Ending(reason))
    return count


def forget(before: datetime) -> int:
    """Remove those that ended long ago, with their transcripts; how many."""
    old = ExecSession.objects.filter(ended_at__lt=before).values_list("pk", flat=True)[:1000]
    return ExecSession.objects.filter(pk__in=list(old)).delete()[1].get("services.ExecSession", 0)


def ask_to_end(row: ExecSession, reason: str) -> bool:
    """Mark it; the process that holds it sees to it. False where it has ended, or ends already."""
    if row.status in (ExecSession.Status.PENDING, ExecSession.Status.OPENING):
        return end(row.pk, Ending(reason))
    live_ones = ExecSession.objects.filter(pk=row.pk, status=ExecSession.Status.ACTIVE, end_requested="")
    return bool(live_ones.update(end_requested=reason[:300]))


def tell(session_id: str, reason: str) -> None:
    """Have the process that holds it end it now, once the transaction at hand has committed. A lost message costs
    seconds: that process looks at the row too."""

    def send() -> None:
        try:
            channel.send(live.client(), channel.list_in(session_id), channel.CLOSE + reason.encode())
        except RedisError as error:
            log.debug("session %s not told to end: %s", session_id, error)

    transaction.on_commit(send, robust=True)


def kept_transcript(session_id: str, size: int, *, cut: bool) -> None:
    ExecSession.objects.filter(pk=session_id).update(
        transcript_bytes=F("transcript_bytes") + size, transcript_cut=cut
    )


def _topics(row: ExecSession) -> tuple[str, ...]:
    return (f"task:{row.task_arn.rpartition('/')[2]}",)


def _outcome(row: ExecSession) -> dict[str, Any]:
    return {
        "durationSeconds": round(row.duration_seconds or 0.0, 3),
        "bytesIn": row.bytes_in,
        "bytesOut": row.bytes_out,
        "exitCode": row.exit_code,
        "reason": row.reason,
    }


def _record(row: ExecSession, operation: str, action: str, more: Mapping[str, Any]) -> None:
    parameters = {"session_id": row.pk, "container": row.container, "command": row.command, **more}
    audit.write(
        records.of_call(
            caller_told(row.caller),
            operation,
            action,
            [row.task_arn, row.cluster_arn],
            params=audit.presentable(parameters),
        )
    )
