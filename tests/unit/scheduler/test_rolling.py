"""Starting and stopping within minimumHealthyPercent and maximumPercent: rolling, scaling, draining, healing."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

from typing import Any

import pytest

from services.scheduler.census import Limits
from services.scheduler.model import StopCode, StopTask
from services.scheduler.plan import plan
from tests.unit.scheduler.build import (
    NOW,
    at,
    deployment,
    instance,
    moved,
    plan_now,
    revision,
    said,
    snapshot,
    started,
    stopped,
    task,
    tasks,
)


@pytest.mark.parametrize(
    ("desired", "percent", "lower", "upper"),
    [
        (10, (75, 125), 8, 12),  # 7.5 up, 12.5 down
        (10, (100, 200), 10, 20),
        (1, (50, 150), 1, 1),
        (3, (50, 150), 2, 4),
        (0, (100, 200), 0, 0),
        (4, (0, 100), 0, 4),  # DAEMON
        (100, (29, 129), 29, 129),  # 100 * 0.29 is 28.999… in floating point
    ],
)
def test_limits_round_the_minimum_up_and_the_maximum_down(
    desired: int, percent: tuple[int, int], lower: int, upper: int
) -> None:
    assert Limits.of(snapshot(desired, percent=percent)) == Limits(desired, lower, upper)


# (what, desired, percent, tasks, starts, stops); every deployment goes from "old" to "new".
ROLLING: list[tuple[str, int, tuple[int, int], tuple[Any, ...], int, set[str]]] = [
    ("room for all: start first, stop nothing", 3, (100, 200), tasks("o", 3), 3, set()),
    ("the new ones are not healthy yet", 3, (100, 200), tasks("o", 3) + tasks("n", 3, "new", healthy=False, started=990), 0, set()),
    ("two new ones are healthy: two old ones may go", 3, (100, 200), tasks("o", 3) + tasks("n", 2, "new") + tasks("m", 1, "new", healthy=False, started=990), 0, {"o2", "o1"}),
    ("all new ones are healthy: all old ones go", 3, (100, 200), tasks("o", 3) + tasks("n", 3, "new"), 0, {"o0", "o1", "o2"}),
    ("half the room: the other half is made, down to the minimum", 10, (50, 100), tasks("o", 10), 0, {"o9", "o8", "o7", "o6", "o5"}),
    ("no more is stopped than room is missing", 10, (0, 150), tasks("o", 10), 5, {"o9", "o8", "o7", "o6", "o5"}),
    ("what is on its way down makes the room already", 4, (50, 100), tasks("o", 2) + tasks("x", 2, desired="STOPPED"), 0, set()),
    ("and only the rest is made", 4, (0, 150), tasks("o", 3) + tasks("x", 2, desired="STOPPED"), 1, {"o2"}),
    ("tasks being stopped count towards the maximum", 2, (50, 100), tasks("o", 1) + tasks("x", 1, desired="STOPPED"), 0, set()),
    ("tasks being removed do not", 2, (50, 100), (*tasks("o", 1), task("x", "old", "DEPROVISIONING", desired="STOPPED")), 1, set()),
    ("one task, 0 and 100: stop, then start", 1, (0, 100), tasks("o", 1), 0, {"o0"}),
    ("one task, 100 and 100: stuck", 1, (100, 100), tasks("o", 1), 0, set()),
    ("one task, 50 and 150: stuck, for 1.5 rounds down and 0.5 up", 1, (50, 150), tasks("o", 1), 0, set()),
    ("old ones that have not started go at once", 2, (100, 200), (*tasks("o", 2), task("p", "old", "PENDING")), 1, {"p"}),
    ("old ones that run but never were healthy go while enough serve", 2, (100, 200), tasks("o", 2) + tasks("q", 2, healthy=False, started=990), 0, {"q0", "q1"}),
    ("old ones that are UNHEALTHY go first, while enough serve", 2, (100, 200), (*tasks("o", 1), task("u", health="UNHEALTHY", healthy=150), task("n", "new", healthy=150)), 1, {"u"}),
    ("unless they are all that serves", 2, (100, 200), tuple(task(f"u{n}", health="UNHEALTHY", healthy=150) for n in range(2)), 2, set()),
    ("one healthy new one relieves one UNHEALTHY old one", 2, (100, 200), (*(task(f"u{n}", health="UNHEALTHY", healthy=150) for n in range(2)), task("n", "new", healthy=150)), 1, {"u0"}),
    ("without room, UNHEALTHY ones go down to the minimum", 4, (50, 100), tuple(task(f"u{n}", health="UNHEALTHY", healthy=150) for n in range(4)), 0, {"u0", "u1"}),
    ("at the minimum they go one by one", 4, (100, 100), tuple(task(f"u{n}", health="UNHEALTHY", healthy=150) for n in range(4)), 0, {"u0"}),
    ("scaled in on the way: the surplus of the new, and the old", 2, (100, 200), tasks("o", 3) + tasks("n", 4, "new"), 0, {"o0", "o1", "o2", "n3", "n2"}),
    ("scaled to nothing", 0, (100, 200), tasks("o", 2) + tasks("n", 1, "new"), 0, {"o0", "o1", "n0"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "desired", "percent", "of", "starts", "stops"), ROLLING, ids=[r[0] for r in ROLLING]
)
def test_rolling(
    what: str, desired: int, percent: tuple[int, int], of: tuple[Any, ...], starts: int, stops: set[str]
) -> None:
    made = plan_now(desired, of, percent=percent, deployment=deployment())
    assert started(made) == ["new"] * starts
    assert set(stopped(made)) == stops


def test_new_tasks_belong_to_the_deployment_and_healed_ones_to_none() -> None:
    rolling = plan_now(1, tasks("o", 1), deployment=deployment())
    assert [(a.revision, a.deployment) for a in rolling.actions if hasattr(a, "instance")] == [("new", "d1")]
    healing = plan_now(1)
    assert [(a.revision, a.deployment) for a in healing.actions if hasattr(a, "instance")] == [("old", None)]


def test_an_unhealthy_task_of_the_deployment_that_never_was_healthy_is_a_failure_at_once() -> None:
    made = plan_now(1, (*tasks("o", 1), task("n", "new", health="UNHEALTHY")), deployment=deployment())
    assert (
        StopTask(
            "n", StopCode.SERVICE_SCHEDULER_INITIATED, "Task failed container health checks", failed=True
        )
        in made.actions
    )
    assert "(task n) failed container health checks." in said(made)


def test_an_unhealthy_task_within_the_grace_period_is_left_alone() -> None:
    one = (task("n", health="UNHEALTHY", started=980),)
    made = plan_now(1, one, health_grace=60.0)
    assert stopped(made) == started(made) == []
    assert made.wake_at == at(1040)
    late = plan(snapshot(1, one, health_grace=60.0), at(1040))
    assert stopped(late) == ["n"]


# ---- scaling -----------------------------------------------------------------------------------

SCALING: list[tuple[str, int, tuple[Any, ...], int, set[str]]] = [
    ("out", 4, tasks("o", 2), 2, set()),
    ("in", 2, tasks("o", 4), 0, {"o3", "o2"}),
    ("in: those not healthy yet go first", 2, tasks("o", 2) + tasks("p", 2, healthy=False, started=990), 0, {"p0", "p1"}),
    ("in: pending ones too", 1, (*tasks("o", 1), task("p", status="PENDING")), 0, {"p"}),
    ("in: those of another revision go first", 2, tasks("n", 2, "new") + tasks("o", 2), 0, {"n0", "n1"}),
    ("in: but healthy ones of another stay before own ones that are not", 1, (*tasks("n", 1, "new"), task("p", status="PENDING")), 0, {"p"}),
    ("in: protected ones never", 1, tasks("p", 2, protected=True) + tasks("o", 1), 0, {"o0"}),
    ("in: healthy ones do not go for protected ones that are not healthy yet", 2, tasks("o", 2) + tasks("p", 2, healthy=False, started=990, protected=True), 0, set()),
    ("any revision counts without a deployment", 3, tasks("n", 2, "new") + tasks("o", 1), 0, set()),
    ("within the maximum", 4, tasks("x", 4, desired="STOPPED") + tasks("o", 1), 3, set()),
    ("not beyond the maximum", 2, tasks("x", 4, desired="STOPPED") + tasks("o", 1), 0, set()),
]  # fmt: skip


@pytest.mark.parametrize(("what", "desired", "of", "starts", "stops"), SCALING, ids=[s[0] for s in SCALING])
def test_scaling(what: str, desired: int, of: tuple[Any, ...], starts: int, stops: set[str]) -> None:
    made = plan_now(desired, of)
    assert len(started(made)) == starts
    assert set(stopped(made)) == stops


def test_scale_in_keeps_the_spread_over_zones() -> None:
    places = [instance("i1", zone="a"), instance("i2", zone="a"), instance("i3", zone="b")]
    of = (*tasks("x", 2, on="i1"), *tasks("y", 1, on="i2"), *tasks("z", 1, on="i3"))
    gone = stopped(plan_now(2, of, instances=places))
    left = {t.instance for t in of if t.id not in gone}
    assert len(gone) == 2 and "i3" in left and left & {"i1", "i2"}


# ---- draining instances and healing ------------------------------------------------------------


def test_a_draining_instance_is_left_start_first() -> None:
    places = [instance("i1", status="DRAINING"), instance("i2")]
    first = plan_now(2, tasks("o", 2), instances=places)
    assert (len(started(first)), stopped(first)) == (2, [])
    assert {a.instance for a in first.actions if hasattr(a, "instance")} == {"i2"}
    then = plan_now(2, (*tasks("o", 2), *tasks("n", 2, on="i2")), instances=places)
    assert (started(then), set(stopped(then))) == ([], {"o0", "o1"})
    assert {a.reason for a in then.actions if isinstance(a, StopTask)} == {
        "Container instance i1 is draining"
    }


def test_a_draining_instance_whose_tasks_are_protected_waits() -> None:
    places = [instance("i1", status="DRAINING"), instance("i2")]
    made = plan_now(
        1, (task("o", healthy=150, protected=True), task("n", on="i2", healthy=150)), instances=places
    )
    assert stopped(made) == []
    assert made.waiting == "Waiting for the protection of 1 task to end."


def test_the_end_of_a_protection_is_waited_for() -> None:
    kept = task("o", healthy=150, protected=True, protected_until=at(1500))
    made = plan_now(0, (kept,))
    assert stopped(made) == [] and made.wake_at == at(1500)


def test_an_unhealthy_task_is_replaced_first_and_stopped_then() -> None:
    ill = task("u", health="UNHEALTHY", healthy=150)
    first = plan_now(1, (ill,))
    assert (started(first), stopped(first)) == (["old"], [])
    meanwhile = plan_now(1, (ill, task("n", started=990)))
    assert (started(meanwhile), stopped(meanwhile)) == ([], [])
    then = plan_now(1, (ill, task("n", healthy=990)))
    assert (started(then), stopped(then)) == ([], ["u"])
    assert [a.failed for a in then.actions if isinstance(a, StopTask)] == [False]


def test_protection_does_not_keep_an_unhealthy_task() -> None:
    ill = task("u", health="UNHEALTHY", healthy=150, protected=True)
    assert stopped(plan_now(1, (ill, task("n", healthy=990)))) == ["u"]


def test_lost_tasks_are_replaced_from_the_last_completed_revision() -> None:
    assert started(plan_now(3, tasks("n", 2, "new"))) == ["old"]


def test_without_a_completed_revision_nothing_is_started() -> None:
    made = plan_now(2, tasks("n", 1, "new"), completed=None)
    assert made.actions == ()
    assert made.waiting.startswith("Waiting for a new deployment")


def test_tasks_of_a_disconnected_engine_keep_counting() -> None:
    places = [instance("i1", connected=False), instance("i2")]
    made = plan_now(2, tasks("o", 2), instances=places)
    assert started(made) == stopped(made) == []


def test_tasks_of_a_disconnected_engine_are_not_stopped_to_make_room() -> None:
    """It would not come soon. What answers is taken instead, or it is waited for."""
    places = [instance("i1", connected=False), instance("i2")]
    both = (task("far", healthy=150), task("near", on="i2", healthy=150))
    assert stopped(plan_now(2, both, percent=(50, 100), instances=places, deployment=deployment())) == [
        "near"
    ]
    alone = plan_now(1, both[:1], percent=(0, 100), instances=places, deployment=deployment())
    assert (stopped(alone), said(alone)) == ([], [])
    assert alone.waiting == "Waiting for container instance i1 to answer: its tasks are to be stopped."


# ---- no room on the instances ------------------------------------------------------------------


def test_a_fixed_host_port_makes_room_by_stopping_down_to_the_minimum() -> None:
    revisions = {key: revision(key, ports=[80]) for key in ("old", "new")}
    full = instance("i1", ports=[80])
    made = plan_now(
        1, tasks("o", 1), percent=(0, 200), revisions=revisions, instances=[full], deployment=deployment()
    )
    assert (started(made), stopped(made)) == ([], ["o0"])
    assert not [e for e in said(made) if "unable to place" in e]


def test_a_fixed_host_port_with_minimum_100_says_what_is_in_the_way() -> None:
    revisions = {key: revision(key, ports=[80]) for key in ("old", "new")}
    full = instance("i1", ports=[80])
    made = plan_now(1, tasks("o", 1), revisions=revisions, instances=[full], deployment=deployment())
    assert (started(made), stopped(made)) == ([], [])
    assert said(made) == [
        "was unable to place a task because no container instance met all of its requirements. The closest matching "
        "(container-instance i1) is already using a port required by your task."
    ]
    assert made.wake_at == at(1015)
    assert made.waiting.startswith("Waiting for room: The closest matching (container-instance i1)")


def test_room_is_made_where_it_lets_a_task_in() -> None:
    """i1 is full of others' tasks: stopping ours there would not do. The new tasks need 1024, an old one has 512."""
    revisions = {"old": revision("old", cpu=512), "new": revision("new", cpu=1024)}
    places = [instance("i1", cpu=1024, cpu_reserved=1024), instance("i2", cpu=1024, cpu_reserved=1024)]
    of = (task("x", on="i1", healthy=150), task("y0", on="i2", healthy=150), task("y1", on="i2", healthy=150))
    made = plan_now(3, of, percent=(33, 200), revisions=revisions, instances=places, deployment=deployment())
    assert (started(made), set(stopped(made))) == ([], {"y0", "y1"})


