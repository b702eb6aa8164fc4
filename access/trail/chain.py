"""Sealing: every record gets its place in a chain of hashes, so that whoever alters, removes or inserts one shows.

Writers never wait for it: they insert records without a place, in their own transactions, and wake one job. It takes
what is visible by then, in the order of ids, numbers it from the chain's head on, and hashes each record together with
the hash before it. Ids are not the order of commits: a record committed late is simply sealed later, under the next
number. Two sealers at once cannot both win: the head moves by an update guarded by its own signature.

    hash(n) = SHA-256(hash(n-1) as hex, newline, canonical JSON of record n);  hash(0) is ""

Hashes need no key, so an export can be checked by anybody. What an intruder in the database cannot make is the
signature (HMAC-SHA256 under a key that is not in the database) of the head and of the checkpoints. See docs/audit.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from access.trail.models import AuditChain, AuditCheckpoint, AuditRecord
from base.clock import now
from base.installation import installation_id

BATCH = 500
"""Records sealed in one transaction, and deleted in one."""
CHECKPOINT_EVERY = 1000
"""Records, at most, between two checkpoints; while anything happens there is one an hour besides."""
CHECKPOINT_AFTER = timedelta(hours=1)
_TRIES = 20

CONTENT = (
    "id",
    "at",
    "request_id",
    "actor_arn",
    "actor_name",
    "role_arn",
    "assumed_by",
    "face",
    "source_ip",
    "user_agent",
    "mfa",
    "operation",
    "action",
    "resource",
    "resources",
    "result",
    "error_code",
    "error_message",
    "parameters",
    "changes",
    "context",
)
"""The fields a hash covers: all but the hash itself and the number, which the chain gives."""


class SealingContested(Exception):
    """Other sealers won every time: there is nothing wrong, and the next wake-up goes on."""


# --- hashes and signatures ---------------------------------------------------------------------------


def canonical(record: Mapping[str, Any]) -> str:
    """A record's content as one JSON text: keys sorted, ASCII, no spaces, time in UTC with microseconds. What is
    empty is left out, so that a column added by a later release does not change old records' hashes."""
    content: dict[str, Any] = {}
    for name in CONTENT:
        value = record[name]
        if value is None or value == "" or value == [] or value == {}:
            continue
        content[name] = _moment(value) if isinstance(value, datetime) else _whole(value)
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _whole(value: Any) -> Any:
    """2.0 as 2: databases differ in which of the two they give back."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def digest(previous: str, text: str) -> str:
    """The hash of a record whose canonical text is `text`, after the hash `previous`."""
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def sign(facts: Mapping[str, Any]) -> tuple[str, str]:
    """(key id, signature) of `facts` under the first of SLIPWAY_AUDIT_KEYS, for this installation."""
    key = settings.SLIPWAY_AUDIT_KEYS[0]
    return _key_id(key), _mac(key, facts)


def signed_well(facts: Mapping[str, Any], key_id: str, signature: str) -> bool:
    """Whether `signature` of `facts` is right. A key that is no longer given makes it wrong."""
    key = next((key for key in settings.SLIPWAY_AUDIT_KEYS if _key_id(key) == key_id), None)
    return key is not None and hmac.compare_digest(_mac(key, facts), signature)


def _key_id(key: str) -> str:
    return hashlib.sha256(b"slipway-audit-key\n" + key.encode()).hexdigest()[:16]


def _mac(key: str, facts: Mapping[str, Any]) -> str:
    told = {name: _moment(value) if isinstance(value, datetime) else value for name, value in facts.items()}
    text = json.dumps({"installation": installation_id()} | told, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def facts_of_chain(chain: AuditChain) -> dict[str, Any]:
    names = ("seq", "hash", "sealed_at", "forgotten_seq", "checkpoints")
    return {"what": "head"} | {name: getattr(chain, name) for name in names}


def facts_of_checkpoint(checkpoint: AuditCheckpoint) -> dict[str, Any]:
    names = ("number", "kind", "at", "seq", "hash", "count", "previous")
    return {"what": "checkpoint"} | {name: getattr(checkpoint, name) for name in names}


# --- sealing -----------------------------------------------------------------------------------------


def seal() -> int:
    """Seal every record that is visible now; returns how many. Raises SealingContested."""
    sealed = 0
    while True:
        count = _moved(_seal_batch)
        sealed += count
        if count < BATCH:
            return sealed


def _moved(step: Callable[[], int | None]) -> int:
    """`step` until no other sealer came between."""
    for _ in range(_TRIES):
        count = step()
        if count is not None:
            return count
    raise SealingContested


def _seal_batch() -> int | None:
    """None when another sealer was faster. The head is read before the records: were it the other way round, records
    that another sealed in between would be taken for unsealed under the new head."""
    chain, _ = AuditChain.objects.get_or_create(key="this")
    rows = list(AuditRecord.objects.filter(seq__isnull=True).order_by("id").values(*CONTENT)[:BATCH])
    if not rows:
        return 0
    head, last = chain.signature, chain.hash
    places: list[tuple[int, str, int]] = []
    for seq, row in enumerate(rows, chain.seq + 1):
        last = digest(last, canonical(row))
        places.append((seq, last, row["id"]))
    chain.seq, chain.hash, chain.sealed_at = places[-1][0], last, now()
    with transaction.atomic():
        checkpoint = _checkpoint_due(chain)
        if not _move_head(chain, head):
            return None
        if checkpoint is not None:
            checkpoint.save(force_insert=True)
        _place(places)
    return len(rows)


def _place(places: Sequence[tuple[int, str, int]]) -> None:
    """One statement a record, sent together. Nobody else can have placed them: whoever does moves the head first."""
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE access_auditrecord SET seq = %s, hash = %s WHERE id = %s", places)
        if cursor.rowcount != len(places):
            raise RuntimeError(f"{len(places)} audit records were to be sealed, {cursor.rowcount} were there")


def _move_head(chain: AuditChain, signature_before: str) -> bool:
    """Write the chain's row as `chain` says, if it still is as it was read; in the transaction at hand."""
    chain.key_id, chain.signature = sign(facts_of_chain(chain))
    moved = AuditChain.objects.filter(key=chain.key, signature=signature_before).update(
        seq=chain.seq,
        hash=chain.hash,
        sealed_at=chain.sealed_at,
        forgotten_seq=chain.forgotten_seq,
        checkpoints=chain.checkpoints,
        key_id=chain.key_id,
        signature=chain.signature,
    )
    return bool(moved)


