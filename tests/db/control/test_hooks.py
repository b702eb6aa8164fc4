"""Deployments that pause at lifecycle hooks, through the whole loop on engines in memory."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import AuditRecord
from base.errors import OperationError
from services.deployment_operations import continue_service_deployment, roll_back, stop_service_deployment
from services.models import Deployment, ServiceEvent
from tests.db.control.world import CALLER, World

CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 2}


def hooks(*stages: str, minutes: int = 60, action: str = "ROLLBACK") -> dict[str, Any]:
    timeout = {"timeoutInMinutes": minutes, "action": action}
    return {
        "lifecycleHooks": [
            {"targetType": "PAUSE", "lifecycleStages": list(stages), "timeoutConfiguration": timeout}
        ]
    }


@pytest.fixture
def web(world: World) -> World:
    """Four tasks of web:1, steady; web:2 is at hand."""
    world.host("one", "web:1", "web:2")
    world.register(image="web:1")
    world.create(count=4)
    world.until_steady()
    return world


def deploy(world: World, *stages: str, **more: Any) -> Deployment:
    world.update(
        task_definition=world.register(image="web:2"),
        deployment_configuration=hooks(*stages, **more),
    )
    return world.deployment()


def paused_at(world: World, stage: str) -> str:
    """Until it is; answers the hook's id."""
    world.until(lambda: any(waiting(world)))
    row = world.deployment()
    assert (row.status, row.lifecycle_stage) == ("IN_PROGRESS", stage)
    [hook] = waiting(world)
    return hook


def waiting(world: World) -> list[str]:
    return [one["hookId"] for one in world.deployment().lifecycle_hooks if one["status"] == "AWAITING_ACTION"]


def revisions(world: World) -> list[str]:
    return sorted(str(task.task_definition) for task in world.tasks())


def answer(world: World, hook: str, action: str = "CONTINUE") -> None:
    continue_service_deployment(
        CALLER, service_deployment=world.deployment().arn, hook_id=hook, action=action
    )


def statuses(world: World) -> list[str]:
    return [one["status"] for one in world.deployment().lifecycle_hooks]


def events(world: World) -> list[str]:
    rows = ServiceEvent.objects.filter(service=world.service())
    return [row.message.partition(") ")[2].rpartition(") ")[2] for row in rows]


# ---- before anything is started ----------------------------------------------------------------


def test_before_scale_up_nothing_of_the_deployment_starts_and_old_tasks_are_healed(web: World) -> None:
    deploy(web, "PRE_SCALE_UP")
    hook = paused_at(web, "PRE_SCALE_UP")
    assert web.service().waiting == "Waiting for an approval: the deployment is paused at PRE_SCALE_UP."
    assert "deployment paused at PRE_SCALE_UP: its lifecycle hook awaits action." in events(web)
    web.hosts["one"].end_container(web.tasks()[0].containers.get().runtime_id, 1)
    web.run(1800)
    assert revisions(web) == ["web:1"] * 4
    answer(web, hook)
    web.until_steady()
    assert revisions(web) == ["web:2"] * 4
    assert (web.deployment().status, web.deployment().lifecycle_stage) == ("SUCCESSFUL", "CLEAN_UP")
    assert statuses(web) == ["SUCCEEDED"]
    assert web.deployment().lifecycle_hooks[0]["resolvedBy"] == CALLER.arn
    assert "deployment continued at PRE_SCALE_UP." in events(web)
    assert AuditRecord.objects.filter(action="ecs:ContinueServiceDeployment", result="success").exists()


def test_the_desired_count_is_followed_while_it_is_paused(web: World) -> None:
    deploy(web, "PRE_SCALE_UP")
    paused_at(web, "PRE_SCALE_UP")
    web.update(desired_count=6)
    web.run(60)
    assert revisions(web) == ["web:1"] * 6
    web.update(desired_count=1)
    web.run(60)
    assert revisions(web) == ["web:1"]


