"""Capacity provider strategies: which provider each task goes to, and which loses tasks first. Standard library only.

A strategy binds: the share of a provider that is out of room waits for it, and is not given to another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from services.scheduler.filters import Refusal, Request
from services.scheduler.model import Instance, Provider, Revision, Strategy, Task
from services.scheduler.placement import place


@dataclass(frozen=True, slots=True)
class Pool:
    """What the providers that share some instances got. `request`: held to these instances."""

    request: Request
    placed: tuple[tuple[str, str], ...]  # (instance, provider)
    unplaced: int
    refusal: Refusal | None


def requests_of(revision: Revision, group: str) -> dict[str, Request]:
    """By provider that takes tasks, what one of its tasks needs of an instance; by "" without a strategy."""
    request = Request.of(revision, group)
    if not revision.providers:
        return {"": request}
    return {one.name: _held_to(request, one) for one in revision.providers if one.weight or one.base}


def _held_to(request: Request, provider: Provider | None) -> Request:
    """To the instances of the provider's group, if it has one."""
    if provider is None or not provider.group:
        return request
    return replace(request, group_of_instances=provider.group, provider=provider.name)


def distribute(providers: Sequence[Provider], present: Mapping[str, int], count: int) -> tuple[str, ...]:
    """The providers' names for `count` more tasks where `present` are there already.

    First the base, then by weight: each goes to where (tasks beyond the base + 1) / weight is least, the first named
    one where equal. base 1 and weight 1 for A, weight 3 for B, 9 tasks: A B B A B B B A B, so A 3 and B 6: one of A's
    is its base, and the other eight are shared 2 to 6.
    """
    counts = Counter({one.name: present.get(one.name, 0) for one in providers})
    chosen = []
    for _ in range(count):
        best = min(providers, key=lambda one: _next(one, counts[one.name]), default=None)
        if best is None or _next(best, counts[best.name])[0] == _NEVER:
            break
        counts[best.name] += 1
        chosen.append(best.name)
    return tuple(chosen)


_BASE, _SHARE, _NEVER = 0, 1, 2


def _next(provider: Provider, count: int) -> tuple[int, Fraction]:
    """When it is its turn, with `count` tasks on it: the lowest is next."""
    if count < provider.base:
        return _BASE, Fraction(0)
    if not provider.weight:
        return _NEVER, Fraction(0)
    return _SHARE, Fraction(count - provider.base + 1, provider.weight)


def surplus(
    providers: Sequence[Provider], present: Mapping[str, int], candidates: Mapping[str, int]
) -> str | None:
    """The provider that loses a task first: one outside the strategy, else the one that would have got its last one
    last. `candidates`: how many of each may be stopped."""
    known = {one.name: one for one in providers}
    able = [name for name, count in candidates.items() if count > 0]
    outside = sorted(name for name in able if name not in known)
    if outside:
        return outside[0]
    ranked = [
        (_next(one, present.get(name, 0) - 1), position, name)
        for position, (name, one) in enumerate(known.items())
        if name in able
    ]
    return max(ranked)[2] if ranked else None


def place_by_strategy(
    providers: Sequence[Provider],
    instances: Sequence[Instance],
    request: Request,
    count: int,
    present: Mapping[str, int],
    *,
    tasks_by_instance: Mapping[str, int] | None = None,
    taken_by_instance: Mapping[str, int] | None = None,
    strategies: Sequence[Strategy] = (),
    seed: int = 0,
) -> list[Pool]:
    """Choose an instance for each of `count` tasks, pool by pool: the providers that share instances are one pool.

    Without a strategy there is one pool, everything, whose tasks have no provider.
    """
    names = distribute(providers, present, count) if providers else ("",) * count
    known = {one.name: one for one in providers}
    groups = {one.name: one.group for one in providers}
    pools: list[Pool] = []
    for group in dict.fromkeys(groups.get(name, "") for name in names):
        wanted = [name for name in names if groups.get(name, "") == group]
        here = _held_to(request, known.get(wanted[0]))
        placement = place(
            instances,
            here,
            len(wanted),
            tasks_by_instance=tasks_by_instance,
            taken_by_instance=taken_by_instance,
            strategies=strategies,
            seed=seed,
        )
        placed = tuple(zip(placement.chosen, wanted, strict=False))
        refusal = _named(placement.refusal, here.provider)
        pools.append(Pool(here, placed, len(wanted) - len(placed), refusal))
    return pools


def _named(refusal: Refusal | None, provider: str) -> Refusal | None:
    """With the provider that is out of room."""
    if refusal is None or not provider:
        return refusal
    return Refusal(f"The capacity provider {provider} is out of room. {refusal.reason}", refusal.instance)


def per_provider(tasks: Iterable[Task]) -> Counter[str]:
    return Counter(task.provider for task in tasks)
