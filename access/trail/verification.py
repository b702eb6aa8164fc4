"""Is the trail whole? Recomputes the chain and says which records were altered, removed, inserted or moved."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import connection
from django.db.models import Subquery

from access.trail.chain import (
    CONTENT,
    canonical,
    digest,
    facts_of_chain,
    facts_of_checkpoint,
    signed_well,
)
from access.trail.database_guard import installed
from access.trail.models import AuditChain, AuditCheckpoint, AuditRecord
from base.clock import now

logger = logging.getLogger(__name__)

MOST_PROBLEMS = 100
CHUNK = 2000
LATE = timedelta(minutes=10)
"""A record this much older than a checkpoint sealed before it was not written when it says."""

Kind = Literal["altered", "removed", "inserted", "moved", "backdated", "checkpoint", "head", "guard"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `seq` and `record` (its id) where it is about a record; `message` is a sentence."""

    kind: Kind
    message: str
    seq: int | None = None
    record: int | None = None


@dataclass
class Verification:
    """What a verification found. Records `first` to `last` were checked; `unsealed` wait for their seal."""

    at: datetime
    first: int = 0
    last: int = 0
    records: int = 0
    unsealed: int = 0
    checkpoints: int = 0
    head: str = ""
    problems: list[Problem] = field(default_factory=list)
    more: bool = False
    """Further problems than MOST_PROBLEMS."""

    @property
    def whole(self) -> bool:
        return not self.problems

    def add(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more = True

    def as_dict(self) -> dict[str, Any]:
        """As JSON: camelCase is the faces' business."""
        return asdict(self) | {"at": self.at.isoformat(), "whole": self.whole}


@dataclass(slots=True)
class _Link:
    seq: int
    id: int
    text: str
    hash: str
    at: datetime


def verify(expected: tuple[int, str] | None = None) -> Verification:
    """Check every record that is there, every checkpoint, the head, and the database's guard.

    `expected`: a (number, hash) noted outside earlier, which catches a database put back to an older state as well.
    Reads only; memory is bounded. Sealing and retention may go on meanwhile.
    """
    while True:
        chain = AuditChain.objects.filter(key="this").first()
        found = _verified(chain, expected)
        after = AuditChain.objects.filter(key="this").values_list("forgotten_seq", flat=True).first()
        if chain is None or after == chain.forgotten_seq:
            return found


def verify_and_note(expected: tuple[int, str] | None = None) -> Verification:
    """`verify`, with its outcome kept for the page and the log."""
    found = verify(expected)
    AuditChain.objects.filter(key="this").update(
        verified_at=found.at,
        verified_seq=found.last,
        verified_problems=[problem.message for problem in found.problems[:20]],
    )
    for problem in found.problems[:20]:
        logger.error("audit trail: %s", problem.message)
    return found


def _verified(chain: AuditChain | None, expected: tuple[int, str] | None) -> Verification:
    found = Verification(at=now(), unsealed=AuditRecord.objects.filter(seq__isnull=True).count())
    if not installed(connection):
        found.add(Problem("guard", "The database's guard against changes is missing or switched off."))
    if chain is None:
        chain = AuditChain()
        if AuditRecord.objects.filter(seq__isnull=False).exists() or AuditCheckpoint.objects.exists():
            found.add(Problem("head", "The chain's head was removed."))
    elif chain.seq and not signed_well(facts_of_chain(chain), chain.key_id, chain.signature):
        found.add(
            Problem(
                "head",
                "The chain's head is not signed by this installation: it was altered, or the key is lost.",
            )
        )
    found.first, found.last, found.head = chain.forgotten_seq + 1, chain.seq, chain.hash
    checkpoints = _checkpoints(found, chain)
    _walk(found, chain, checkpoints, expected)
    head = AuditChain.objects.filter(key="this").values("seq")
    beyond = AuditRecord.objects.filter(seq__gt=Subquery(head)).order_by("seq")
    for seq, key in beyond.values_list("seq", "id")[:MOST_PROBLEMS]:
        found.add(Problem("inserted", f"Record {seq} lies beyond the chain's head.", seq, key))
    return found


def _checkpoints(found: Verification, chain: AuditChain) -> dict[int, AuditCheckpoint]:
    """The checkpoints that hold, by the number of their record; what is wrong with the others goes to `found`."""
    good: dict[int, AuditCheckpoint] = {}
    number, previous, released = 0, "", None
    for checkpoint in (
        AuditCheckpoint.objects.filter(number__lte=chain.checkpoints).order_by("number").iterator()
    ):
        number += 1
        found.checkpoints += 1
        if checkpoint.number != number:
            found.add(Problem("checkpoint", f"Checkpoints {number} to {checkpoint.number - 1} were removed."))
        elif checkpoint.previous != previous:
            found.add(
                Problem(
                    "checkpoint", f"Checkpoint {number} does not follow from the one before.", checkpoint.seq
                )
            )
        if signed_well(facts_of_checkpoint(checkpoint), checkpoint.key_id, checkpoint.signature):
            good[checkpoint.seq] = checkpoint
            if checkpoint.kind == AuditCheckpoint.Kind.RETENTION:
                released = checkpoint
        else:
            found.add(
                Problem("checkpoint", f"Checkpoint {number} was altered, or the key is lost.", checkpoint.seq)
            )
        number, previous = checkpoint.number, checkpoint.signature
    if number < chain.checkpoints:
        found.add(Problem("checkpoint", f"Checkpoints {number + 1} to {chain.checkpoints} were removed."))
    if chain.forgotten_seq != (released.seq if released is not None else 0):
        found.add(Problem("head", "No checkpoint of the retention says where the trail begins."))
    return good


def _walk(
    found: Verification,
    chain: AuditChain,
    checkpoints: dict[int, AuditCheckpoint],
    expected: tuple[int, str] | None,
) -> None:
    """Every link against the one before it. After a break the stored hash is taken as given: one intrusion is told
    once, and the checkpoints tell whether what follows is the original."""
    start = checkpoints.get(chain.forgotten_seq)
    before = _Link(chain.forgotten_seq, 0, "", start.hash if start is not None else "", datetime.min)
    earlier: _Link | None = None
    known = chain.forgotten_seq == 0 or start is not None
    latest_checkpoint: AuditCheckpoint | None = start
    explained = 0
    links = _links(chain.forgotten_seq, chain.seq)
    link = next(links, None)
    while link is not None:
        following = next(links, None)
        found.records += 1
        if link.seq > before.seq + 1:
            _removed(found, before.seq + 1, link.seq - 1)
        elif known and digest(before.hash, link.text) != link.hash:
            problem = _broken(earlier, before, link, following)
            # Two neighbours changing places break three links: told once.
            if not (problem.kind == "inserted" and link.seq <= explained):
                found.add(problem)
            if problem.kind == "moved":
                explained = link.seq + 2
        if latest_checkpoint is not None and link.at < latest_checkpoint.at - LATE:
            found.add(_backdated(link, latest_checkpoint))
        checkpoint = checkpoints.get(link.seq)
        if checkpoint is not None:
            latest_checkpoint = checkpoint
            if checkpoint.hash != link.hash:
                message = f"Checkpoint {checkpoint.number} knows another record {link.seq}"
                message += ": what lies before it was rewritten."
                found.add(Problem("checkpoint", message, link.seq, link.id))
        if expected is not None and expected[0] == link.seq and expected[1] != link.hash:
            found.add(Problem("head", f"Record {link.seq} is not the one that was noted.", link.seq, link.id))
        earlier, before, known, link = before, link, True, following
    if before.seq < chain.seq:
        _removed(found, before.seq + 1, chain.seq)
    elif before.hash != chain.hash and found.records:
        found.add(Problem("head", f"The chain's head knows another record {chain.seq}.", chain.seq))
    if expected is not None and not chain.forgotten_seq < expected[0] <= chain.seq:
        found.add(
            Problem("head", f"Record {expected[0]}, which was noted, is not in the trail.", expected[0])
        )


def _removed(found: Verification, first: int, last: int) -> None:
    what = f"Record {first} was" if first == last else f"Records {first} to {last} were"
    found.add(Problem("removed", f"{what} removed.", first))


def _broken(earlier: _Link | None, before: _Link, link: _Link, following: _Link | None) -> Problem:
    """Why `link` does not follow from `before`: told by what it does follow from."""
    if earlier is not None and digest(earlier.hash, link.text) == link.hash:
        return Problem("inserted", f"Record {before.seq} was inserted.", before.seq, before.id)
    if following is not None and digest(following.hash, link.text) == link.hash:
        return Problem("moved", f"Record {link.seq} stood after record {following.seq}.", link.seq, link.id)
    return Problem("altered", f"Record {link.seq} was altered, or one before it removed.", link.seq, link.id)


def _backdated(link: _Link, checkpoint: AuditCheckpoint) -> Problem:
    message = f"Record {link.seq} says {link.at:%Y-%m-%d %H:%M:%S}"
    message += f", but was written after a checkpoint of {checkpoint.at:%Y-%m-%d %H:%M:%S}."
    return Problem("backdated", message, link.seq, link.id)


def _links(after: int, upto: int) -> Iterator[_Link]:
    """By number, a chunk at a time."""
    while True:
        rows = list(
            AuditRecord.objects.filter(seq__gt=after, seq__lte=upto)
            .order_by("seq", "id")
            .values("seq", "hash", *CONTENT)[:CHUNK]
        )
        for row in rows:
            yield _Link(row["seq"], row["id"], canonical(row), row["hash"], row["at"])
        if len(rows) < CHUNK:
            return
        after = rows[-1]["seq"]
