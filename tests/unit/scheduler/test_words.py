"""What the service says: events without tiring repeats, and the sentence on what it waits for."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.scheduler.build import deployment, instance, plan_now, revision, said, task, tasks

STUCK = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again."
)


def stuck(**more: Any) -> Any:
    return plan_now(1, tasks("o", 1), percent=(100, 100), deployment=deployment(), **more)


def test_a_deployment_that_its_configuration_blocks_says_so() -> None:
    assert said(stuck()) == [STUCK]
    assert "minimumHealthyPercent" in stuck().waiting


def test_it_is_not_repeated_until_the_service_was_in_order_again() -> None:
    before = f"(service web) {STUCK}"
    assert said(stuck(last_events=(before, "(service web) something else"))) == []
    assert said(stuck(last_events=(before, "(service web) has reached a steady state."))) == [STUCK]
    assert said(stuck(last_events=(before, "(service web) (deployment d0) deployment completed."))) == [STUCK]


def held_up(*last_events: str, kept: int = 2, **more: Any) -> Any:
    """The new revision is whole; of the old one the protected tasks are left."""
    old = tasks("o", kept, protected=True, deployment="d0")
    fields: dict[str, Any] = {"deployment": deployment(), "steady": False, "last_events": last_events} | more
    return plan_now(2, (*old, *tasks("n", 2, "new")), percent=(100, 200), **fields)


BEGUN = "(service web) (deployment d1) deployment to web:new started."
PROTECTED = (
    "was unable to reach steady state because (taskSet ecs-svc/d0) was unable to scale in due to "
    "(reason 2 tasks under protection)"
)


def test_a_deployment_that_protection_holds_up_says_so_once() -> None:
    assert said(held_up(BEGUN)) == [PROTECTED]
    assert held_up(BEGUN).waiting == "Waiting for the protection of 2 tasks to end."
    before = (BEGUN, f"(service web) {PROTECTED}", "(service web) has reached a steady state.")
    assert said(held_up(*before)) == []
    assert said(held_up(*before, kept=1)) == [], "nor when the protection of some of them has ended"
    assert said(held_up(f"(service web) {PROTECTED}", BEGUN)) == [PROTECTED], "but each deployment for itself"


def test_it_says_so_where_nothing_can_start_for_them() -> None:
    old = tasks("o", 2, protected=True, deployment="d0")
    made = plan_now(2, old, percent=(50, 100), deployment=deployment(), last_events=(BEGUN,))
    assert said(made) == [PROTECTED]


def test_while_something_else_is_waited_for_protection_is_not_blamed() -> None:
    old = tasks("o", 2, protected=True)
    made = plan_now(2, (*old, *tasks("n", 2, "new", healthy=False, started=990)), deployment=deployment())
    assert said(made) == []


def test_scaling_in_says_so_while_it_stays_true() -> None:
    made = plan_now(0, tasks("o", 1, protected=True))
    words = (
        "was unable to reach steady state because (taskSet ecs-svc/old) was unable to scale in due to "
        "(reason 1 tasks under protection)"
    )
    assert said(made) == [words]
    assert said(plan_now(0, tasks("o", 1, protected=True), last_events=(f"(service web) {words}",))) == []


def test_while_something_still_moves_it_is_not_called_blocked() -> None:
    of = (task("o", healthy=150), task("x", status="STOPPING", desired="STOPPED"))
    assert said(plan_now(1, of, percent=(100, 100), deployment=deployment())) == []


def test_stops_name_at_most_ten_tasks() -> None:
    made = plan_now(0, tasks("o", 12))
    assert said(made)[0].startswith("has stopped 12 running tasks: (task o")
    assert said(made)[0].endswith(" and 2 more.")
    assert said(made)[0].count("(task ") == 10


def test_stops_are_said_each_time() -> None:
    once = plan_now(0, tasks("o", 1))
    assert said(plan_now(0, tasks("o", 1), last_events=(f"(service web) {said(once)[0]}",))) == said(once)


WAITING: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {"desired": 2, "of": tasks("o", 2)}, ""),
    ("starts of this plan", {"desired": 3}, "Waiting for 3 tasks to start."),
    ("starts", {"desired": 2, "of": (*tasks("o", 1), task("p", status="PENDING"))}, "Waiting for 1 task to start."),
    ("health, one", {"desired": 1, "of": (task("o"),), "revisions": {"old": revision("old", checks=True)}}, "Waiting for 1 task to pass its health checks."),
    ("health, two", {"desired": 2, "of": (task("o"), task("p")), "revisions": {"old": revision("old", checks=True)}}, "Waiting for 2 tasks to pass their health checks."),
    ("40 s", {"desired": 1, "of": (task("o", started=990),)}, "Waiting for 1 task to run for 40 s."),
    ("stops", {"desired": 0, "of": tasks("o", 2)}, "Waiting for 2 tasks to stop."),
    ("protection", {"desired": 1, "of": tasks("o", 3, protected=True)}, "Waiting for the protection of 2 tasks to end."),
    ("no instance", {"desired": 1, "instances": ()}, "Waiting for room: No Container Instances were found in your cluster."),
    ("no engine answers", {"desired": 1, "instances": (instance(connected=False),)}, "Waiting for room: The closest matching (container-instance i1) is disconnected."),
]  # fmt: skip


@pytest.mark.parametrize(("what", "facts", "sentence"), WAITING, ids=[w[0] for w in WAITING])
def test_waiting(what: str, facts: dict[str, Any], sentence: str) -> None:
    assert plan_now(**facts).waiting == sentence


def test_an_unhealthy_task_is_told_once() -> None:
    ill = task("u", health="UNHEALTHY", healthy=150)
    words = "(task u) failed container health checks."
    assert said(plan_now(1, (ill,))) == [words]
    assert said(plan_now(1, (ill,), last_events=(f"(service web) {words}",))) == []