def test_old_tasks_that_crash_while_it_is_paused_do_not_trip_its_breaker(web: World) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    web.update(
        task_definition=web.register(image="web:2"),
        deployment_configuration={**hooks("PRE_SCALE_UP"), **breaker},
    )
    hook = paused_at(web, "PRE_SCALE_UP")
    for _ in range(8):
        for task in web.tasks():
            if runtime := task.containers.get().runtime_id:
                web.hosts["one"].end_container(runtime, 1)
        web.run(20)
    assert web.deployment().status == "IN_PROGRESS"
    answer(web, hook)
    web.until_steady()
    assert web.deployment().status == "SUCCESSFUL"


def test_a_first_deployment_waits_with_nothing_running(world: World) -> None:
    world.host("one", "web:1")
    world.register(image="web:1")
    world.create(count=2, deployment_configuration=hooks("PRE_SCALE_UP", minutes=30))
    hook = paused_at(world, "PRE_SCALE_UP")
    world.run(600)
    assert world.tasks() == []
    with pytest.raises(OperationError, match="cannot be rolled back"):
        answer(world, hook, "ROLLBACK")
    assert statuses(world) == ["AWAITING_ACTION"]  # nothing of the refused answer is left
    world.run(1800)
    assert (world.deployment().status, statuses(world)) == ("STOPPED", ["TIMED_OUT"])
    assert world.tasks() == []


# ---- when all of it runs -----------------------------------------------------------------------


def test_after_scale_up_both_revisions_run_until_it_is_continued(web: World) -> None:
    deploy(web, "POST_SCALE_UP")
    hook = paused_at(web, "POST_SCALE_UP")
    assert revisions(web) == ["web:1"] * 4 + ["web:2"] * 4
    new = next(task for task in web.tasks() if str(task.task_definition) == "web:2")
    web.hosts["one"].end_container(new.containers.get().runtime_id, 1)
    web.run(1800)
    assert revisions(web) == ["web:1"] * 4 + ["web:2"] * 4  # healed, and no step further
    assert web.deployment().status == "IN_PROGRESS"
    answer(web, hook)
    web.until_steady()
    assert revisions(web) == ["web:2"] * 4


def test_scaled_to_zero_while_it_is_paused_everything_stops(web: World) -> None:
    deploy(web, "POST_SCALE_UP")
    hook = paused_at(web, "POST_SCALE_UP")
    web.update(desired_count=0)
    web.run(60)
    assert revisions(web) == []
    answer(web, hook)
    web.until(lambda: web.deployment().finished_at is not None)
    assert web.deployment().status == "SUCCESSFUL"


def test_rolling_back_from_there_starts_nothing(web: World) -> None:
    old = {task.pk for task in web.tasks()}
    deploy(web, "POST_SCALE_UP")
    answer(web, paused_at(web, "POST_SCALE_UP"), "ROLLBACK")
    web.until_steady()
    assert {task.pk for task in web.tasks()} == old
    row = web.deployment()
    assert (row.status, row.lifecycle_stage, statuses(web)) == ("ROLLBACK_SUCCESSFUL", "", ["FAILED"])


def test_tasks_that_turn_out_to_fail_while_it_is_paused_trip_the_breaker(web: World) -> None:
    web.update(
        task_definition=web.register(image="web:2"),
        deployment_configuration={
            **hooks("POST_SCALE_UP"),
            "deploymentCircuitBreaker": {
                "enable": True,
                "rollback": True,
                "resetOnHealthyTask": False,
                "thresholdConfiguration": {"type": "COUNT", "value": 3},
            },
        },
    )
    paused_at(web, "POST_SCALE_UP")
    for _ in range(200):
        if web.deployment().status != "IN_PROGRESS":
            break
        for task in web.tasks():
            runtime = task.containers.get().runtime_id
            if runtime and str(task.task_definition) == "web:2" and task.status == "RUNNING":
                web.hosts["one"].end_container(runtime, 1)
        web.run(3)
    web.until_steady()
    assert (web.deployment().status, statuses(web)) == ("ROLLBACK_SUCCESSFUL", ["FAILED"])
    assert "circuit breaker" in web.deployment().rollback_reason
    assert revisions(web) == ["web:1"] * 4


# ---- several, and in order ---------------------------------------------------------------------


def test_each_stage_with_a_hook_is_passed_once_and_in_order(web: World) -> None:
    deploy(web, "POST_SCALE_UP", "PRE_SCALE_UP")
    answer(web, paused_at(web, "PRE_SCALE_UP"))
    answer(web, paused_at(web, "POST_SCALE_UP"))
    web.until_steady()
    assert statuses(web) == ["SUCCEEDED", "SUCCEEDED"]


