"""Daemon services through the control loop: their tasks follow the instances."""

from __future__ import annotations

from typing import Any

import pytest

from base.errors import InvalidParameter
from clusters.engine.fake_world import Behaviour
from clusters.operations import deregister_container_instance, update_container_instance_state
from services.models import Service
from services.operations import create_service, delete_service
from services.task_operations import stop_task
from services.updating import update_service

from .world import CALLER, World, accounts


@pytest.fixture
def fleet(world: World) -> World:
    """Two instances, a third is ready to come; a daemon on each of them."""
    for name in ("one", "two"):
        world.host(name, "log:1", "log:2", "web:1")
    world.register("log", "log:1")
    create(world)
    world.until_steady("log")
    return world


def create(world: World, **given: Any) -> Service:
    return create_service(
        CALLER, service_name="log", task_definition="log", scheduling_strategy="DAEMON", **given
    )


def hosts(world: World, name: str = "log") -> list[str]:
    names = {pk: host for host, pk in world.instances.items()}
    return sorted(names[str(task.instance_id)] for task in world.tasks(name))


def state(world: World, name: str, status: str) -> None:
    update_container_instance_state(CALLER, container_instance=world.instances[name], status=status)


def test_one_on_each_instance_also_on_one_that_comes_later(fleet: World) -> None:
    assert hosts(fleet) == ["one", "two"] and fleet.service("log").desired_count == 2
    fleet.host("three", "log:1")
    fleet.run(60)
    assert hosts(fleet) == ["one", "three", "two"]
    service = fleet.service("log")
    assert (service.desired_count, service.running_count, service.waiting) == (3, 3, "")
    assert accounts() == []


def test_a_task_that_ends_is_replaced_where_it_was(fleet: World) -> None:
    gone = fleet.tasks("log")[0]
    stop_task(CALLER, task=gone.pk)
    fleet.run(90)
    assert hosts(fleet) == ["one", "two"]
    assert gone.pk not in {task.pk for task in fleet.tasks("log")}


def test_an_instance_that_goes_takes_its_own_along(fleet: World) -> None:
    deregister_container_instance(CALLER, container_instance=fleet.instances["two"], force=True)
    fleet.run(60)
    assert hosts(fleet) == ["one"] and fleet.service("log").desired_count == 1


def test_a_draining_instance_keeps_it_until_the_others_are_gone(fleet: World) -> None:
    lone = fleet.run_task(fleet.register("job", "web:1"), started_by="x").tasks[0]
    fleet.run(5)
    lone.refresh_from_db()
    where = next(name for name, pk in fleet.instances.items() if pk == lone.instance_id)
    state(fleet, where, "DRAINING")
    fleet.run(60)
    assert where in hosts(fleet)
    stop_task(CALLER, task=lone.pk)
    fleet.run(60)
    assert hosts(fleet) == sorted({"one", "two"} - {where})
    state(fleet, where, "ACTIVE")
    fleet.run(60)
    assert hosts(fleet) == ["one", "two"]


def test_a_new_revision_takes_the_old_ones_place(fleet: World) -> None:
    definition = fleet.register("log", "log:2")
    update_service(CALLER, service="log", task_definition=definition)
    fleet.until_steady("log")
    assert {str(task.task_definition) for task in fleet.tasks("log")} == {"log:2"}
    assert hosts(fleet) == ["one", "two"] and fleet.deployment("log").status == "SUCCESSFUL"
    assert fleet.service("log").deployment_configuration["maximumPercent"] == 100


def test_a_bad_revision_is_rolled_back(fleet: World) -> None:
    for name in ("one", "two"):
        fleet.hosts[name].add_image("crash", Behaviour(exits_after=1, exit_code=3))
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    definition = fleet.register("log", "crash")
    update_service(CALLER, service="log", task_definition=definition, deployment_configuration=breaker)
    fleet.until(lambda: fleet.deployment("log").status == "ROLLBACK_SUCCESSFUL", 1200)
    fleet.run(60)
    assert {str(task.task_definition) for task in fleet.tasks("log")} == {"log:1"}
    assert hosts(fleet) == ["one", "two"]


def test_it_is_deleted_without_force(fleet: World) -> None:
    delete_service(CALLER, service="log")
    fleet.run(60)
    assert fleet.service("log").status == "INACTIVE" and fleet.tasks("log") == []


def test_with_no_instance_it_waits_for_one(world: World) -> None:
    world.register("log", "log:1")
    create(world)
    world.run(30)
    world.host("one", "log:1")
    world.run(90)
    assert hosts(world) == ["one"]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"desired_count": 2}, ["desiredCount"]),
        ({"launch_type": "FARGATE"}, ["launchType"]),
        ({"placement_strategy": [{"type": "random"}]}, ["placementStrategy"]),
        (
            {"capacity_provider_strategy": [{"capacityProvider": "x"}], "desired_count": 1},
            ["desiredCount", "capacityProviderStrategy"],
        ),
        (
            {"deployment_configuration": {"maximumPercent": 200}},
            ["deploymentConfiguration.maximumPercent"],
        ),
        ({"scheduling_strategy": "SOMETIMES"}, ["schedulingStrategy"]),
    ],
)
def test_what_does_not_go_with_it_is_named(world: World, given: dict[str, Any], fields: list[str]) -> None:
    world.register("log", "log:1")
    with pytest.raises(InvalidParameter) as caught:
        create_service(
            CALLER,
            **{
                "service_name": "log",
                "task_definition": "log",
                "scheduling_strategy": "DAEMON",
                **given,
            },
        )
    assert list(caught.value.fields) == fields
    assert not Service.objects.exists()


def test_it_is_not_scaled(fleet: World) -> None:
    with pytest.raises(InvalidParameter) as caught:
        update_service(CALLER, service="log", desired_count=5)
    assert list(caught.value.fields) == ["desiredCount"]
    assert fleet.service("log").desired_count == 2
