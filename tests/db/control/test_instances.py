"""Instances that drain, leave, or do not answer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clusters.attributes import put_attributes
from clusters.connection import record_connected
from clusters.operations import deregister_container_instance, update_container_instance_state
from services.models import Task

from .world import CALLER, World, accounts


@pytest.fixture
def web(world: World) -> World:
    """Four tasks on two instances."""
    for name in ("one", "two"):
        world.host(name, "web:1")
    world.register()
    world.create(count=4, placement_strategy=[{"type": "spread", "field": "instanceId"}])
    world.until_steady()
    assert (len(world.running("one")), len(world.running("two"))) == (2, 2)
    return world


def test_a_draining_instance_is_emptied_without_falling_under_the_minimum(web: World) -> None:
    update_container_instance_state(CALLER, container_instance=web.instances["one"], status="DRAINING")
    fewest = []

    def empty() -> bool:
        healthy = [task for task in web.tasks() if task.healthy_at and task.desired_status == "RUNNING"]
        fewest.append(len(healthy))
        return not web.running("one")

    web.until(empty)
    assert min(fewest) == 4
    web.until_steady()
    assert len(web.running("two")) == 4
    reasons = {task.stopped_reason for task in web.tasks(status="STOPPED")}
    assert reasons == {f"Container instance {web.instances['one']} is draining"}
    assert web.instance("one").running_tasks == 0
    assert accounts() == []


def test_an_instance_made_active_again_takes_tasks(web: World) -> None:
    update_container_instance_state(CALLER, container_instance=web.instances["one"], status="DRAINING")
    web.until(lambda: not web.running("one"))
    update_container_instance_state(CALLER, container_instance=web.instances["one"], status="ACTIVE")
    web.update(desired_count=6)
    web.until_steady()
    assert len(web.running("one")) == 2


def test_deregistering_with_force_stops_its_tasks_and_others_replace_them(web: World) -> None:
    one = web.instances["one"]
    deregister_container_instance(CALLER, container_instance=one, force=True)
    web.run(5)
    assert web.running("one") == []
    assert len(web.running("two")) == 4
    ended = Task.objects.filter(instance=one)
    assert {(task.status, task.stop_code, task.failed) for task in ended} == {
        ("STOPPED", "UserInitiated", False)
    }
    assert {task.stopped_reason for task in ended} == {"Container instance was deregistered by user."}
    assert accounts() == []


def test_deregistering_one_that_is_away_cleans_up_when_it_answers(web: World) -> None:
    web.lose("one")
    deregister_container_instance(CALLER, container_instance=web.instances["one"], force=True)
    web.run(60)
    assert len(web.running("two")) == 4
    assert Task.objects.filter(instance=web.instances["one"], status="STOPPED").count() == 0
    web.find("one")
    web.run(30)
    assert web.running("one") == []
    assert Task.objects.filter(instance=web.instances["one"]).exclude(status="STOPPED").count() == 0
    assert accounts() == []


def test_an_engine_that_is_away_keeps_its_tasks_as_they_were(web: World, settings: Any) -> None:
    settings.SLIPWAY_INSTANCE_LOST_SECONDS = 0  # never
    before = {task.pk: task.status for task in web.tasks()}
    web.lose("one")
    web.run(600)
    assert {task.pk: task.status for task in web.tasks()} == before
    assert len(web.running("two")) == 2
    assert web.instance("one").connection_error == "The engine one did not answer."
    web.find("one")
    web.run(60)
    assert {task.pk: task.status for task in web.tasks()} == before
    assert len(web.running("one")) == 2


def test_new_tasks_go_where_an_engine_answers(web: World) -> None:
    web.lose("one")
    web.update(desired_count=6)
    web.run(60)
    assert len(web.running("two")) == 4


def test_an_engine_that_was_restarted_has_its_tasks_replaced_and_none_counts_as_failed(web: World) -> None:
    before = {task.pk for task in web.tasks() if task.instance_id == web.instances["one"]}
    web.lose("one")
    web.run(3)
    web.find("one", restarted=True)
    web.run(5)
    ended = {task.pk: task for task in web.tasks(status="STOPPED")}
    assert set(ended) == before
    assert {task.stop_code for task in ended.values()} == {"EssentialContainerExited"}
    assert not [task for task in ended.values() if task.failed]
    assert len(web.running("one")) + len(web.running("two")) == 4
    assert accounts() == []


def test_tasks_that_start_wait_for_an_engine_that_goes_away(world: World) -> None:
    world.host("one", "web:1")
    world.register()
    world.create(count=3)
    world.hosts["one"].go_down()
    world.run(120)
    assert world.tasks(status="STOPPED") == []
    world.find("one")
    world.until_steady()
    assert len(world.running()) == 3
    assert Task.objects.filter(failed=True).count() == 0


def test_standalone_tasks_that_find_no_room_are_told_why(world: World) -> None:
    world.host("one", "web:1", cpu=1024)
    world.register(cpu=512)
    result = world.run_task(count=3)
    assert len(result.tasks) == 2
    assert tuple(failure.detail for failure in result.failures) == (
        f"The closest matching (container-instance {world.instances['one']}) has insufficient CPU units available.",
    )
    world.run(5)
    assert len(world.running()) == 2
    assert accounts() == []


def test_a_fixed_host_port_is_held_by_one_task_an_instance(web: World) -> None:
    mapping = [{"containerPort": 80, "hostPort": 8080}]
    web.update(task_definition=web.register(portMappings=mapping), desired_count=2,
               deployment_configuration={"minimumHealthyPercent": 0, "maximumPercent": 100})  # fmt: skip
    web.until_steady()
    assert {task.instance_id for task in web.tasks()} == set(web.instances.values())
    web.update(desired_count=3)
    web.run(5)
    assert "is already using a port required by your task." in web.service().waiting
    assert accounts() == []


@pytest.mark.parametrize("network", ["bridge", "awsvpc"])
def test_an_engine_that_forgot_what_it_started_has_its_tasks_replaced(world: World, network: str) -> None:
    """Killed while its disk was full, it had not written down that the containers run: it says they were created."""
    host = world.host("one", "web:1")
    world.register(task={"networkMode": network})
    world.create(count=2)
    world.until_steady()
    before = {task.pk for task in world.tasks()}
    world.lose()
    for container in host.containers.values():
        container.status, container.started_at, container.run = "created", None, container.run + 1
    world.find()
    world.run(60)
    after = world.tasks()
    assert len(after) == 2
    assert not before & {task.pk for task in after}
    ended = world.tasks(status="STOPPED")
    assert {task.stopped_reason for task in ended} == {
        "Essential container in task exited: web (the container was removed)"
    }
    assert not any(task.failed for task in ended)
    assert len(world.running()) == 2
    assert accounts() == []


def test_the_type_of_a_machine_is_its_size_unless_it_is_given(world: World) -> None:
    world.host("one", cpu=4096, memory=16_000)
    assert world.instance("one").attributes["ecs.instance-type"] == "4cpu-16gib"
    given = [{"name": "ecs.instance-type", "value": "m5.large", "targetId": world.instances["one"]}]
    put_attributes(CALLER, attributes=given)
    world.lose("one")
    world.find("one")
    assert world.instance("one").attributes["ecs.instance-type"] == "m5.large"


def writes(seen: CaptureQueriesContext) -> list[str]:
    """The columns that were written, statement by statement."""
    return [
        ", ".join(re.findall(r'"(\w+)" = ', one["sql"].partition(" WHERE ")[0]))
        for one in seen.captured_queries
        if one["sql"].startswith(("UPDATE", "INSERT", "DELETE"))
    ]


def test_of_an_engine_that_answers_as_before_only_that_is_written(web: World) -> None:
    info = web.engine("one").info()
    web.clock.advance(60)
    with CaptureQueriesContext(connection) as seen:
        assert record_connected(web.instance("one"), info)
    assert writes(seen) == ["last_seen_at, connection_error"]
    assert web.instance("one").last_seen_at == web.clock.now()
    record_connected(web.instance("one"), replace(info, kernel="9.9", memory=info.memory + 1024))
    row = web.instance("one")
    assert (row.info["kernel"], row.memory) == ("9.9", info.memory + 1024)


def test_an_answer_that_is_older_than_the_outage_is_no_answer_as_before(web: World) -> None:
    stale, info = web.instance("one"), web.engine("one").info()
    web.lose("one")
    assert record_connected(stale, info)
    row = web.instance("one")
    assert row.connected
    assert row.connected_at >= row.disconnected_at, "the outage is over, and noted"
