"""Capacity provider strategies, checked. AWS form in, AWS form out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from base.errors import InvalidParameter, invalid, unsupported
from clusters.models import CapacityProvider

FARGATE, FARGATE_SPOT = "FARGATE", "FARGATE_SPOT"
BUILT_IN = (FARGATE, FARGATE_SPOT)
MOST = 20  # providers of one strategy


def checked_strategy(
    given: Any, where: str, *, usable: Collection[str], mine: bool = False
) -> list[dict[str, Any]]:
    """The strategy as it is kept. `usable`: the cluster's providers; FARGATE and FARGATE_SPOT are every cluster's,
    except in its own default (`mine`), which names what the same call associates."""
    if not isinstance(given, list | tuple):
        raise invalid(where, "must be a list")
    if len(given) > MOST:
        raise invalid(where, f"at most {MOST} capacity providers")
    allowed = set(usable) if mine else {*usable, *BUILT_IN}
    known = set(
        CapacityProvider.objects.filter(status=CapacityProvider.Status.ACTIVE).values_list("name", flat=True)
    )
    found = [_item(item, f"{where}[{position}]", known, allowed) for position, item in enumerate(given)]
    _together(found, where)
    return found


def _item(item: Any, where: str, known: set[str], allowed: set[str]) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise invalid(where, "must be an object")
    for key in item:
        if key not in ("capacityProvider", "weight", "base"):
            raise unsupported(f"{where}.{key}")
    for name, most in (("weight", 1000), ("base", 100_000)):
        value = item.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise invalid(f"{where}.{name}", f"a whole number from 0 to {most}")
    provider = item.get("capacityProvider")
    if not isinstance(provider, str) or provider not in known:
        raise invalid(f"{where}.capacityProvider", f"{provider} is not a capacity provider")
    if provider not in allowed:
        raise InvalidParameter(
            f"The capacity provider {provider} is not associated with the cluster. "
            "Associate it with PutClusterCapacityProviders and try again.",
            fields={f"{where}.capacityProvider": "is not associated with the cluster"},
        )
    return dict(item)


def _together(found: list[dict[str, Any]], where: str) -> None:
    names = [item["capacityProvider"] for item in found]
    if len(set(names)) != len(names):
        raise invalid(where, "a capacity provider is named twice")
    if len({name in BUILT_IN for name in names}) > 1:
        raise InvalidParameter(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and "
            "Fargate providers. Specify one or the other and try again.",
            fields={where: "FARGATE and FARGATE_SPOT do not mix with others"},
        )
    if sum(1 for item in found if item.get("base")) > 1:
        raise invalid(where, "only one capacity provider can have a base")
    if len(found) > 1 and not any(item.get("weight") for item in found):
        raise invalid(where, "at least one capacity provider must have a weight greater than 0")
