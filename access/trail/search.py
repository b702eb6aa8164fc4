"""Reading the audit trail: search, export, its state, its verification. Sealing is in access/trail/chain.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.db.models import Max, Min, Q, QuerySet

from access.authorization.visibility import starting, visible
from access.caller import Caller
from access.registry import Need, operation
from access.trail import chain, database_guard, verification
from access.trail.models import AuditChain, AuditCheckpoint, AuditRecord
from access.trail.verification import Verification
from base import here
from base.errors import invalid

LOOKUP = "cloudtrail:LookupEvents"
EXPORT_PAGE = 500
_RESULTS = tuple(AuditRecord.Result.values)
_TEXTS = ("actor_name", "actor_arn", "action", "resource", "error_message", "error_code", "user_agent")


@operation(LOOKUP, resource="*", writes=False)
def lookup_events(
    caller: Caller,
    *,
    actor: str = "",
    role: str = "",
    action: str = "",
    resource_prefix: str = "",
    result: str = "",
    request_id: str = "",
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
) -> QuerySet[AuditRecord]:
    """The audit trail, newest first, of what this caller may see. Slice it; `before_id` goes on from a last row.

    `actor` is a user's name or an ARN, and finds what was done through roles as well; `role` the name or ARN of the
    role acted through; `action` "ecs:UpdateService" (or all of a service: "ecs:*"); `text` any part of who, what, on
    what, why it failed, or from where, whatever its case.
    """
    asked = {name: value for name, value in locals().items() if name not in ("caller", "before_id")}
    rows = _found(caller, asked)
    return rows if before_id is None else rows.filter(id__lt=before_id)


@operation(
    "slipway:ExportAuditTrail",
    resource="*",
    writes=False,
    audited_read=True,
    extra=lambda caller, params: [Need(LOOKUP, "*")],
)
def export_audit_trail(
    caller: Caller,
    *,
    actor: str = "",
    role: str = "",
    action: str = "",
    resource_prefix: str = "",
    result: str = "",
    request_id: str = "",
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[bytes]:
    """Every record that LookupEvents finds with the same filters, as JSON lines, in the chain's order.

    A line is {"seq", "hash", "record"}; the record's text is exactly what its hash covers (docs/audit.md), and seq and
    hash are null until it is sealed. Comes in pieces of many lines, read as they are asked for.
    """
    asked = {name: value for name, value in locals().items() if name != "caller"}
    # A wrong filter is refused here, not when the first piece is asked for.
    return _lines(_found(caller, asked))


@dataclass(frozen=True, slots=True)
class TrailStatus:
    """Where the chain stands. `problems`: sentences of the last verification; `signed`: the head's signature holds."""

    sealed_seq: int
    sealed_hash: str
    sealed_at: datetime | None
    unsealed: int
    first_seq: int
    oldest_at: datetime | None
    checkpoints: int
    last_checkpoint_seq: int
    last_checkpoint_at: datetime | None
    verified_at: datetime | None
    verified_seq: int
    problems: tuple[str, ...]
    guarded: bool
    signed: bool
    keep_days: int


@operation("cloudtrail:GetTrailStatus", resource="*", writes=False)
def get_trail_status(caller: Caller) -> TrailStatus:
    """Up to where the trail is sealed, since when it reaches back, and when it was last verified with which outcome."""
    head = AuditChain.objects.filter(key="this").first() or AuditChain()
    checkpoint = AuditCheckpoint.objects.order_by("-number").first()
    oldest = AuditRecord.objects.aggregate(oldest=Min("at"))["oldest"]
    return TrailStatus(
        sealed_seq=head.seq,
        sealed_hash=head.hash,
        sealed_at=head.sealed_at,
        unsealed=AuditRecord.objects.filter(seq__isnull=True).count(),
        first_seq=head.forgotten_seq + 1,
        oldest_at=oldest,
        checkpoints=head.checkpoints,
        last_checkpoint_seq=checkpoint.seq if checkpoint is not None else 0,
        last_checkpoint_at=checkpoint.at if checkpoint is not None else None,
        verified_at=head.verified_at,
        verified_seq=head.verified_seq,
        problems=tuple(head.verified_problems),
        guarded=database_guard.installed(connection),
        signed=not head.seq or chain.signed_well(chain.facts_of_chain(head), head.key_id, head.signature),
        keep_days=settings.SLIPWAY_KEEP_AUDIT_DAYS,
    )