def test_room_that_this_plan_gives_away_is_not_counted_twice() -> None:
    revisions = {key: revision(key, cpu=512) for key in ("old", "new")}
    half = instance("i1", cpu=1024, cpu_reserved=512)
    made = plan_now(
        2, tasks("o", 1), percent=(0, 200), revisions=revisions, instances=[half], deployment=deployment()
    )
    assert (started(made), stopped(made)) == (["new"], ["o0"])


def test_new_tasks_are_spread_among_those_that_stay() -> None:
    """Old ones on i1 and i2 do not count, for they will go; the new one on i1 does."""
    places = [instance("i1", zone="a"), instance("i2", zone="b")]
    of = (task("n", "new", on="i1", healthy=150), *tasks("o", 2, on="i2"))
    made = plan_now(2, of, instances=places, deployment=deployment())
    assert [a.instance for a in made.actions if hasattr(a, "instance")] == ["i2"]


def test_no_task_is_stopped_for_room_that_does_not_suffice() -> None:
    """Two would have to go for one to come, and the minimum allows one only: none goes, and the event says why."""
    revisions = {"old": revision("old", cpu=512), "new": revision("new", cpu=1024)}
    full = instance("i1", cpu=1024, cpu_reserved=1024)
    made = plan_now(
        2, tasks("o", 2), percent=(50, 200), revisions=revisions, instances=[full], deployment=deployment()
    )
    assert (started(made), stopped(made)) == ([], [])
    assert "insufficient CPU units available." in said(made)[0]