def test_two_hooks_at_one_stage_must_both_be_continued(web: World) -> None:
    both = hooks("PRE_SCALE_UP")["lifecycleHooks"] * 2
    web.update(task_definition=web.register(image="web:2"), deployment_configuration={"lifecycleHooks": both})
    web.until(lambda: len(waiting(web)) == 2)
    answer(web, waiting(web)[0])
    web.run(600)
    assert web.deployment().lifecycle_stage == "PRE_SCALE_UP"
    answer(web, waiting(web)[0])
    web.until_steady()
    assert revisions(web) == ["web:2"] * 4


def test_reconcile_service_is_a_stage_only_where_tasks_of_several_revisions_run(web: World) -> None:
    deploy(web, "RECONCILE_SERVICE", "POST_SCALE_UP")
    paused_at(web, "POST_SCALE_UP")  # there was one revision only
    web.hosts["one"].add_image("web:3")
    web.update(task_definition=web.register(image="web:3"))
    paused_at(web, "RECONCILE_SERVICE")
    assert web.deployment().number == 3


# ---- stopped, overtaken, timed out -------------------------------------------------------------


def test_it_can_be_stopped(web: World) -> None:
    deploy(web, "POST_SCALE_UP")
    hook = paused_at(web, "POST_SCALE_UP")
    stop_service_deployment(CALLER, service_deployment=web.deployment().arn, stop_type="ABORT")
    web.until(lambda: web.deployment().finished_at is not None)
    assert (web.deployment().status, statuses(web)) == ("STOPPED", ["FAILED"])
    with pytest.raises(OperationError, match="awaits no action"):
        answer(web, hook)


def test_a_newer_deployment_overtakes_it(web: World) -> None:
    first = deploy(web, "PRE_SCALE_UP")
    paused_at(web, "PRE_SCALE_UP")
    web.update(task_definition=web.register(image="web:2"), deployment_configuration={"lifecycleHooks": []})
    web.until_steady()
    first.refresh_from_db()
    assert (first.status, [one["status"] for one in first.lifecycle_hooks]) == ("STOPPED", ["FAILED"])
    assert web.deployment().lifecycle_hooks == []


@pytest.mark.parametrize(("action", "status", "left"), [
    ("ROLLBACK", "ROLLBACK_SUCCESSFUL", "web:1"),
    ("CONTINUE", "SUCCESSFUL", "web:2"),
])  # fmt: skip
def test_a_hook_that_nobody_answers_times_out_though_every_process_was_down(
    web: World, action: str, status: str, left: str
) -> None:
    """Nothing but rows is left of the timer: no message, no watcher; the sweep finds what is due."""
    deploy(web, "PRE_SCALE_UP", minutes=10, action=action)
    paused_at(web, "PRE_SCALE_UP")
    web.forget_messages()
    web.run(580)
    assert web.deployment().status == "IN_PROGRESS"
    web.until(lambda: web.deployment().finished_at is not None)
    web.until_steady()
    assert (web.deployment().status, statuses(web)) == (status, ["TIMED_OUT"])
    assert revisions(web) == [left] * 4
    assert sum("lifecycle hook at PRE_SCALE_UP timed out" in text for text in events(web)) == 1


def test_hooks_changed_in_mid_deployment_are_for_the_next_one(web: World) -> None:
    deploy(web, "POST_SCALE_UP")
    hook = paused_at(web, "POST_SCALE_UP")
    web.update(deployment_configuration={"lifecycleHooks": []})
    assert web.deployment().configuration["lifecycleHooks"]
    web.run(60)
    assert waiting(web) == [hook]


def test_going_back_to_what_completed_once_is_not_paused(web: World) -> None:
    answer(web, paused_at_after(web, deploy(web, "PRE_SCALE_UP")))
    web.until_steady()
    roll_back(CALLER, service="web")
    web.until_steady()
    assert revisions(web) == ["web:1"] * 4
    assert web.deployment().lifecycle_hooks == []


