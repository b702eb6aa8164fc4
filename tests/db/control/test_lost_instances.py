"""Hosts that stay away: their services' tasks are replaced elsewhere; what they still run when they are back goes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clusters.connection import declare_lost
from clusters.operations import deregister_container_instance
from services.control import loss
from services.models import Deployment, Task

from .world import CALLER, World, accounts

LOST = 120.0


@pytest.fixture
def web(world: World, settings: Any) -> World:
    """Four tasks on two instances; a third one with room."""
    settings.SLIPWAY_INSTANCE_LOST_SECONDS = LOST
    for name in ("one", "two", "three"):
        world.host(name, "web:1", "web:2")
    world.register()
    world.create(count=6, placement_strategy=[{"type": "spread", "field": "instanceId"}])
    world.until_steady()
    assert [len(world.running(name)) for name in ("one", "two", "three")] == [2, 2, 2]
    return world


def on(world: World, name: str, **given: Any) -> list[Task]:
    return list(Task.objects.filter(instance=world.instances[name], **given))


def test_a_host_that_is_away_for_less_is_not_lost(web: World) -> None:
    before = {task.pk for task in web.tasks()}
    web.lose("one")
    web.run(LOST - 10)
    assert {task.pk for task in web.tasks()} == before
    assert web.instance("one").lost_at is None
    web.find("one")
    web.run(600)
    assert {task.pk for task in web.tasks()} == before


def test_the_tasks_of_a_lost_host_are_replaced_elsewhere(web: World) -> None:
    web.lose("one")
    web.run(LOST + 10)
    assert web.instance("one").lost_at is not None
    assert len(web.running("two")) + len(web.running("three")) == 6
    given_up = on(web, "one")
    assert {(task.status, task.stop_code, task.failed) for task in given_up} == {
        ("DEPROVISIONING", "InfrastructureHealth", False)
    }
    assert {task.stopped_reason for task in given_up} == {
        f"Container instance {web.instances['one']} (one) was lost"
    }
    # What may still run there still holds its room there.
    assert web.instance("one").cpu_reserved == sum(task.cpu for task in given_up) > 0
    assert web.instance("one").running_tasks == 0
    assert [event for event in web.events() if "one) is lost" in event]
    assert accounts() == []


def test_what_it_still_runs_when_it_is_back_is_stopped_and_removed(web: World) -> None:
    web.lose("one")
    web.run(LOST + 30)
    assert len(web.hosts["one"].containers) == 2, "nobody can reach them"
    web.find("one")
    web.run(60)
    assert web.running("one") == []
    assert web.engine("one").list_containers() == []
    ended = on(web, "one", status="STOPPED")
    assert len(ended) == 2 == len(on(web, "one"))
    assert not [task for task in ended if task.failed]
    signalled = {code for task in ended for code in task.containers.values_list("exit_code", flat=True)}
    assert signalled == {143}, "asked by SIGTERM first"
    assert web.instance("one").lost_at is None
    assert web.instance("one").cpu_reserved == 0
    assert len(web.tasks()) == 6
    assert accounts() == []
    web.update(desired_count=9)
    web.until_steady()
    assert len(web.running("one")) == 3, "it takes tasks again"


def test_until_what_it_runs_was_compared_it_takes_no_tasks(web: World) -> None:
    from clusters.connection import record_connected

    web.lose("one")
    web.run(LOST + 30)
    web.hosts["one"].come_back()
    record_connected(web.instance("one"), web.engine("one").info())
    web.update(desired_count=9)
    web.run(2)
    assert on(web, "one", desired_status="RUNNING") == []
    web.align("one")
    web.until_steady()
    assert web.service().running_count == 9
    assert accounts() == []


def test_a_loss_does_not_count_for_breaker_or_throttle(web: World) -> None:
    """Lost in mid-deployment, again and again: it completes, and nothing waits."""
    web.update(task_definition=web.register(image="web:2"))
    web.run(1)
    web.lose("one")
    web.run(LOST + 20)
    web.until_steady()
    assert web.deployment().status == "SUCCESSFUL"
    assert Deployment.objects.exclude(status="SUCCESSFUL").count() == 0
    assert Task.objects.filter(failed=True).count() == 0
    assert accounts() == []


def test_where_no_more_than_the_desired_number_may_run_the_lost_ones_do_not_stand_in_the_way(
    web: World,
) -> None:
    web.update(deployment_configuration={"minimumHealthyPercent": 0, "maximumPercent": 100})
    web.until_steady()
    web.lose("one")
    web.run(LOST + 20)
    assert len(web.running("two")) + len(web.running("three")) == 6


def test_tasks_run_by_themselves_keep_their_status_until_it_is_back_or_deregistered(web: World) -> None:
    started = web.run_task(count=3).tasks
    web.run(5)
    mine = [task.pk for task in started if task.instance_id == web.instances["one"]]
    assert mine
    web.lose("one")
    web.run(LOST + 60)
    rows = Task.objects.filter(pk__in=mine)
    assert {(task.status, task.desired_status) for task in rows} == {("RUNNING", "RUNNING")}
    deregister_container_instance(CALLER, container_instance=web.instances["one"], force=True)
    web.run(10)
    assert {(task.status, task.stop_code) for task in Task.objects.filter(pk__in=mine)} == {
        ("STOPPED", "UserInitiated")
    }
    assert on(web, "one") == on(web, "one", status="STOPPED"), "nothing waits for a host that was given up"
    assert accounts() == []


def test_what_a_host_runs_that_was_deregistered_while_lost_goes_should_it_come_back(web: World) -> None:
    web.lose("one")
    web.run(LOST + 10)
    deregister_container_instance(CALLER, container_instance=web.instances["one"], force=True)
    web.run(10)
    assert len(web.hosts["one"].containers) == 2
    web.find("one")
    assert web.engine("one").list_containers() == []
    assert accounts() == []


def test_a_deleted_service_ends_although_a_host_of_it_is_lost_once_that_is_deregistered(web: World) -> None:
    from services.operations import delete_service

    web.lose("one")
    web.run(LOST + 10)
    delete_service(CALLER, service="web", force=True)
    web.run(60)
    assert web.service().status == "DRAINING"
    deregister_container_instance(CALLER, container_instance=web.instances["one"], force=True)
    web.run(60)
    assert web.service().status == "INACTIVE"


@pytest.mark.parametrize("seed", range(3))
def test_messages_lost_and_hosts_that_come_and_go(web: World, seed: int) -> None:
    """Whatever comes in whichever order: six run in the end, each once, and nothing else."""
    chance = random.Random(seed)
    web.losing = lambda name: chance.random() < 0.3
    away: set[str] = set()
    for _ in range(6):
        name = chance.choice(["one", "two", "three"])
        if name in away:
            web.find(name, restarted=chance.random() < 0.3)
            away.discard(name)
        elif len(away) < 2:
            web.lose(name)
            away.add(name)
        web.run(chance.choice([5, 40, 130]))
        assert accounts() == []
    for name in away:
        web.find(name)
    web.losing = lambda name: False
    web.run(300)
    web.until_steady()
    running = {state.labels["com.amazonaws.ecs.task-arn"] for name in web.hosts
               for state in web.engine(name).list_containers({"slipway.role": "container"})}  # fmt: skip
    assert running == {task.arn for task in web.tasks()}
    assert len(running) == 6
    assert Task.objects.filter(failed=True).count() == 0
    assert accounts() == []


def test_declaring_and_giving_up_are_safe_to_repeat(web: World) -> None:
    web.lose("one")
    web.run(LOST + 10)
    before = list(Task.objects.order_by("pk").values("pk", "status", "version"))
    events = web.events()
    assert (declare_lost(), loss.settle()) == (0, 0)
    assert list(Task.objects.order_by("pk").values("pk", "status", "version")) == before
    assert web.events() == events