def test_no_task_is_stopped_for_a_lack_that_stopping_does_not_mend() -> None:
    revisions = {
        "old": revision("old"),
        "new": revision("new", required_attributes={"ecs.cpu-architecture": "arm64"}),
    }
    made = plan_now(2, tasks("o", 2), percent=(0, 200), revisions=revisions, deployment=deployment())
    assert (started(made), stopped(made)) == ([], [])
    assert "is missing an attribute required by your task." in said(made)[0]


def test_room_that_leaving_tasks_give_back_is_waited_for() -> None:
    revisions = {"old": revision("old", cpu=512), "new": revision("new", cpu=512)}
    full = instance("i1", cpu=1024, cpu_reserved=1024)
    of = (task("o", healthy=150), task("x", status="STOPPING", desired="STOPPED"))
    made = plan_now(1, of, percent=(0, 300), revisions=revisions, instances=[full], deployment=deployment())
    assert (started(made), stopped(made), said(made)) == ([], [], [])


def test_distinct_instance_rolls_by_stopping_first() -> None:
    revisions = {key: revision(key, distinct_instance=True) for key in ("old", "new")}
    places = [instance("i1"), instance("i2")]
    of = (task("a", on="i1", healthy=150), task("b", on="i2", healthy=150))
    made = plan_now(2, of, percent=(50, 200), revisions=revisions, instances=places, deployment=deployment())
    assert (started(made), len(stopped(made))) == ([], 1)


