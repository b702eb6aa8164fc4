"""Where tasks start, and which ones go first: one brain for both. Standard library only.

Filters say where a task may run (`filters`); the strategies rank what is left. Starting takes the lowest rank,
scaling in takes the highest, so that what is stopped is what would not have been placed again.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from services.scheduler.filters import (
    LASTING,
    PASSING,
    Refusal,
    Request,
    Slot,
    filters_for,
    fits,
    refusal,
)
from services.scheduler.model import Demand, Instance, Strategy, Task

AVAILABILITY_ZONE = "ecs.availability-zone"
DEFAULT: tuple[Strategy, ...] = (Strategy("spread", f"attribute:{AVAILABILITY_ZONE}"),)

Rank = tuple[float | int | str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Instance ids, one per task placed, in order; `refusal` says why there are fewer than asked for."""

    chosen: tuple[str, ...]
    refusal: Refusal | None = None


class Ranking:
    """Ranks slots by the strategies in sequence; ties go to the fewest tasks of the service, then to the most room.

    Holds the count of tasks per attribute value for every spread strategy, and keeps it true as tasks come and go.
    """

    def __init__(self, strategies: Sequence[Strategy], slots: Iterable[Slot], seed: int) -> None:
        strategies = tuple(strategies) or DEFAULT
        self._random = random.Random(seed)  # noqa: S311 - placement, not secrets
        self._groups: dict[str, Counter[str]] = {
            name: Counter() for s in strategies if (name := _attribute(s)) is not None
        }
        self._keys = [self._key(strategy) for strategy in strategies]
        for slot in slots:
            self._count(slot, slot.count)

    def rank(self, slot: Slot) -> Rank:
        return (*[key(slot) for key in self._keys], slot.count, -slot.cpu, -slot.memory, slot.id)

    def _key(self, strategy: Strategy) -> Callable[[Slot], float | int]:
        if strategy.type == "random":
            return lambda slot: self._random.random()
        if strategy.type == "binpack":
            return attrgetter("cpu" if strategy.field.lower() == "cpu" else "memory")
        name = _attribute(strategy)
        if name is None:
            return attrgetter("count")
        counts = self._groups[name]
        return lambda slot: counts[slot.instance.attributes.get(name, "")]

    def add(self, slot: Slot, demand: Demand) -> None:
        slot.reserve(demand)
        slot.count += 1
        self._count(slot, 1)

    def take_away(self, slot: Slot, demand: Demand) -> None:
        slot.release(demand)
        slot.count -= 1
        self._count(slot, -1)

    def _count(self, slot: Slot, change: int) -> None:
        for name, counts in self._groups.items():
            counts[slot.instance.attributes.get(name, "")] += change


def _attribute(strategy: Strategy) -> str | None:
    """The attribute a spread strategy spreads over; None for instanceId, host and other types."""
    if strategy.type != "spread" or strategy.field in ("", "instanceId", "host"):
        return None
    return strategy.field.removeprefix("attribute:")


def place(
    instances: Sequence[Instance],
    request: Request,
    count: int,
    *,
    tasks_by_instance: Mapping[str, int] | None = None,
    taken_by_instance: Mapping[str, int] | None = None,
    strategies: Sequence[Strategy] = (),
    seed: int = 0,
) -> Placement:
    """Choose an instance for each of `count` equal tasks.

    tasks_by_instance: the service's tasks that are to stay, for spread. taken_by_instance: all of its tasks,
    for distinctInstance (the same where not given). Each choice is reserved before the next is made.
    O(count x instances): 1,000 tasks on 200 instances take about 0.2 s.
    """
    slots = _slots(instances, tasks_by_instance or {}, taken_by_instance, request.group)
    ranking = Ranking(strategies, slots, seed)
    filters = filters_for(request)
    candidates = [slot for slot in slots if fits(slot, request, filters)]
    chosen: list[str] = []
    while len(chosen) < count:
        if not candidates:
            return Placement(tuple(chosen), refusal(instances, slots, request))
        best = min(candidates, key=ranking.rank)
        ranking.add(best, request.demand)
        chosen.append(best.id)
        if not fits(best, request, filters):
            # Room only shrinks while placing: what does not fit once is not looked at again.
            candidates.remove(best)
    return Placement(tuple(chosen))


def _slots(
    instances: Iterable[Instance], counts: Mapping[str, int], taken: Mapping[str, int] | None, group: str
) -> list[Slot]:
    taken = counts if taken is None else taken
    return [Slot.of(i, taken.get(i.id, 0), counts.get(i.id, 0), group) for i in instances if i.placeable]


