"""Whom to blame for a container's end, and how a task's health follows from its containers'."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

from typing import Any

import pytest

from services.scheduler.exits import Outage, exit_cause
from services.scheduler.health import deployment_health, task_health
from services.scheduler.model import Health
from services.scheduler.task_model import ContainerFacts
from tests.unit.scheduler.build import at

PAST = Outage(at(100), at(130))
STILL = Outage(at(100))

CAUSES: list[tuple[str, dict[str, Any], str]] = [
    ("it crashed", {"exit_code": 1}, "app"),
    ("it ended by itself", {"exit_code": 0}, "app"),
    ("segmentation fault", {"exit_code": 139}, "app"),
    ("killed by hand", {"exit_code": 137}, "user"),
    ("stopped by hand", {"exit_code": 143}, "user"),
    ("stopped by hand, and it ended well", {"exit_code": 0, "killed_from_outside": True}, "user"),
    ("removed by hand", {"exit_code": None}, "user"),
    ("out of memory", {"exit_code": 137, "oom": True}, "app"),
    ("out of the task's memory", {"exit_code": 137, "joint_limits": True}, "app"),
    ("killed by hand, seen, though limits are joint", {"exit_code": 137, "joint_limits": True, "killed_from_outside": True}, "user"),
    ("stopped by hand, though limits are joint", {"exit_code": 143, "joint_limits": True}, "user"),
    ("the engine went down", {"exit_code": 137, "outages": (PAST,), "at": at(110)}, "engine"),
    ("with any code", {"exit_code": 1, "outages": (PAST,), "at": at(110)}, "engine"),
    ("though limits are joint", {"exit_code": 137, "joint_limits": True, "outages": (PAST,), "at": at(110)}, "engine"),
    ("just before its silence was noticed", {"exit_code": 137, "outages": (PAST,), "at": at(90)}, "engine"),
    ("just after it answered again", {"exit_code": 255, "outages": (PAST,), "at": at(140)}, "engine"),
    ("well before", {"exit_code": 1, "outages": (PAST,), "at": at(89)}, "app"),
    ("well after", {"exit_code": 1, "outages": (PAST,), "at": at(141)}, "app"),
    ("it still does not answer", {"exit_code": 1, "outages": (STILL,), "at": at(9999)}, "engine"),
    ("one of several outages", {"exit_code": 1, "outages": (Outage(at(1), at(2)), PAST), "at": at(115)}, "engine"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "end", "cause"), CAUSES, ids=[c[0] for c in CAUSES])
def test_exit_cause(what: str, end: dict[str, Any], cause: str) -> None:
    assert exit_cause(**({"oom": False, "at": at(500)} | end)) == cause


def box(health: str | None, *, essential: bool = True) -> ContainerFacts:
    """None: it has no health check."""
    return ContainerFacts(
        "c", essential=essential, has_health_check=health is not None, health=Health(health or "UNKNOWN")
    )


# (containers, the task's health by ECS's rule, what a deployment consults)
HEALTHS: list[tuple[list[ContainerFacts], str, str]] = [
    ([box("HEALTHY")], "HEALTHY", "HEALTHY"),
    ([box("HEALTHY"), box("UNHEALTHY")], "UNHEALTHY", "UNHEALTHY"),
    ([box("UNKNOWN"), box("UNHEALTHY")], "UNHEALTHY", "UNHEALTHY"),
    ([box("HEALTHY"), box("UNKNOWN")], "UNKNOWN", "UNKNOWN"),
    ([box("HEALTHY"), box(None)], "UNKNOWN", "HEALTHY"),
    ([box("HEALTHY"), box("UNHEALTHY", essential=False)], "HEALTHY", "HEALTHY"),
    ([box(None)], "UNKNOWN", "UNKNOWN"),
    ([box("HEALTHY", essential=False), box(None)], "UNKNOWN", "UNKNOWN"),
    ([], "UNKNOWN", "UNKNOWN"),
]


@pytest.mark.parametrize(("containers", "whole", "deploying"), HEALTHS)
def test_health(containers: list[ContainerFacts], whole: str, deploying: str) -> None:
    assert (task_health(containers), deployment_health(containers)) == (whole, deploying)
