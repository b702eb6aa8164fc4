"""availabilityZoneRebalancing of a service: its default, and what it does not go with.

As on ECS: CreateService without it means ENABLED where the service is eligible, else DISABLED; UpdateService without it
leaves it as it is. What an update would make ineligible is refused while it is ENABLED. A rollback is not: the
scheduler makes nothing even where a revision's strategies do not spread over zones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from base.errors import InvalidParameter, invalid
from clusters.cql import QueryError, compile_query

FIELD = "availabilityZoneRebalancing"
ENABLED, DISABLED = "ENABLED", "DISABLED"
ZONES = "attribute:ecs.availability-zone"


@dataclass(frozen=True, slots=True)
class Shape:
    """What eligibility asks of a service. `frozen`: its configuration; `definition`: its task definition (AWS form)."""

    daemon: bool
    maximum_percent: int
    frozen: Mapping[str, Any]
    definition: Mapping[str, Any]


def of_new(given: object, shape: Shape) -> str:
    """For CreateService. `given`: None where it is not."""
    obstacle = _obstacle(shape)
    if given is None:
        return DISABLED if obstacle else ENABLED
    return _checked(given, obstacle)


def of_updated(given: object, current: str, before: Shape, after: Shape) -> str:
    """For UpdateService of a service that has `current`."""
    obstacle = _obstacle(after)
    if given is not None:
        return _checked(given, obstacle)
    # One that was let in before this was asked, or came by a rollback, may still be scaled.
    if current == ENABLED and obstacle and obstacle != _obstacle(before):
        raise _refusal(obstacle)
    return current


def _checked(given: object, obstacle: str) -> str:
    if given not in (ENABLED, DISABLED):
        raise invalid(FIELD, "ENABLED or DISABLED")
    if given == ENABLED and obstacle:
        raise _refusal(obstacle)
    return str(given)


def _refusal(obstacle: str) -> InvalidParameter:
    return InvalidParameter(f"Availability Zone Rebalancing {obstacle}", fields={FIELD: obstacle})


def _obstacle(shape: Shape) -> str:
    """What keeps the service from it, in ECS's words where they are known; "" where nothing does."""
    if shape.daemon:
        return "does not support DAEMON services."
    if shape.maximum_percent <= 100:
        return "does not support maximumPercent <= 100 % as deployment configuration."
    first = next(iter(shape.frozen.get("placementStrategy") or []), None)
    if first is not None and (first.get("type"), first.get("field")) != ("spread", ZONES):
        return f"does not support a first placement strategy other than spread over {ZONES}."
    if _asks_zones(shape.frozen.get("placementConstraints") or []) or _asks_zones(
        shape.definition.get("placementConstraints") or []
    ):
        return f"does not support {ZONES} in placement constraints."
    return ""


def _asks_zones(constraints: Iterable[Mapping[str, Any]]) -> bool:
    return any(item["type"] == "memberOf" and _mentions_zones(item["expression"]) for item in constraints)


def _mentions_zones(text: str) -> bool:
    try:
        return ZONES in compile_query(text).subjects
    except QueryError:
        return False  # registered before expressions were checked
