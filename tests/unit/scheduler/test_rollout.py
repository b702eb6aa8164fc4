"""A deployment's way: begun, completed, stopped, rolled back by hand or by the circuit breaker."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

from typing import Any

import pytest

from services.scheduler.breaker import threshold
from services.scheduler.model import Breaker, MarkHealthy, SetDeployment, SetSteady
from tests.unit.scheduler.build import (
    at,
    deployment,
    failure,
    instance,
    moved,
    plan_now,
    revision,
    said,
    started,
    stopped,
    task,
    tasks,
)

ON = Breaker(enable=True)
BACK = Breaker(enable=True, rollback=True)
CHECKED = {"old": revision("old", checks=True), "new": revision("new", checks=True)}


def failures(count: int, *, since: float = 500, **more: Any) -> tuple[Any, ...]:
    return tuple(failure(f"f{n}", since + n, ran=True, **more) for n in range(count))


# ---- begin -------------------------------------------------------------------------------------


def test_a_pending_deployment_begins_when_its_images_are_known() -> None:
    made = plan_now(1, tasks("o", 1), deployment=deployment("PENDING"))
    assert moved(made) == [SetDeployment("d1", "IN_PROGRESS")]
    assert started(made) == ["new"]


def test_until_then_the_service_goes_on_as_it_was() -> None:
    made = plan_now(2, tasks("o", 1), deployment=deployment("PENDING", ready=False))
    assert moved(made) == []
    assert started(made) == ["old"]
    assert made.waiting == "Waiting for the images of web:new to be resolved."


def test_images_that_cannot_be_resolved_are_told_and_waited_for() -> None:
    waits = deployment("PENDING", ready=False, image_error="no such image app:9", image_failures=5)
    made = plan_now(1, tasks("o", 1), deployment=waits)
    assert moved(made) == started(made) == []
    assert said(made) == ["(deployment d1) is unable to resolve the images of web:new: no such image app:9"]
    assert made.waiting == "Waiting for the images of web:new: no such image app:9"


# ---- complete ----------------------------------------------------------------------------------

COMPLETE: list[tuple[str, int, tuple[Any, ...], bool]] = [
    ("all new and healthy", 2, tasks("n", 2, "new"), True),
    ("one not healthy yet", 2, tasks("n", 1, "new") + tasks("m", 1, "new", healthy=False, started=990), False),
    ("healthy by this very plan", 2, tasks("n", 1, "new") + tasks("m", 1, "new", healthy=False, health="HEALTHY"), True),
    ("one not seen alive after its time", 2, tasks("n", 1, "new") + tasks("m", 1, "new", healthy=False, started=100), False),
    ("an old one still runs", 1, tasks("n", 1, "new") + tasks("o", 1), False),
    ("an old one is on its way down", 1, (*tasks("n", 1, "new"), task("o", status="STOPPING", desired="STOPPED")), False),
    ("an old one is only being removed", 1, (*tasks("n", 1, "new"), task("o", status="DEPROVISIONING", desired="STOPPED")), True),
    ("too few", 3, tasks("n", 2, "new"), False),
    ("too many", 1, tasks("n", 2, "new"), False),
    ("none desired, none there", 0, (), True),
    ("none desired, one there", 0, tasks("o", 1), False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "desired", "of", "complete"), COMPLETE, ids=[c[0] for c in COMPLETE])
def test_completion(what: str, desired: int, of: tuple[Any, ...], complete: bool) -> None:
    checks = any(one.health == "HEALTHY" for one in of)
    made = plan_now(desired, of, revisions=CHECKED if checks else None, deployment=deployment())
    assert moved(made) == ([SetDeployment("d1", "SUCCESSFUL", revision="new")] if complete else [])
    if complete:
        assert said(made) == ["(deployment d1) deployment completed.", "has reached a steady state."]
        assert SetSteady(True) in made.actions


def test_a_completed_deployment_heals_from_its_own_revision_at_once() -> None:
    places = [instance("i1", status="DRAINING"), instance("i2")]
    made = plan_now(1, tasks("n", 1, "new"), instances=places, deployment=deployment())
    assert [m.status for m in moved(made)] == ["SUCCESSFUL"]
    assert started(made) == ["new"]


def test_going_back_completes_as_a_rollback() -> None:
    back = deployment("ROLLBACK_IN_PROGRESS", rollback="old", rollback_started_at=at(900))
    made = plan_now(2, tasks("o", 2), deployment=back)
    assert moved(made) == [SetDeployment("d1", "ROLLBACK_SUCCESSFUL", revision="old")]


def test_a_pending_deployment_of_nothing_begins_and_completes_at_once() -> None:
    made = plan_now(0, (), deployment=deployment("PENDING"))
    assert [m.status for m in moved(made)] == ["IN_PROGRESS", "SUCCESSFUL"]


# ---- stop and roll back by hand ----------------------------------------------------------------


def test_a_stopped_deployment_starts_and_stops_nothing_more() -> None:
    of = tasks("o", 2) + tasks("n", 1, "new", healthy=False, started=990)
    made = plan_now(3, of, deployment=deployment("STOP_REQUESTED"))
    assert [m.status for m in moved(made)] == ["STOPPED"]
    assert started(made) == stopped(made) == []
    assert said(made) == ["(deployment d1) deployment stopped."]


def test_what_it_had_started_too_many_goes_again_the_new_ones_first() -> None:
    made = plan_now(2, tasks("o", 2) + tasks("n", 2, "new"), deployment=deployment("STOP_REQUESTED"))
    assert stopped(made) == ["n1", "n0"]


def test_rolling_back_by_request_goes_to_the_last_completed_revision_at_once() -> None:
    of = (*tasks("o", 1), *tasks("n", 1, "new"), task("p", "new", "PENDING"))
    made = plan_now(2, of, deployment=deployment("ROLLBACK_REQUESTED"))
    assert moved(made) == [
        SetDeployment("d1", "ROLLBACK_IN_PROGRESS", "Rollback was requested.", rollback="old")
    ]
    assert said(made)[0] == "(deployment d1) rolling back to web:old."
    assert started(made) == ["old"]
    assert stopped(made) == ["p"]


def test_rolling_back_to_a_chosen_revision() -> None:
    revisions = {key: revision(key) for key in ("old", "new", "older")}
    chosen = deployment("ROLLBACK_REQUESTED", rollback="older")
    made = plan_now(1, tasks("o", 1), revisions=revisions, deployment=chosen)
    assert [m.rollback for m in moved(made)] == ["older"]
    assert started(made) == ["older"]


def test_rolling_back_with_nothing_to_go_back_to_stops_the_deployment() -> None:
    made = plan_now(1, tasks("n", 1, "new"), completed=None, deployment=deployment("ROLLBACK_REQUESTED"))
    assert [m.status for m in moved(made)] == ["STOPPED"]
    assert "no completed service revision" in moved(made)[0].reason


def test_requests_go_before_completion() -> None:
    made = plan_now(1, tasks("n", 1, "new"), deployment=deployment("STOP_REQUESTED"))
    assert [m.status for m in moved(made)] == ["STOPPED"]


# ---- circuit breaker ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "desired", "trips_at"),
    [
        ("BOUNDED_PERCENT", 50, 1, 3),
        ("BOUNDED_PERCENT", 50, 6, 3),
        ("BOUNDED_PERCENT", 50, 7, 4),
        ("BOUNDED_PERCENT", 50, 25, 13),
        ("BOUNDED_PERCENT", 50, 1000, 200),
        ("BOUNDED_PERCENT", 100, 10, 10),
        ("UNBOUNDED_PERCENT", 50, 4, 2),
        ("UNBOUNDED_PERCENT", 50, 1000, 500),
        ("UNBOUNDED_PERCENT", 1, 1, 1),
        ("COUNT", 7, 1000, 7),
        ("COUNT", 0, 4, 1),
    ],
)
def test_threshold(kind: Any, value: int, desired: int, trips_at: int) -> None:
    assert threshold(Breaker(threshold_type=kind, threshold_value=value), desired) == trips_at


# (what, how many failures, snapshot, whether it trips); the threshold is 3.
TRIPS: list[tuple[str, int, dict[str, Any], bool]] = [
    ("two are not three", 2, {}, False),
    ("three are", 3, {}, True),
    ("not where it is switched off", 9, {"breaker": Breaker()}, False),
    ("a healthy task in between starts the count again", 3, {"last_healthy_at": at(501)}, False),
    ("unless told not to", 3, {"last_healthy_at": at(501), "breaker": Breaker(enable=True, reset_on_healthy=False)}, True),
    ("a healthy task before does not", 3, {"last_healthy_at": at(499)}, True),
    ("failures from before the deployment do not count", 3, {"deployment": deployment(began=501)}, False),
    ("on the way back only those since then count", 3, {"deployment": deployment("ROLLBACK_IN_PROGRESS", rollback="old", rollback_started_at=at(501))}, False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "count", "more", "trips"), TRIPS, ids=[t[0] for t in TRIPS])
def test_tripping(what: str, count: int, more: dict[str, Any], trips: bool) -> None:
    facts: dict[str, Any] = {"breaker": ON, "deployment": deployment(), "failures": failures(count)} | more
    made = plan_now(2, tasks("o", 1), **facts)
    assert bool(moved(made)) is trips


def test_a_task_that_becomes_healthy_in_this_plan_resets_the_count() -> None:
    of = (*tasks("o", 1), task("n", "new", health="HEALTHY", deployment="d1"))
    made = plan_now(2, of, revisions=CHECKED, breaker=ON, deployment=deployment(), failures=failures(3))
    assert MarkHealthy("n") in made.actions
    assert moved(made) == []


def test_failures_of_another_deployment_do_not_count() -> None:
    made = plan_now(1, tasks("o", 1), breaker=ON, deployment=deployment(), failures=failures(3, of="d0"))
    assert moved(made) == []


def test_without_rollback_the_deployment_ends() -> None:
    made = plan_now(1, tasks("o", 1), breaker=ON, deployment=deployment(), failures=failures(3))
    assert moved(made) == [
        SetDeployment(
            "d1",
            "STOPPED",
            "ECS deployment circuit breaker: tasks failed to start (3 failed, the threshold is 3). "
            "Last failure: exit code 1",
        )
    ]
    assert (
        said(made)[0] == "(deployment d1) deployment failed: tasks failed to start. Last failure: exit code 1"
    )


def test_with_rollback_the_same_plan_already_goes_back() -> None:
    of = (*tasks("o", 1), *tasks("n", 1, "new", healthy=False, started=990), task("p", "new", "PENDING"))
    made = plan_now(2, of, breaker=BACK, deployment=deployment(), failures=failures(3))
    assert [(m.status, m.rollback) for m in moved(made)] == [("ROLLBACK_IN_PROGRESS", "old")]
    assert started(made) == ["old"]
    assert stopped(made) == ["p"]
    assert said(made)[:2] == [
        "(deployment d1) deployment failed: tasks failed to start. Last failure: exit code 1",
        "(deployment d1) rolling back to web:old.",
    ]


def test_the_failures_of_the_new_revision_do_not_throttle_the_way_back() -> None:
    failed = tuple(failure(f"f{n}", 999) for n in range(3))
    made = plan_now(2, tasks("o", 1), breaker=BACK, deployment=deployment(), failures=failed)
    assert started(made) == ["old"]


@pytest.mark.parametrize("completed", [None, "new"])
def test_with_nothing_to_go_back_to_the_deployment_ends(completed: str | None) -> None:
    made = plan_now(1, (), completed=completed, breaker=BACK, deployment=deployment(), failures=failures(3))
    assert [m.status for m in moved(made)] == ["STOPPED"]


def test_failing_on_the_way_back_ends_it_and_the_service_goes_on_healing() -> None:
    back = deployment("ROLLBACK_IN_PROGRESS", rollback="old", rollback_started_at=at(400))
    made = plan_now(2, tasks("o", 1), breaker=BACK, deployment=back, failures=failures(3))
    assert [m.status for m in moved(made)] == ["ROLLBACK_FAILED"]
    assert started(made) == ["old"]


@pytest.mark.parametrize(
    ("image", "trips"),
    [
        ({"image_failures": 2}, False),
        ({"image_failures": 3}, True),
        ({"image_failures": 1, "image_error": "no such image"}, True),
    ],
)
def test_images_that_cannot_be_resolved_count_as_failed_tasks(image: dict[str, Any], trips: bool) -> None:
    waits = deployment("PENDING", ready=False, **image)
    made = plan_now(1, tasks("o", 1), breaker=BACK, deployment=waits)
    assert bool(moved(made)) is trips
    if "image_error" in image:
        assert moved(made)[0].reason.endswith("Last failure: no such image")


def test_completion_goes_before_the_breaker() -> None:
    strict = Breaker(enable=True, reset_on_healthy=False)
    made = plan_now(1, tasks("n", 1, "new"), breaker=strict, deployment=deployment(), failures=failures(3))
    assert [m.status for m in moved(made)] == ["SUCCESSFUL"]


# ---- healthy -----------------------------------------------------------------------------------

HEALTHY: list[tuple[str, bool, dict[str, Any], bool]] = [
    ("no check: its driver says so, and no time", False, {"started": 1}, False),
    ("a check: when it passes", True, {"started": 999, "health": "HEALTHY"}, True),
    ("a check: time alone does not do", True, {"started": 1}, False),
    ("not while it is on its way down", True, {"health": "HEALTHY", "desired": "STOPPED"}, False),
    ("not before it is RUNNING", True, {"health": "HEALTHY", "status": "PENDING"}, False),
    ("only once", True, {"health": "HEALTHY", "healthy": 150}, False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "checks", "of", "marked"), HEALTHY, ids=[h[0] for h in HEALTHY])
def test_when_a_task_counts_as_healthy(what: str, checks: bool, of: dict[str, Any], marked: bool) -> None:
    made = plan_now(1, (task("o", **of),), revisions={"old": revision("old", checks=checks)})
    assert (MarkHealthy("o") in made.actions) is marked


def test_nothing_becomes_healthy_on_an_engine_that_does_not_answer() -> None:
    places = [instance("i1"), instance("i2", connected=False)]
    of = (*tasks("o", 1), task("n", "new", on="i2", health="HEALTHY"))
    made = plan_now(1, of, revisions=CHECKED, instances=places, deployment=deployment())
    assert made.of(MarkHealthy) == () and stopped(made) == []
    places = [instance("i1"), instance("i2")]
    made = plan_now(1, of, revisions=CHECKED, instances=places, deployment=deployment())
    assert MarkHealthy("n") in made.actions


def test_once_healthy_it_stays_so_while_its_check_is_unknown() -> None:
    """An engine that was restarted begins its health checks anew."""
    revisions = {"old": revision("old", checks=True), "new": revision("new", checks=True)}
    made = plan_now(1, (*tasks("o", 1), *tasks("n", 1, "new")), revisions=revisions, deployment=deployment())
    assert stopped(made) == ["o0"]


# ---- steady ------------------------------------------------------------------------------------


def test_the_steady_state_is_said_once() -> None:
    first = plan_now(2, tasks("o", 2))
    assert (said(first), first.of(SetSteady)) == (["has reached a steady state."], (SetSteady(True),))
    assert plan_now(2, tasks("o", 2), steady=True).actions == ()


@pytest.mark.parametrize(
    "disturbed",
    [
        {"of": tasks("o", 1)},
        {"of": tasks("o", 3)},
        {"of": (*tasks("o", 2), task("x", status="STOPPING", desired="STOPPED"))},
        {"of": tasks("o", 2), "deployment": deployment("PENDING", ready=False)},
        {"of": tasks("o", 2), "deployment": deployment()},
        {"of": (*tasks("o", 1), task("u", health="UNHEALTHY", healthy=150))},
    ],
)
def test_a_disturbance_takes_the_steady_state_back(disturbed: dict[str, Any]) -> None:
    assert SetSteady(False) in plan_now(2, steady=True, **disturbed).actions


def test_a_draining_instance_alone_is_no_reason_to_stop_short_of_the_minimum() -> None:
    made = plan_now(2, tasks("o", 2), instances=[instance("i1", status="DRAINING")])
    assert stopped(made) == []
    assert "The closest matching (container-instance i1) is draining." in said(made)[0]
