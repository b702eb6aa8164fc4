"""The scheduling strategies of services: what goes with REPLICA, and what goes with DAEMON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base.errors import InvalidParameter, invalid, invalid_fields, unsupported
from services.models import Service

REPLICA, DAEMON = "REPLICA", "DAEMON"
ZONES = "attribute:ecs.availability-zone"
_ONE_EACH = "not with DAEMON: a daemon has one task on each instance"


def check(strategy: object, **given: Any) -> None:
    """`given`: parameters of CreateService. Raises InvalidParameterException naming those that do not go with it."""
    if strategy not in (REPLICA, DAEMON):
        raise invalid("schedulingStrategy", "REPLICA or DAEMON")
    if strategy == DAEMON:
        _check_daemon(**given)


def check_update(service: Service, **given: Any) -> None:
    """The same for UpdateService, of the service as it is."""
    if service.scheduling_strategy == DAEMON:
        _check_daemon(**given)


def _check_daemon(
    *,
    desired_count: object = None,
    launch_type: object = None,
    capacity_provider_strategy: object = None,
    placement_strategy: object = None,
) -> None:
    if launch_type == "FARGATE":
        raise InvalidParameter(
            "launchType: FARGATE does not support the DAEMON scheduling strategy.",
            fields={"launchType": "FARGATE does not support DAEMON"},
        )
    problems = {
        "desiredCount": desired_count is not None,
        "capacityProviderStrategy": bool(capacity_provider_strategy),
        "placementStrategy": bool(placement_strategy),
    }
    wrong = {name: _ONE_EACH for name, is_given in problems.items() if is_given}
    if wrong:
        raise invalid_fields(wrong)


def rebalancing(given: object, daemon: bool, frozen: Mapping[str, Any]) -> str:
    """availabilityZoneRebalancing, checked against what the service is. `frozen`: its configuration, in AWS form."""
    field = "availabilityZoneRebalancing"
    if given not in ("ENABLED", "DISABLED"):
        raise invalid(field, "ENABLED or DISABLED")
    if given == "ENABLED":
        if daemon:
            raise invalid(field, "not with DAEMON: a daemon has one task on each instance")
        first = next(iter(frozen.get("placementStrategy") or []), None)
        if first is not None and (first.get("type"), first.get("field")) != ("spread", ZONES):
            raise invalid(
                field, f"only where the first placement strategy is spread over {ZONES}, or there is none"
            )
        if frozen.get("capacityProviderStrategy"):
            raise unsupported(f"{field} ENABLED with a capacityProviderStrategy", "Use a launch type.")
    return str(given)