@operation("slipway:VerifyAuditTrail", resource="*", writes=False, audited_read=True)
def verify_audit_trail(
    caller: Caller, *, expected_seq: int | None = None, expected_hash: str = ""
) -> Verification:
    """Check the whole chain: which records were altered, removed, inserted or moved since they were sealed.

    `expected_seq` and `expected_hash`: a head noted elsewhere earlier, so that a trail put back as a whole shows.
    """
    if (expected_seq is None) != (not expected_hash):
        raise invalid("expectedHash", "given together with expectedSeq")
    expected = (expected_seq, expected_hash) if expected_seq is not None else None
    return verification.verify_and_note(expected)


# --- search ------------------------------------------------------------------------------------------


def _found(caller: Caller, asked: Mapping[str, Any]) -> QuerySet[AuditRecord]:
    """The records that match every filter given, newest first, of what the caller may see."""
    rows: QuerySet[AuditRecord] = AuditRecord.objects.all()
    sqlite = connections[rows.db].vendor == "sqlite"
    if result := asked["result"]:
        if result not in _RESULTS:
            raise invalid("result", f"one of {', '.join(_RESULTS)}")
        rows = rows.filter(result=result)
    if actor := asked["actor"]:
        arn = actor if actor.startswith("arn:") else here.user_arn(actor)
        own = Q(actor_arn=actor) if actor == arn else Q(actor_name=actor)
        rows = rows.filter(own | Q(assumed_by=arn))
    if role := asked["role"]:
        rows = rows.filter(role_arn=role if role.startswith("arn:") else here.role_arn(role))
    if action := asked["action"]:
        if not action.endswith("*"):
            rows = rows.filter(action=action)
        elif prefix := action[:-1]:
            rows = rows.filter(starting("action", prefix, sqlite))
    if prefix := asked["resource_prefix"]:
        rows = rows.filter(starting("resource", prefix, sqlite))
    if asked["request_id"]:
        rows = rows.filter(request_id=asked["request_id"])
    if asked["since"] is not None:
        rows = rows.filter(at__gte=asked["since"])
    if asked["until"] is not None:
        rows = rows.filter(at__lt=asked["until"])
    if text := asked["text"]:
        anywhere = Q(request_id=text) | Q(source_ip=text)
        for column in _TEXTS:
            anywhere |= Q(**{f"{column}__icontains": text})
        rows = rows.filter(anywhere)
    return visible(rows, caller, LOOKUP, "resource")


def _lines(rows: QuerySet[AuditRecord]) -> Iterator[bytes]:
    """The records that were there at the start: in the chain's order, then those that waited for their seal. A page at
    a time, so that neither a cursor nor memory is held."""
    newest = AuditRecord.objects.aggregate(seq=Max("seq"), id=Max("id"))
    sealed = newest["seq"] or 0
    yield from _pages(rows.filter(seq__lte=sealed), "seq")
    waiting = rows.filter(Q(seq__isnull=True) | Q(seq__gt=sealed), id__lte=newest["id"] or 0)
    yield from _pages(waiting, "id")


def _pages(rows: QuerySet[AuditRecord], column: str) -> Iterator[bytes]:
    after = 0
    while True:
        following = rows.filter(**{f"{column}__gt": after}).order_by(column)
        page = list(following.values("seq", "hash", *chain.CONTENT)[:EXPORT_PAGE])
        if page:
            yield "".join(_line(row) for row in page).encode()
        if len(page) < EXPORT_PAGE:
            return
        after = page[-1][column]


def _line(row: Mapping[str, Any]) -> str:
    sealed = (
        f'"seq":{row["seq"]},"hash":"{row["hash"]}"' if row["seq"] is not None else '"seq":null,"hash":null'
    )
    return f'{{{sealed},"record":{chain.canonical(row)}}}\n'