# --- checkpoints and retention ---------------------------------------------------------------------------


def _checkpoint_due(chain: AuditChain) -> AuditCheckpoint | None:
    last = AuditCheckpoint.objects.order_by("-number").first()
    if last is not None and chain.seq - last.seq < CHECKPOINT_EVERY and now() - last.at < CHECKPOINT_AFTER:
        return None
    return _checkpoint(chain, AuditCheckpoint.Kind.PERIODIC, chain.seq, chain.hash, last)


def _checkpoint(
    chain: AuditChain, kind: AuditCheckpoint.Kind, seq: int, hash_: str, last: AuditCheckpoint | None
) -> AuditCheckpoint:
    """The next checkpoint, not saved; counted in `chain`."""
    chain.checkpoints += 1
    made = AuditCheckpoint(
        number=chain.checkpoints,
        kind=kind,
        at=now(),
        seq=seq,
        hash=hash_,
        count=max(seq - (last.seq if last is not None else 0), 0),
        previous=last.signature if last is not None else "",
    )
    made.key_id, made.signature = sign(facts_of_checkpoint(made))
    return made


def forget_before(moment: datetime) -> int:
    """Apply the trail's retention: delete sealed records from the old end on, up to the first that is not older than
    `moment`; returns how many. A checkpoint keeps their last hash, so what remains can still be proven whole.
    Interrupted, it goes on at the next call."""
    seal()
    _moved(lambda: _release_before(moment))
    chain = AuditChain.objects.filter(key="this").first()
    return _delete_up_to(chain.forgotten_seq) if chain is not None else 0


def _release_before(moment: datetime) -> int | None:
    """Mark what may be deleted: how many records, None when another was faster."""
    chain = AuditChain.objects.filter(key="this").first()
    if chain is None:
        return 0
    head = chain.signature
    left = AuditRecord.objects.filter(seq__gt=chain.forgotten_seq, seq__lte=chain.seq)
    first_kept = left.filter(at__gte=moment).order_by("seq").values_list("seq", flat=True).first()
    upto = first_kept - 1 if first_kept is not None else chain.seq
    count = upto - chain.forgotten_seq
    if count <= 0:
        return 0
    hash_ = left.filter(seq=upto).values_list("hash", flat=True).first()
    if hash_ is None:
        raise RuntimeError(f"audit record {upto} is missing: verify the trail before forgetting more of it")
    chain.forgotten_seq = upto
    with transaction.atomic():
        last = AuditCheckpoint.objects.order_by("-number").first()
        checkpoint = _checkpoint(chain, AuditCheckpoint.Kind.RETENTION, upto, hash_, last)
        if not _move_head(chain, head):
            return None
        checkpoint.save(force_insert=True)
    return count


def _delete_up_to(seq: int) -> int:
    deleted = 0
    while True:
        # Deleted in small transactions, so that no writer waits long for SQLite's one lock.
        first = AuditRecord.objects.filter(seq__lte=seq).order_by("seq").values_list("seq", flat=True).first()
        if first is None:
            return deleted
        upto = min(first + BATCH, seq)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM access_auditrecord WHERE seq <= %s", [upto])
            deleted += cursor.rowcount
