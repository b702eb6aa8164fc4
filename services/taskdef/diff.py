"""What differs between two revisions, in words: for the compare page and the preview of a rollback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.taskdef.facts import Fact, facts

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `path` names the place by names ("containerDefinitions[web].environment[FEATURE_CART]"). `label` is for
    people ("env FEATURE_CART", with several containers "web: env FEATURE_CART"); its parts are `container`
    ("" unless there are several), the fixed word `term`, which can be translated, and `item`.
    `before` and `after` are texts; None: not set on that side.
    """

    path: str
    label: str
    before: str | None
    after: str | None
    kind: Kind
    term: str = ""
    item: str = ""
    container: str = ""


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The differences between two normalised documents, [] where they say the same.

    The order of things whose order means nothing (containers, variables, ports, …) does not count. Changes
    come container by container, then the task's own, each in the order one reads a definition; the same
    whichever document comes first: diff(b, a) mirrors diff(a, b). A container (or health check) that only one
    side has is told with what is special about it, without its defaults.
    """
    old, new = _by_path(facts(before)), _by_path(facts(after))
    positions = _positions(before, after)
    several = len(positions) > 1
    told = [fact for fact in {**new, **old}.values() if _differs(fact, old, new)]
    told.sort(key=lambda fact: _place(fact, positions))
    return [_change(fact, old.get(fact.path), new.get(fact.path), several) for fact in told]


def _by_path(found: Iterable[Fact]) -> dict[str, Fact]:
    return {fact.path: fact for fact in found}


def _differs(fact: Fact, old: Mapping[str, Fact], new: Mapping[str, Fact]) -> bool:
    left, right = old.get(fact.path), new.get(fact.path)
    if left is not None and right is not None:
        return left.text != right.text
    one_sided = (fact.headline in old) is not (fact.headline in new)
    return not (fact.usual and one_sided)


def _positions(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Where a container is told: at the first of its two positions, whichever document comes first."""
    places: dict[str, tuple[int, str]] = {}
    for document in (before, after):
        for position, container in enumerate(document["containerDefinitions"]):
            name = container["name"]
            places[name] = min(places.get(name, (position, name)), (position, name))
    return places


def _place(fact: Fact, positions: Mapping[str, tuple[int, str]]) -> tuple[Any, ...]:
    if fact.container:
        return (0, positions[fact.container], fact.rank)
    return (1, (0, ""), fact.rank)


def _change(fact: Fact, old: Fact | None, new: Fact | None, several: bool) -> Change:
    is_container = fact.term == "Container"
    container = fact.container if several and not is_container else ""
    label = f"{fact.term} {fact.item}" if fact.item else fact.term
    kind: Kind = "added" if old is None else "removed" if new is None else "changed"
    return Change(
        path=fact.path,
        label=f"{container}: {label}" if container else label,
        before=old.text if old else None,
        after=new.text if new else None,
        kind=kind,
        term=fact.term,
        item=fact.item,
        container=container,
    )
