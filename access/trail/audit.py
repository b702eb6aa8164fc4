"""The audit trail: what an operation's body adds to its record, and how records are written. How they are sealed and
forgotten is in access/trail/chain.py."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models, transaction

from access.trail.models import AuditRecord
from base import jobs_by_name
from base.prepared import insert

logger = logging.getLogger(__name__)

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SECRET_WORDS = ("password", "secret", "credential", "privatekey", "authorization", "client_key", "clientkey")
_SECRET_EXCEPTIONS = {
    "secrets",
    "secretoptions",
    "repositorycredentials",
    "credentialspecs",
    "secret_id",
    "secretid",
}  # references, not values
_LONGEST_TEXT = 2000
_LONGEST_LIST = 200
_DEEPEST = 12
# What stands in columns of text; parameters, changes and contexts have been through `presentable`.
_TEXTS = ("actor_name", "source_ip", "user_agent", "resource", "error_message")
# Seconds in which a process's records share one wake-up of the sealer, and how much later that one comes.
_GATHER, _MARGIN = 0.25, 0.1
_asked_until = 0.0


@dataclass
class Notes:
    """What the body of the running operation has said about itself."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)


_notes: ContextVar[Notes | None] = ContextVar("audit_notes", default=None)


@contextmanager
def taking_notes() -> Iterator[Notes]:
    """Collects what `note_change` and `note_resource` say inside the block."""
    notes = Notes()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note_change(field_name: str, before: Any, after: Any) -> None:
    """Say what a write changed ("desiredCount", 2, 4). Outside an operation, and when nothing changed, does nothing."""
    notes = _notes.get()
    if notes is not None and before != after:
        notes.changes.append(
            {
                "field": field_name,
                "before": presentable(before, field_name),
                "after": presentable(after, field_name),
            }
        )


def note_resource(arn: str) -> None:
    """Add the ARN of something the operation made, known only now, to its record."""
    notes = _notes.get()
    if notes is not None and arn not in notes.resources:
        notes.resources.append(arn)


def presentable(value: Any, name: str = "", hidden: Sequence[str] = (), depth: int = 0) -> Any:
    """`value` as JSON fit to be kept and shown: secrets hidden, environments' values hidden, long things cut.

    `name` is the field it stands in, `hidden` the names whose values are secret besides those that sound so.
    """
    if name in hidden or _sounds_secret(name):
        return HIDDEN if value not in (None, "", [], {}) else value
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {
            _storable(str(key)): presentable(item, str(key), hidden, depth + 1) for key, item in value.items()
        }
    if isinstance(value, str):
        value = _storable(value)
        return (
            value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}... ({len(value)} characters)"
        )
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # no JSON
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        kept = list(value)[:_LONGEST_LIST]
        return [
            _environment(item) if name == "environment" else presentable(item, "", hidden, depth + 1)
            for item in kept
        ]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, models.Model):
        return str(getattr(value, "arn", value.pk))
    return _storable(str(value))[:_LONGEST_TEXT]


def _environment(item: Any) -> Any:
    if isinstance(item, Mapping) and "name" in item:
        return {"name": _storable(str(item["name"]))[:_LONGEST_TEXT], "value": HIDDEN}
    return HIDDEN


def _sounds_secret(name: str) -> bool:
    lowered = name.lower()
    return lowered not in _SECRET_EXCEPTIONS and any(word in lowered for word in _SECRET_WORDS)


def write(record: AuditRecord) -> None:
    """Write a record in the transaction at hand. Raises when it cannot: what is not audited does not happen."""
    for name in _TEXTS:
        setattr(record, name, _storable(getattr(record, name)))
    insert(record)
    transaction.on_commit(_wake_sealer, robust=True)


def write_alone(records: Sequence[AuditRecord]) -> None:
    """Write records of what did not happen. A failure to write is logged: it must not hide the refusal itself."""
    for record in records:
        try:
            write(record)
        except Exception:
            logger.exception("audit record lost: %s", record)


def _storable(text: str) -> str:
    """Without what a database refuses in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _wake_sealer() -> None:
    """Ask for the sealing job, a moment from now, unless this process has just done so: that job sees this record as
    well. At most four messages a second from a process, however many records it writes."""
    global _asked_until
    moment = time.monotonic()
    if moment < _asked_until:
        return
    _asked_until = moment + _GATHER
    jobs_by_name.send("access.seal_audit", delay=_GATHER + _MARGIN)
