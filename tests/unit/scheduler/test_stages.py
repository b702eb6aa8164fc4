"""Lifecycle stages and the hooks that pause a deployment at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.model import (
    Action,
    Breaker,
    Deployment,
    EnterStage,
    ExpirePause,
    Hook,
    HookStatus,
    Pause,
    SetDeployment,
    Snapshot,
    Stage,
    StartTask,
    StopTask,
)
from services.scheduler.plan import plan
from tests.unit.scheduler.build import (
    NOW,
    at,
    deployment,
    failure,
    instance,
    moved,
    plan_now,
    said,
    started,
    stopped,
    tasks,
)
from tests.unit.scheduler.test_random_worlds import snapshots, usual

PRE, POST = Hook(Stage.PRE_SCALE_UP), Hook(Stage.POST_SCALE_UP)
RECONCILE = Hook(Stage.RECONCILE_SERVICE)


def pause(
    stage: Stage, status: str = "AWAITING_ACTION", *, until: float = 5000, action: Any = "ROLLBACK"
) -> Pause:
    return Pause(f"p-{stage}", stage, HookStatus(status), at(until), action)


def held(stage: Stage, **more: Any) -> Deployment:
    return deployment(hooks=(Hook(stage),), stage=stage, pauses=(pause(stage, **more),))


def entered(made: Any) -> list[Stage]:
    return [action.stage for action in made.actions if isinstance(action, EnterStage)]


# ---- through the stages ------------------------------------------------------------------------


def test_without_hooks_there_are_no_stages() -> None:
    made = plan_now(2, tasks("o", 2), deployment=deployment("PENDING"))
    assert entered(made) == []
    assert started(made) == ["new", "new"]


def test_it_pauses_as_it_begins_before_anything_is_started() -> None:
    made = plan_now(2, tasks("o", 2), deployment=deployment("PENDING", hooks=(PRE, POST)))
    assert moved(made) == [SetDeployment("d1", "IN_PROGRESS")]
    assert made.of(EnterStage) == (EnterStage("d1", Stage.PRE_SCALE_UP, (PRE,)),)
    assert started(made) == stopped(made) == []
    assert said(made) == [
        "(deployment d1) deployment paused at PRE_SCALE_UP: its lifecycle hook awaits action."
    ]
    assert made.waiting == "Waiting for an approval: the deployment is paused at PRE_SCALE_UP."


def test_continued_it_goes_on_in_the_same_plan() -> None:
    goes = deployment(
        hooks=(PRE,), stage=Stage.PRE_SCALE_UP, pauses=(pause(Stage.PRE_SCALE_UP, "SUCCEEDED"),)
    )
    made = plan_now(2, tasks("o", 2), deployment=goes)
    assert entered(made) == [Stage.SCALE_UP]
    assert started(made) == ["new", "new"]


def test_reconcile_service_is_passed_only_with_several_revisions() -> None:
    begins = deployment("PENDING", hooks=(RECONCILE,))
    assert entered(plan_now(2, tasks("o", 2), deployment=begins)) == [Stage.PRE_SCALE_UP, Stage.SCALE_UP]
    mixed = tasks("o", 1) + tasks("n", 1, "new")
    assert entered(plan_now(2, mixed, deployment=begins)) == [Stage.RECONCILE_SERVICE]


def test_after_scale_up_it_is_held_though_it_could_complete() -> None:
    under_way = deployment(hooks=(POST,), stage=Stage.SCALE_UP)
    made = plan_now(2, tasks("n", 2, "new"), deployment=under_way)
    assert entered(made) == [Stage.POST_SCALE_UP]
    assert moved(made) == []
    made = plan_now(2, tasks("n", 2, "new"), deployment=held(Stage.POST_SCALE_UP))
    assert moved(made) == entered(made) == []


def test_without_a_hook_there_it_passes_and_completes_at_once() -> None:
    under_way = deployment(hooks=(PRE,), stage=Stage.SCALE_UP)
    made = plan_now(2, tasks("n", 2, "new"), deployment=under_way)
    assert entered(made) == [Stage.POST_SCALE_UP, Stage.CLEAN_UP]
    assert [move.status for move in moved(made)] == ["SUCCESSFUL"]


# ---- what goes on meanwhile --------------------------------------------------------------------


def test_old_tasks_are_kept_where_they_may_be_wanted_again() -> None:
    both = tasks("o", 4) + tasks("n", 4, "new")
    assert len(stopped(plan_now(4, both, deployment=deployment()))) == 4
    for row in (deployment(hooks=(POST,), stage=Stage.SCALE_UP), held(Stage.POST_SCALE_UP)):
        assert stopped(plan_now(4, both, deployment=row)) == []


def test_they_go_where_there_is_no_other_room() -> None:
    row = deployment(hooks=(POST,), stage=Stage.SCALE_UP)
    made = plan_now(4, tasks("o", 4) + tasks("n", 2, "new"), percent=(100, 150), deployment=row)
    assert len(stopped(made)) == 2
    assert all(task.startswith("o") for task in stopped(made))


def test_they_go_from_a_draining_instance_and_where_fewer_are_desired() -> None:
    both = tasks("o", 2) + tasks("n", 2, "new", on="i2")
    places = [instance("i1", status="DRAINING"), instance("i2")]
    made = plan_now(2, both, instances=places, deployment=held(Stage.POST_SCALE_UP))
    assert sorted(stopped(made)) == ["o0", "o1"]
    made = plan_now(1, both, instances=[instance("i1"), instance("i2")], deployment=held(Stage.POST_SCALE_UP))
    assert sorted(task[0] for task in stopped(made)) == ["n", "o"]


def test_lost_tasks_are_replaced_by_what_ran() -> None:
    assert started(plan_now(2, tasks("o", 1), deployment=held(Stage.PRE_SCALE_UP))) == ["old"]
    made = plan_now(2, tasks("o", 1) + tasks("n", 1, "new"), deployment=held(Stage.POST_SCALE_UP))
    assert started(made) == ["new"]


def test_a_crash_of_what_goes_on_throttles_it_and_does_not_trip_the_breaker() -> None:
    crashes = tuple(failure(f"f{n}", 990 + n) for n in range(9))
    made = plan_now(
        1,
        deployment=held(Stage.PRE_SCALE_UP),
        failures=crashes,
        breaker=Breaker(enable=True, rollback=True),
    )
    assert started(made) == moved(made) == []
    assert made.wake_at is not None and made.wake_at > NOW
    # Continued, it starts at once: those failures are not its own.
    goes = deployment(
        hooks=(PRE,),
        stage=Stage.PRE_SCALE_UP,
        pauses=(pause(Stage.PRE_SCALE_UP, until=1000, action="CONTINUE"),),
    )
    made = plan_now(1, deployment=goes, failures=crashes, breaker=Breaker(enable=True, rollback=True))
    assert started(made) == ["new"] and moved(made) == []


def test_the_breaker_counts_while_new_tasks_are_paused() -> None:
    crashes = tuple(failure(f"f{n}", 500 + n, ran=True) for n in range(3))
    breaker = Breaker(enable=True, rollback=True)
    made = plan_now(2, tasks("o", 2), failures=crashes, breaker=breaker, deployment=held(Stage.POST_SCALE_UP))
    assert [move.status for move in moved(made)] == ["ROLLBACK_IN_PROGRESS"]


# ---- time --------------------------------------------------------------------------------------


def test_it_sleeps_until_the_hook_times_out() -> None:
    made = plan_now(2, tasks("o", 2), deployment=held(Stage.PRE_SCALE_UP, until=1600))
    assert made.wake_at == at(1600)
    assert made.of(ExpirePause) == ()


@pytest.mark.parametrize("stage", [Stage.PRE_SCALE_UP, Stage.POST_SCALE_UP])
def test_timed_out_it_goes_back(stage: Stage) -> None:
    made = plan_now(2, tasks("o", 2), deployment=held(stage, until=1000))
    assert made.of(ExpirePause) == (ExpirePause("d1", f"p-{stage}"),)
    assert next((move.status, move.rollback) for move in moved(made)) == ("ROLLBACK_IN_PROGRESS", "old")
    assert moved(made)[-1].status == "ROLLBACK_SUCCESSFUL"


def test_timed_out_with_nothing_to_go_back_to_it_ends() -> None:
    made = plan_now(2, completed=None, deployment=held(Stage.PRE_SCALE_UP, until=1000))
    assert [move.status for move in moved(made)] == ["STOPPED"]
    assert started(made) == []


def test_timed_out_it_goes_on_where_that_is_its_action() -> None:
    row = held(Stage.PRE_SCALE_UP, until=1000, action="CONTINUE")
    made = plan_now(2, tasks("o", 2), deployment=row)
    assert entered(made) == [Stage.SCALE_UP]
    assert started(made) == ["new", "new"]


def test_one_of_two_hooks_timed_out_holds_it_still() -> None:
    row = held(Stage.PRE_SCALE_UP, until=1000, action="CONTINUE")
    row = replace(row, pauses=(*row.pauses, replace(row.pauses[0], id="other", expires_at=at(9000))))
    made = plan_now(2, tasks("o", 2), deployment=row)
    assert len(made.of(ExpirePause)) == 1
    assert started(made) == entered(made) == []


# ---- in any world ------------------------------------------------------------------------------

stages = st.sampled_from([None, *Stage])
configured = st.builds(
    Hook,
    st.sampled_from([Stage.RECONCILE_SERVICE, Stage.PRE_SCALE_UP, Stage.POST_SCALE_UP]),
    action=st.sampled_from(["CONTINUE", "ROLLBACK"]),
)


@st.composite
def paused(draw: st.DrawFn, *, expired: bool) -> Snapshot:
    """Any world whose deployment is held at a stage."""
    stage = draw(st.sampled_from([Stage.RECONCILE_SERVICE, Stage.PRE_SCALE_UP, Stage.POST_SCALE_UP]))
    until = draw(st.integers(0, 1000)) if expired else draw(st.integers(1001, 9000))
    row = held(stage, until=until, action=draw(st.sampled_from(["CONTINUE", "ROLLBACK"])))
    facts = replace(draw(snapshots()), status="ACTIVE", deployment=row)
    return replace(facts, strategy=draw(st.sampled_from(["REPLICA", "DAEMON"])))


@usual
@given(paused(expired=False))
def test_a_paused_deployment_makes_no_step(facts: Snapshot) -> None:
    """It starts of its own no more than are desired, and stops of the others what is in nobody's way only where too
    many serve anyway; it ends by the circuit breaker alone."""
    made = plan(facts, NOW)
    assert facts.deployment is not None
    assert made.of(EnterStage) == made.of(ExpirePause) == ()
    assert made.wake_at is not None and made.wake_at <= facts.deployment.pauses[0].expires_at
    moves = [action for action in made.actions if isinstance(action, SetDeployment)]
    early = facts.deployment.stage is not Stage.POST_SCALE_UP
    assert all("circuit breaker" in move.reason for move in moves) and not (early and moves)
    if moves:
        return
    starts = [action.revision for action in made.actions if isinstance(action, StartTask)]
    if early:
        assert "new" not in starts or facts.completed == "new"
        return
    desired = made.desired_count if made.desired_count is not None else facts.desired_count
    own = [t for t in facts.tasks if t.revision == "new" and t.desired == "RUNNING"]
    gone = {action.task for action in made.actions if isinstance(action, StopTask)}
    assert set(starts) <= {"new"}
    assert not starts or len(starts) + len([t for t in own if _stays(facts, t, gone)]) <= desired


def _stays(facts: Snapshot, task: Any, gone: set[str]) -> bool:
    """One that fills the count: well, where it may stay, and not stopped by the plan."""
    draining = {one.id for one in facts.instances if one.status == "DRAINING"}
    unwell = task.health == "UNHEALTHY" and task.status == "RUNNING"
    return task.id not in gone and task.instance not in draining and not unwell


@usual
@given(paused(expired=True))
def test_a_hook_times_out_once(facts: Snapshot) -> None:
    made = plan(facts, NOW)
    assert facts.deployment is not None
    assert len(made.of(ExpirePause)) == 1
    after = _applied(facts.deployment, made.actions)
    assert after.pauses[0].status is HookStatus.TIMED_OUT
    if after.status in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
        again = plan(replace(facts, deployment=after), NOW)
        assert again.of(ExpirePause) == ()
        assert not [text for text in said(again) if "timed out" in text]


@usual
@given(snapshots(), st.lists(configured, max_size=3), stages)
def test_stages_only_go_forward_and_completion_comes_last(
    facts: Snapshot, hooks: list[Hook], stage: Stage | None
) -> None:
    row = deployment(hooks=tuple(hooks), stage=stage if hooks else None)
    made = plan(replace(facts, status="ACTIVE", deployment=row), NOW)
    passed = [*([stage] if stage and hooks else []), *entered(made)]
    assert passed == sorted(passed, key=list(Stage).index)
    if any(move.status == "SUCCESSFUL" for move in moved(made)):
        assert not hooks or passed[-1] is Stage.CLEAN_UP
    held_by = [action.hooks for action in made.actions if isinstance(action, EnterStage) and action.hooks]
    assert len(held_by) <= 1, "it stops at the first stage that holds it"


def _applied(row: Deployment, actions: tuple[Action, ...]) -> Deployment:
    for action in actions:
        if isinstance(action, ExpirePause):
            pauses = [
                replace(one, status=HookStatus.TIMED_OUT) if one.id == action.pause else one
                for one in row.pauses
            ]
            row = replace(row, pauses=tuple(pauses))
        elif isinstance(action, EnterStage):
            row = replace(row, stage=action.stage)
        elif isinstance(action, SetDeployment):
            row = replace(row, status=action.status, rollback=action.rollback or row.rollback)
    return row
