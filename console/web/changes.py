"""What changed and who did it, from the audit trail, in words: for the overview, a cluster and the audit list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

from access.audit_models import AuditRecord
from access.registry import Caller, all_operations
from access.trail import lookup_events
from console.web import links
from console.web.parts import Tone
from console.web.service_words import person

# Not changes of what runs: left out of "last changes", kept in the audit list.
_NOT_CHANGES = ("signin:", "sts:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit record as lists show it."""

    record: AuditRecord
    what: str
    """`UpdateService`."""
    subject: str
    """`web`, the last part of the resource."""
    url: str
    who: str
    actor: str
    """For the filter: the person behind a role too."""
    role: str
    tone: Tone
    details: tuple[str, ...]

    @property
    def at(self) -> datetime:
        return self.record.at


def may_look(caller: Caller) -> bool:
    """Asked beforehand where the trail is only a part of a page: a denial would itself be recorded."""
    return caller.may("cloudtrail:LookupEvents", "*").allowed


def recent(caller: Caller, resource_prefix: str = "") -> QuerySet[AuditRecord]:
    """Successful writes, newest first."""
    rows = lookup_events(caller, result=AuditRecord.Result.SUCCESS, resource_prefix=resource_prefix)
    for prefix in _NOT_CHANGES:
        rows = rows.exclude(action__startswith=prefix)
    return rows.exclude(action__in=_audited_reads())


@lru_cache(maxsize=1)
def _audited_reads() -> tuple[str, ...]:
    """Reads that leave a record (of secrets, of the trail itself): they change nothing."""
    writes = {op.action for op in all_operations() if op.writes}
    return tuple({op.action for op in all_operations() if op.audited_read} - writes)


def entries(records: Iterable[AuditRecord]) -> list[Entry]:
    return [_entry(record) for record in records]


def _entry(record: AuditRecord) -> Entry:
    actor = record.assumed_by or record.actor_arn
    tone: Tone = "ok" if record.result == "success" else "bad"
    return Entry(
        record=record,
        what=record.action.rpartition(":")[2],
        subject=_subject(record),
        url=links.of_arn(record.resource) if record.resource.startswith("arn:") else "",
        who=person(actor) if actor else record.actor_name,
        actor=actor or record.actor_name,
        role=record.role_arn.rpartition("/")[2],
        tone=tone,
        details=tuple(_change(change) for change in record.changes[:3]),
    )


def _subject(record: AuditRecord) -> str:
    resource = record.resource
    if resource in {"", "*"}:
        return ""
    parts = resource.split(":", 5)[-1].split("/")
    return "/".join(parts[1:]) if len(parts) > 1 else resource


def _change(change: dict[str, Any]) -> str:
    before, after = _short(change.get("before")), _short(change.get("after"))
    return f"{change.get('field', '')} {before} → {after}"


def _short(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else str(value)
    text = text.rsplit("/", 1)[-1] if text.startswith("arn:") else text
    return text if len(text) <= 40 else f"{text[:37]}…"