def choose_victims(
    instances: Sequence[Instance],
    candidates: Sequence[Task],
    count: int,
    *,
    demands: Mapping[str, Demand],
    tasks_by_instance: Mapping[str, int],
    request: Request | None = None,
    strategies: Sequence[Strategy] = (),
    seed: int = 0,
) -> tuple[str, ...]:
    """Which `count` of the candidates to stop so that what stays is placed best: ids, in order.

    demands: by revision id. tasks_by_instance counts the candidates too. Tasks on instances that are gone go
    first, then those on instances where `request` could never be placed again; on one instance the newest goes first.
    """
    slots = {i.id: Slot.of(i, 0, tasks_by_instance.get(i.id, 0)) for i in instances}
    ranking = Ranking(strategies, slots.values(), seed)
    by_slot = _by_instance(sorted(candidates, key=lambda task: (task.created_at, task.id)))
    victims = [task.id for place, tasks in by_slot.items() if place not in slots for task in tasks]
    while len(victims) < count:
        standing = [slots[place] for place, tasks in by_slot.items() if tasks and place in slots]
        if not standing:
            break
        worst = max(standing, key=lambda slot: (_unfit(slot, request), ranking.rank(slot)))
        task = by_slot[worst.id].pop()
        ranking.take_away(worst, demands.get(task.revision, _NOTHING))
        victims.append(task.id)
    return tuple(victims[: max(0, count)])


def _unfit(slot: Slot, request: Request | None) -> bool:
    return request is not None and not fits(slot, request, LASTING)


_NOTHING = Demand(0, 0)


def _by_instance(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    """Grouped, in the order given."""
    found: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.instance or ""].append(task)
    return found


def reserved(instance: Instance, demand: Demand, count: int, group: str) -> Instance:
    """The instance as it will be with `count` more tasks of the group on it."""
    if not count:
        return instance
    return replace(
        instance,
        cpu_reserved=instance.cpu_reserved + demand.cpu * count,
        memory_reserved=instance.memory_reserved + demand.memory * count,
        ports=instance.ports | demand.ports,
        gpus_reserved=instance.gpus_reserved + demand.gpus * count,
        running_tasks=instance.running_tasks + count,
        groups={**instance.groups, group: instance.groups.get(group, 0) + count},
    )


@dataclass(frozen=True, slots=True)
class Room:
    """How room comes about for tasks that do not fit now. `coming`: how many will fit once the leaving tasks are
    gone; `groups`: what to stop so that more do, one group of task ids per task to place, cheapest first."""

    coming: int
    groups: tuple[tuple[str, ...], ...]


def make_room(
    instances: Sequence[Instance],
    request: Request,
    count: int,
    *,
    demands: Mapping[str, Demand],
    leaving: Sequence[Task],
    candidates: Sequence[Task],
    taken_by_instance: Mapping[str, int],
) -> Room:
    """For `count` tasks that were refused: wait for the leaving ones, or stop candidates where fewest have to go.

    A task that must free two instances' worth of room frees it on one instance, not half on each of two.
    """
    slots = {slot.id: slot for slot in _slots(instances, {}, taken_by_instance, request.group)}
    for task in leaving:
        if task.instance in slots:
            slots[task.instance].release(demands.get(task.revision, _NOTHING))
    coming = _fill(slots.values(), request, count)
    by_slot = _by_instance(candidates)
    groups: list[tuple[str, ...]] = []
    for _ in range(count - coming):
        options = [
            (len(tasks), slot.id, tasks)
            for slot in slots.values()
            if (tasks := _cheapest(slot, request, by_slot.get(slot.id, []), demands))
        ]
        if not options:
            break
        _, where, tasks = min(options, key=lambda option: option[:2])
        for task in tasks:
            slots[where].release(demands.get(task.revision, _NOTHING))
            by_slot[where].remove(task)
        slots[where].reserve(request.demand)
        groups.append(tuple(task.id for task in tasks))
    return Room(coming, tuple(groups))


def _fill(slots: Iterable[Slot], request: Request, count: int) -> int:
    placed = 0
    for slot in slots:
        while placed < count and fits(slot, request):
            slot.reserve(request.demand)
            placed += 1
    return placed


def _cheapest(
    slot: Slot, request: Request, tasks: Sequence[Task], demands: Mapping[str, Demand]
) -> tuple[Task, ...]:
    """The fewest tasks of this instance, in the order given, whose end lets the request fit; () where none does."""
    if not fits(slot, request, LASTING):
        return ()
    trial = slot.copy()
    gone: list[Task] = []
    for task in tasks:
        gone.append(task)
        trial.release(demands.get(task.revision, _NOTHING))
        if fits(trial, request, PASSING):
            return tuple(gone)
    return ()
