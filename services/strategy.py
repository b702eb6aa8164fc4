"""The scheduling strategies of services: what goes with REPLICA, and what goes with DAEMON."""

from __future__ import annotations

from typing import Any

from base.errors import InvalidParameter, invalid, invalid_fields
from services.models import Service

REPLICA, DAEMON = "REPLICA", "DAEMON"
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
