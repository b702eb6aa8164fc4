"""Protection from scale-in: what it keeps alive, for how long, and for which tasks it is not to be had."""

from __future__ import annotations

import pytest

from base.errors import InvalidParameter
from clusters.operations import update_container_instance_state
from services.control import snapshot
from services.control.apply import Outdated, apply
from services.control.claim import claim
from services.models import Service, Task
from services.operations import delete_service
from services.protection import ProtectionResult, get_task_protection, update_task_protection
from services.scheduler.plan import plan
from services.task_operations import stop_task

from .world import CALLER, World


@pytest.fixture
def web(world: World) -> World:
    """Three tasks of web:1; the images web:1 and web:2 are there."""
    world.host("one", "web:1", "web:2")
    world.register()
    world.create(count=3)
    world.until_steady()
    return world


def protect(*tasks: Task | str, minutes: int | None = None, on: bool = True) -> ProtectionResult:
    names = [one if isinstance(one, str) else one.pk for one in tasks]
    return update_task_protection(CALLER, tasks=names, protection_enabled=on, expires_in_minutes=minutes)


def standing(world: World) -> set[str]:
    return {task.pk for task in world.tasks()}


def definitions(world: World) -> list[str]:
    return sorted(str(task.task_definition) for task in world.tasks())


def test_scaling_in_takes_the_others_and_the_protected_one_only_when_its_time_is_over(web: World) -> None:
    kept = web.tasks()[0]
    until = protect(kept, minutes=30).protected_tasks[0].expiration_date
    web.update(desired_count=0)
    web.run(29 * 60)
    assert standing(web) == {kept.pk}
    assert web.service().waiting == "Waiting for the protection of 1 task to end."
    web.run(90)
    assert standing(web) == set()
    assert until is not None and until < web.clock.now()


def test_two_hours_by_default_begun_anew_by_each_call(web: World) -> None:
    kept = web.tasks()[0]
    protect(kept)
    web.run(100 * 60)
    protect(kept)
    web.update(desired_count=0)
    web.run(119 * 60)
    assert standing(web) == {kept.pk}
    web.run(2 * 60)
    assert standing(web) == set()


def test_a_deployment_waits_for_it_and_ends_when_it_is_taken_back(web: World) -> None:
    kept = web.tasks()[0]
    protect(kept)
    web.update(task_definition=web.register(image="web:2"))
    web.run(300)
    assert definitions(web) == ["web:1", "web:2", "web:2", "web:2"]
    assert web.deployment().finished_at is None
    protect(kept, on=False)
    web.until_steady()
    assert definitions(web) == ["web:2", "web:2", "web:2"]


def test_a_deployment_says_once_that_protection_holds_it_up(web: World) -> None:
    first, second, _ = web.tasks()
    protect(first, second)
    web.run(5)
    web.update(task_definition=web.register(image="web:2"))
    web.run(300)
    protect(second, on=False)
    web.run(300)
    assert len(web.tasks()) == 4 and web.service().waiting.startswith("Waiting for the protection of 1 task")
    blocked = [said for said in web.events() if "under protection" in said]
    assert blocked == [
        f"(service web) was unable to reach steady state because (taskSet {first.started_by}) was unable to scale in "
        "due to (reason 2 tasks under protection)"
    ]
    web.update(task_definition=web.register(image="web:1"))
    web.run(300)
    assert len([said for said in web.events() if "under protection" in said]) == 2


def test_a_draining_instance_keeps_it(web: World) -> None:
    web.host("two", "web:1")
    kept = web.tasks()[0]
    protect(kept)
    update_container_instance_state(CALLER, container_instance=web.instances["one"], status="DRAINING")
    web.run(300)
    assert [task.pk for task in web.tasks() if task.instance_id == web.instances["one"]] == [kept.pk]


def test_it_does_not_keep_from_a_person_nor_outlive_its_service(web: World) -> None:
    first, second, _ = web.tasks()
    protect(first, second)
    stop_task(CALLER, task=first.pk)
    web.run(60)
    assert first.pk not in standing(web) and len(standing(web)) == 3
    delete_service(CALLER, service="web", force=True)
    web.run(60)
    assert standing(web) == set()


def test_a_plan_made_before_the_protection_is_not_applied(web: World) -> None:
    with web.no_jobs():
        web.update(desired_count=0)
    service = snapshot.load(web.service().pk)
    decided = plan(snapshot.snapshot(service), web.clock.now())
    owner = claim(Service, service.pk)
    assert owner is not None and decided.actions
    protect(*web.tasks())
    with pytest.raises(Outdated):
        apply(service, decided, owner)
    assert not Task.objects.filter(desired_status="STOPPED").exists()


def test_what_cannot_be_protected_is_told_one_by_one(web: World) -> None:
    good, stopping, _ = web.tasks()
    lone = web.run_task().tasks[0]
    stop_task(CALLER, task=stopping.pk)
    result = protect(good, good.arn, stopping, lone, "0" * 32)
    assert [one.task_arn for one in result.protected_tasks] == [good.arn]
    assert [(one.arn, one.reason) for one in result.failures] == [
        (stopping.arn, "TASK_NOT_VALID"),
        (lone.arn, "TASK_NOT_VALID"),
        (good.arn.replace(good.pk, "0" * 32), "MISSING"),
    ]
    assert "not part of an Amazon ECS service" in result.failures[1].detail
    shown = get_task_protection(CALLER, tasks=[good.pk, lone.pk])
    assert [(one.protection_enabled, one.expiration_date) for one in shown.protected_tasks] == [
        (True, Task.objects.get(pk=good.pk).protected_until)
    ]
    assert [one.reason for one in shown.failures] == ["TASK_NOT_VALID"]
    web.run(121 * 60)
    over = get_task_protection(CALLER, tasks=[good.pk]).protected_tasks[0]
    assert (over.protection_enabled, over.expiration_date) == (False, None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tasks": []}, "tasks"),
        ({"tasks": ["a"] * 11}, "tasks"),
        ({"tasks": "a"}, "tasks"),
        ({"tasks": [7]}, "tasks"),
        ({"protection_enabled": "yes"}, "protectionEnabled"),
        ({"expires_in_minutes": 0}, "expiresInMinutes"),
        ({"expires_in_minutes": 2881}, "expiresInMinutes"),
        ({"expires_in_minutes": True}, "expiresInMinutes"),
    ],
)
def test_mistakes_are_named(world: World, given: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        update_task_protection(CALLER, **{"tasks": ["a"], "protection_enabled": True, **given})  # type: ignore[arg-type]
    assert list(caught.value.fields) == [field]
