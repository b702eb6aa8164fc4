"""Availability zone rebalancing: a steady service whose zones differ by more than one task moves tasks, one move at a
time as far as maximumPercent allows. Standard library only.

A move is two plans. The first starts a task in the zone with the fewest; it is `held` while it starts, though there is
then one too many. When it is healthy the surplus is stopped as ever, and that takes from the fullest zone. Nothing is
kept in memory: both plans are made from the counts of tasks per zone alone.

It ends: a task is started only where one of another zone, of the same capacity provider, may go for it, so that every
move brings two zones nearer to each other. Protected tasks count but never go, and start nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.scheduler import wording
from services.scheduler.census import Census
from services.scheduler.filters import LASTING, Request, Slot, fits
from services.scheduler.model import Instance, Revision, Snapshot, StartTask, Task
from services.scheduler.placement import AVAILABILITY_ZONE, place, reserved
from services.scheduler.providers import requests_of
from services.scheduler.rollout import Goal

Target = tuple[str, str]  # (zone, provider)


def applies(snapshot: Snapshot, goal: Goal) -> bool:
    """It is wanted, nothing is being deployed, and the first strategy spreads over zones, as ECS demands."""
    revision = goal.revision
    if not snapshot.rebalance or snapshot.deployment is not None or goal.rolling or revision is None:
        return False
    first = revision.strategies[0] if revision.strategies else None
    return first is None or (first.type == "spread" and first.field == f"attribute:{AVAILABILITY_ZONE}")


def is_under_way(snapshot: Snapshot) -> bool:
    """It was said that the zones are not even, and not yet that they are."""
    for said in reversed(snapshot.last_events):
        if wording.UNBALANCED in said or wording.BALANCED in said:
            return wording.UNBALANCED in said
    return False


def zones(snapshot: Snapshot, revision: Revision, tasks: Iterable[Task]) -> dict[str, int]:
    """Tasks in each zone that may take some."""
    able = _able(snapshot, requests_of(revision, snapshot.group))
    counts = dict.fromkeys(sorted({zone for zone, _ in able}), 0)
    where = zone_by_instance(snapshot)
    for task in tasks:
        zone = where.get(task.instance or "")
        if zone in counts:
            counts[zone] += 1
    return counts


def zone_by_instance(snapshot: Snapshot) -> dict[str, str]:
    return {instance.id: _zone(instance) for instance in snapshot.instances}


def _zone(instance: Instance) -> str:
    return instance.attributes.get(AVAILABILITY_ZONE, "")


def _able(snapshot: Snapshot, requests: Mapping[str, Request]) -> set[Target]:
    """The zones in which a provider has an instance that would do, were there room."""
    return {
        (_zone(one), name)
        for name, request in requests.items()
        for one in snapshot.instances
        if one.placeable and fits(Slot.of(one, 0, 0, request.group), request, LASTING)
    }


def held(snapshot: Snapshot, census: Census, goal: Goal, stay: Sequence[Task]) -> frozenset[str]:
    """Tasks that start in a zone which, with them, has still fewer than the fullest: surplus on purpose."""
    if not applies(snapshot, goal) or goal.revision is None:
        return frozenset()
    counts = zones(snapshot, goal.revision, stay)
    where = zone_by_instance(snapshot)
    most = max(counts.values(), default=0)
    coming = [task for task in stay if not census.is_healthy(task)]
    return frozenset(t.id for t in coming if counts.get(where.get(t.instance or "", ""), most) <= most - 1)


@dataclass(frozen=True, slots=True)
class Moves:
    """`full_zone`: one that should have got a task but has no room. `protected`: the tasks whose protection alone keeps
    the zones from being even."""

    starts: tuple[StartTask, ...] = ()
    full_zone: str = ""
    protected: tuple[Task, ...] = ()


def moves(snapshot: Snapshot, goal: Goal, stay: Sequence[Task], room: int) -> Moves:
    """At most `room` starts.

    a 6, b 0: three, since b with three is as full as a will be. a 2, b 1: none, for it would only turn round. a 6 of
    which five are protected, b 0: one.
    """
    revision = goal.revision
    if revision is None or room <= 0:
        return Moves()
    requests = requests_of(revision, snapshot.group)
    able = _able(snapshot, requests)
    counts = zones(snapshot, revision, stay)
    free, kept = _by_zone(snapshot, requests, stay)
    most: dict[Target, int] = {}  # where there is no room for more
    while True:
        wanted = _wanted(counts, free, able, room, most)
        starts, full = _place(snapshot, revision, requests, stay, wanted)
        if full is None:
            break
        target, fitting = full
        most[target] = fitting
    full_zone = next((zone for zone, _ in most), "")
    if starts:
        return Moves(starts, full_zone)
    further = _wanted(counts, kept, able, 1, most)
    return Moves((), full_zone, tuple(task for task in stay if task.protected) if further else ())


def _by_zone(
    snapshot: Snapshot, requests: Mapping[str, Request], stay: Iterable[Task]
) -> tuple[Counter[Target], Counter[Target]]:
    """The tasks of each zone and provider: (that may go, that are protected)."""
    where = zone_by_instance(snapshot)
    free: Counter[Target] = Counter()
    kept: Counter[Target] = Counter()
    for task in stay:
        provider = task.provider if "" not in requests else ""
        if task.instance in where and provider in requests:
            (kept if task.protected else free)[where[task.instance], provider] += 1
    return free, kept


def _wanted(
    counts: Mapping[str, int],
    free: Mapping[Target, int],
    able: set[Target],
    room: int,
    most: Mapping[Target, int],
) -> dict[Target, int]:
    """How many to start of each provider in each zone, `room` in all and `most` of each."""
    now, left = dict(counts), Counter(free)
    found: Counter[Target] = Counter()
    while room > 0:
        open_ = {target for target in able if found[target] < most.get(target, room + found[target])}
        move = _next(now, left, open_)
        if move is None:
            break
        source, target = move
        now[source] -= 1
        now[target[0]] += 1
        left[source, target[1]] -= 1
        found[target] += 1
        room -= 1
    return dict(found)


def _next(
    counts: Mapping[str, int], free: Mapping[Target, int], able: set[Target]
) -> tuple[str, Target] | None:
    """The fullest zone that can give one to the emptiest while they differ by two or more, and what it gives."""
    fullest = sorted(counts, key=lambda zone: (-counts[zone], zone))
    for source in fullest:
        givable = sorted(provider for (zone, provider), count in free.items() if zone == source and count > 0)
        for zone in sorted(counts, key=lambda zone: (counts[zone], zone)) if givable else ():
            if counts[source] - counts[zone] < 2:
                break
            for provider in givable:
                if (zone, provider) in able:
                    return source, (zone, provider)
    return None


def _place(
    snapshot: Snapshot,
    revision: Revision,
    requests: Mapping[str, Request],
    stay: Sequence[Task],
    wanted: Mapping[Target, int],
) -> tuple[tuple[StartTask, ...], tuple[Target, int] | None]:
    """The starts, and what had room for fewer than wanted: (where, how many)."""
    chosen: Counter[str] = Counter()
    starts: list[StartTask] = []
    staying = Counter(task.instance for task in stay if task.instance is not None)
    taken = Counter(task.instance for task in snapshot.tasks if task.instance is not None)
    for (zone, provider), count in wanted.items():
        here = [
            reserved(one, revision.demand, chosen[one.id], snapshot.group)
            for one in snapshot.instances
            if _zone(one) == zone
        ]
        placed = place(
            here,
            requests[provider],
            count,
            tasks_by_instance=staying + chosen,
            taken_by_instance=taken + chosen,
            strategies=revision.strategies,
            seed=snapshot.seed,
        )
        if placed.refusal is not None:
            return (), ((zone, provider), len(placed.chosen))
        chosen.update(placed.chosen)
        starts += [StartTask(revision.id, None, one, provider, rebalanced_to=zone) for one in placed.chosen]
    return tuple(starts), None


def is_balanced(counts: Mapping[str, int]) -> bool:
    return not counts or max(counts.values()) - min(counts.values()) < 2


def told(counts: Mapping[str, int]) -> str:
    """3 tasks in a, 1 tasks in b, 2 tasks in c: as ECS counts them."""
    return ", ".join(f"{count} tasks in {zone or 'no zone'}" for zone, count in sorted(counts.items()))