def paused_at_after(world: World, deployment: Deployment) -> str:
    assert deployment.configuration["lifecycleHooks"]
    return paused_at(world, "PRE_SCALE_UP")


def test_daemons_pause_too(world: World) -> None:
    world.host("one", "web:1", "web:2")
    world.host("two", "web:1", "web:2")
    world.register(image="web:1")
    world.create(scheduling_strategy="DAEMON", count=None)
    world.until_steady()
    deploy(world, "PRE_SCALE_UP", "POST_SCALE_UP")
    hook = paused_at(world, "PRE_SCALE_UP")
    world.run(120)
    assert revisions(world) == ["web:1"] * 2
    answer(world, hook)
    hook = paused_at(world, "POST_SCALE_UP")
    assert revisions(world) == ["web:2"] * 2
    answer(world, hook)
    world.until_steady()
    assert world.deployment().status == "SUCCESSFUL"


# ---- refused -----------------------------------------------------------------------------------

PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}
REFUSED: list[tuple[Any, str]] = [
    ("PAUSE", "must be a list"),
    (["PAUSE"], "must be an object"),
    ([{"lifecycleStages": ["PRE_SCALE_UP"]}], "targetType AWS_LAMBDA is not supported"),
    ([{**PAUSE, "targetType": "AWS_LAMBDA"}], "targetType AWS_LAMBDA is not supported"),
    ([{**PAUSE, "targetType": "EMAIL"}], "PAUSE"),
    ([{**PAUSE, "hookTargetArn": "arn:aws:lambda:us-east-1:1:function:x"}], "not for PAUSE hooks"),
    ([{**PAUSE, "hookDetails": {}}], "not for PAUSE hooks"),
    ([{"targetType": "PAUSE"}], "one or more of RECONCILE_SERVICE, PRE_SCALE_UP, POST_SCALE_UP"),
    ([{**PAUSE, "lifecycleStages": []}], "one or more of"),
    ([{**PAUSE, "lifecycleStages": ["SCALE_UP"]}], "one or more of"),
    ([{**PAUSE, "lifecycleStages": [["PRE_SCALE_UP"]]}], "one or more of"),
    ([{**PAUSE, "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}], "POST_TEST_TRAFFIC_SHIFT is not supported"),
    (
        [{**PAUSE, "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}],
        "PRODUCTION_TRAFFIC_SHIFT is not supported",
    ),
    ([{**PAUSE, "timeoutConfiguration": 5}], "must be an object"),
    ([{**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": 0}}], "from 1 to 20160"),
    ([{**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": 20161}}], "from 1 to 20160"),
    ([{**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": True}}], "from 1 to 20160"),
    ([{**PAUSE, "timeoutConfiguration": {"action": "STOP"}}], "CONTINUE or ROLLBACK"),
    ([{**PAUSE, "timeoutConfiguration": {"retries": 3}}], "retries is not supported"),
    ([PAUSE] * 21, "at most 20"),
]


@pytest.mark.parametrize(("given", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_no_rolling_deployment_can_do_is_refused(web: World, given: Any, reason: str) -> None:
    with pytest.raises(OperationError, match=reason):
        web.update(deployment_configuration={"lifecycleHooks": given})


def test_what_is_left_out_is_as_in_ecs(web: World) -> None:
    web.update(deployment_configuration={"lifecycleHooks": [PAUSE]})
    [hook] = web.service().deployment_configuration["lifecycleHooks"]
    assert hook["timeoutConfiguration"] == {"timeoutInMinutes": 1440, "action": "ROLLBACK"}
    web.update(deployment_configuration={"maximumPercent": 150})
    assert web.service().deployment_configuration["lifecycleHooks"] == [hook]


def test_an_answer_must_name_a_hook_that_waits(web: World) -> None:
    deploy(web, "PRE_SCALE_UP")
    hook = paused_at(web, "PRE_SCALE_UP")
    for given, reason in (("none", "no lifecycle hook of this id"), (hook, "CONTINUE or ROLLBACK")):
        with pytest.raises(OperationError, match=reason):
            answer(web, given, "CONTINUE" if given == "none" else "HALT")
    assert waiting(web) == [hook]
    answer(web, hook)
    with pytest.raises(OperationError, match="awaits no action: it is SUCCEEDED"):
        answer(web, hook)
