"""Availability zone rebalancing: a steady service whose zones differ by more than one task moves tasks, one move at a
time as far as maximumPercent allows. Standard library only.

A move is two plans. The first starts a task in the zone with the fewest; it is `held` while it starts, though there is
then one too many. When it is healthy the surplus is stopped as ever, and that takes from the fullest zone. Nothing is
kept in memory: both plans are made from the counts of tasks per zone alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from services.scheduler.census import Census
from services.scheduler.filters import LASTING, Request, Slot
from services.scheduler.model import Instance, Revision, Snapshot, Task
from services.scheduler.placement import AVAILABILITY_ZONE, place
from services.scheduler.rollout import Goal


def applies(snapshot: Snapshot, goal: Goal) -> bool:
    """It is wanted, nothing is being deployed, and the first strategy spreads over zones, as ECS demands."""
    revision = goal.revision
    if not snapshot.rebalance or snapshot.deployment is not None or goal.rolling or revision is None:
        return False
    first = revision.strategies[0] if revision.strategies else None
    spreads = first is None or (first.type == "spread" and first.field == f"attribute:{AVAILABILITY_ZONE}")
    return spreads and not revision.providers


def zones(snapshot: Snapshot, revision: Revision, tasks: Iterable[Task]) -> dict[str, int]:
    """Tasks in each zone that could take some, or has some."""
    request = Request.of(revision, snapshot.group)
    counts: dict[str, int] = dict.fromkeys(sorted(_able(snapshot.instances, request)), 0)
    where = {instance.id: _zone(instance) for instance in snapshot.instances}
    for task in tasks:
        if task.instance in where:
            zone = where[task.instance]
            counts[zone] = counts.get(zone, 0) + 1
    return counts


def _zone(instance: Instance) -> str:
    return instance.attributes.get(AVAILABILITY_ZONE, "")


def _able(instances: Sequence[Instance], request: Request) -> set[str]:
    return {
        _zone(one)
        for one in instances
        if one.placeable and not any(check(Slot.of(one, 0, 0, request.group), request) for check in LASTING)
    }


def held(snapshot: Snapshot, census: Census, goal: Goal, stay: Sequence[Task]) -> frozenset[str]:
    """Tasks that start in a zone which, with them, has still fewer than the fullest: surplus on purpose."""
    if not applies(snapshot, goal) or goal.revision is None:
        return frozenset()
    counts = zones(snapshot, goal.revision, stay)
    where = {instance.id: _zone(instance) for instance in snapshot.instances}
    most = max(counts.values(), default=0)
    coming = [task for task in stay if not census.is_healthy(task)]
    return frozenset(t.id for t in coming if t.instance in where and counts[where[t.instance]] <= most - 1)


def moves(
    snapshot: Snapshot, goal: Goal, stay: Sequence[Task], room: int
) -> tuple[list[tuple[str, str]], str]:
    """([(instance, its zone) to start a task on], a zone that should have got one but has no room). At most `room`.

    a 6, b 0: three moves, since b with three is as full as a will be. a 2, b 1: none, for it would only turn round.
    """
    revision = goal.revision
    if revision is None or room <= 0:
        return [], ""
    counts = zones(snapshot, revision, stay)
    wanted = _wanted(counts, room)
    chosen: list[tuple[str, str]] = []
    for zone, count in wanted.items():
        placed = place(
            [one for one in snapshot.instances if _zone(one) == zone],
            Request.of(revision, snapshot.group),
            count,
            tasks_by_instance=Counter(task.instance for task in stay if task.instance is not None),
            taken_by_instance=Counter(task.instance for task in snapshot.tasks if task.instance is not None),
            strategies=revision.strategies,
            seed=snapshot.seed,
        )
        chosen += [(instance, zone) for instance in placed.chosen]
        if placed.refusal is not None:
            return chosen, zone
    return chosen, ""


def _wanted(counts: Mapping[str, int], room: int) -> dict[str, int]:
    """Zone -> tasks to move there, each from the fullest to the emptiest while they differ by two or more."""
    now, found = dict(counts), Counter[str]()
    while now and room > 0:
        least = min(now, key=lambda zone: (now[zone], zone))
        most = max(now, key=lambda zone: (now[zone], zone))
        if now[most] - now[least] < 2:
            break
        now[least] += 1
        now[most] -= 1
        found[least] += 1
        room -= 1
    return dict(found)


def is_balanced(counts: Mapping[str, int]) -> bool:
    return not counts or max(counts.values()) - min(counts.values()) < 2


def told(counts: Mapping[str, int]) -> str:
    """3 tasks in a, 1 tasks in b and 2 tasks in c: as ECS counts them."""
    parts = [f"{count} tasks in {zone or 'no zone'}" for zone, count in sorted(counts.items())]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
