"""What changed and who did it, from the audit trail, in words: for the overview, a cluster and the audit list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from access.registry import Caller, all_operations
from access.trail.models import AuditRecord
from access.trail.search import lookup_events
from console.web import links
from console.web.parts import Change, Tone
from console.web.service_words import person

# Not changes of what runs: left out of "last changes", kept in the audit list.
_NOT_CHANGES = ("signin:", "sts:")
MOST_DETAILS = 3
_MISSING = object()


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
        details=tuple(_line(change) for change in islice(differences_of(record.changes), MOST_DETAILS)),
    )


def _subject(record: AuditRecord) -> str:
    resource = record.resource
    if resource in {"", "*"}:
        return ""
    if ":secret:" in resource:
        return links.secret_name(resource)
    parts = resource.split(":", 5)[-1].split("/")
    return "/".join(parts[1:]) if len(parts) > 1 else resource


def differences_of(recorded: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """The record's changes, field by field; of documents only what differs in them, under its path."""
    for change in recorded:
        yield from _between(str(change.get("field", "")), change.get("before"), change.get("after"))


def _between(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _between(f"{path}.{name}", before.get(name, _MISSING), after.get(name, _MISSING))
    elif isinstance(before, list) and isinstance(after, list) and _documents(before, after):
        for number in range(max(len(before), len(after))):
            yield from _between(f"{path}[{number}]", _at(before, number), _at(after, number))
    elif _set(before) != _set(after):
        short, other = _text(before), _text(after)
        yield Change(path, short, other) if short != other else Change(path, str(before), str(after))


def _documents(before: list[Any], after: list[Any]) -> bool:
    """Lists of documents are compared one by one, lists of words as a whole."""
    return any(isinstance(item, dict) for item in (*before, *after))


def _at(items: list[Any], number: int) -> Any:
    return items[number] if number < len(items) else _MISSING


def _set(value: Any) -> Any:
    return None if value is _MISSING else value


def _text(value: Any) -> str | None:
    """As people read it: of an ARN its last part."""
    if _set(value) is None:
        return None
    if isinstance(value, str):
        return value.rsplit("/", 1)[-1] if value.startswith("arn:") else value
    return json.dumps(value, ensure_ascii=False)


def _line(change: Change) -> str:
    return f"{change.label} {_short(change.before)} → {_short(change.after)}"


def _short(text: str | None) -> str:
    if text is None:
        return "–"
    return text if len(text) <= 40 else f"{text[:37]}…"