# ---- a service that is deleted -----------------------------------------------------------------


def test_a_draining_service_stops_everything_and_finishes_when_all_is_gone() -> None:
    of = (
        task("a", healthy=150, protected=True),
        task("b", status="PENDING"),
        task("c", status="STOPPING", desired="STOPPED"),
    )
    first = plan_now(3, of, status="DRAINING", deployment=deployment())
    assert stopped(first) == ["a", "b"]
    assert [(d.status, d.deployment) for d in moved(first)] == [("STOPPED", "d1")]
    assert first.waiting == "Waiting for 3 tasks to stop."
    last = plan_now(3, (task("c", status="DEPROVISIONING", desired="STOPPED"),), status="DRAINING")
    assert last.actions == ()
    done = plan_now(3, (), status="DRAINING")
    assert [type(a).__name__ for a in done.actions] == ["FinishService"]


# ---- large ones --------------------------------------------------------------------------------


def test_a_thousand_tasks_are_planned_in_about_a_second() -> None:
    import time

    places = [instance(f"i{n:03}", zone=f"z{n % 3}") for n in range(200)]
    of = tuple(t for n in range(200) for t in tasks(f"o{n}-", 5, on=f"i{n:03}"))
    begun = time.process_time()
    made = plan(snapshot(1000, of, percent=(50, 150), instances=places, deployment=deployment()), NOW)
    assert (len(started(made)), len(stopped(made))) == (500, 500)
    assert time.process_time() - begun < 3  # about 0.5 s on one idle core
