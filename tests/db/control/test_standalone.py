"""Standalone tasks: run, started on named instances, repeated with a token, and what they have differently."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from base.errors import Conflict, InvalidParameter, OperationError
from clusters.operations import deregister_container_instance, update_container_instance_state
from services import definitions
from services.control import retention
from services.control.effects import specs
from services.models import RunRequest, Task
from services.task_operations import start_task
from services.task_requests import RunResult

from .world import CALLER, World, accounts


@pytest.fixture
def two(world: World) -> World:
    """Two instances with room for four tasks of 128 CPU units each."""
    for name in ("one", "two"):
        world.host(name, "web:1", cpu=512)
    world.register(
        command=["serve", "--port", "80"],
        environment=[{"name": "LEVEL", "value": "info"}, {"name": "KEEP", "value": "1"}],
        memoryReservation=32,
    )
    return world


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every container spec that goes to an engine."""
    found: list[Any] = []
    original = specs.container_spec

    def noted(*args: Any, **named: Any) -> Any:
        found.append(original(*args, **named))
        return found[-1]

    monkeypatch.setattr(specs, "container_spec", noted)
    return found


def start(world: World, *instances: str, **given: Any) -> RunResult:
    names = [world.instances.get(one, one) for one in instances]
    return start_task(CALLER, task_definition="web", container_instances=names, **given)


# ---- overrides ---------------------------------------------------------------------------------


def test_overrides_are_what_runs_and_what_is_reserved(two: World, made: list[Any]) -> None:
    task = two.run_task(
        overrides={
            "containerOverrides": [
                {
                    "name": "web",
                    "command": ["migrate"],
                    "environment": [{"name": "LEVEL", "value": "debug"}, {"name": "NEW", "value": "2"}],
                    "cpu": 256,
                    "memory": 128,
                    "memoryReservation": 96,
                }
            ]
        }
    ).tasks[0]
    two.run(5)
    task.refresh_from_db()
    assert task.status == "RUNNING"
    assert (task.cpu, task.memory) == (256, 96)
    spec = made[-1]
    assert spec.command == ("migrate",)
    assert dict(spec.environment) == {"KEEP": "1", "LEVEL": "debug", "NEW": "2"}
    assert (spec.cpu_limit, spec.memory_limit, spec.memory_reservation) == (256, 128, 96)
    assert task.task_definition.containers[0]["command"] == ["serve", "--port", "80"]
    assert accounts() == []


def test_the_size_of_the_whole_task_is_overridden(two: World) -> None:
    definition = two.register("sized", task={"cpu": "256", "memory": "256"})
    task = two.run_task(definition, overrides={"cpu": "512", "memory": "1 GB"}).tasks[0]
    assert (task.cpu, task.memory, task.overrides) == (512, 1024, {"cpu": "512", "memory": "1024"})
    two.run(5)
    assert accounts() == []


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"cpu": "much"}, "overrides.cpu"),
        ({"memory": "32"}, "overrides"),
        ({"ephemeralStorage": {"sizeInGiB": 30}}, "overrides.ephemeralStorage"),
        (
            {"containerOverrides": [{"name": "web", "memory": 16}]},
            "overrides.containerOverrides[0].memoryReservation",
        ),
        (
            {"containerOverrides": [{"name": "web", "command": "migrate"}]},
            "overrides.containerOverrides[0].command",
        ),
        (
            {"containerOverrides": [{"name": "web", "environmentFiles": [{"type": "s3", "value": "x"}]}]},
            "overrides.containerOverrides[0].environmentFiles",
        ),
        (
            {
                "containerOverrides": [
                    {"name": "web", "resourceRequirements": [{"type": "GPU", "value": "-1"}]}
                ]
            },
            "overrides.containerOverrides[0].resourceRequirements[0].value",
        ),
        ({"containerOverrides": [{"name": "db"}]}, "overrides.containerOverrides[0].name"),
        ({"containerOverrides": [{"name": "web", "command": ["x" * 9000]}]}, "overrides"),
    ],
)
def test_overrides_that_cannot_be_are_named(two: World, overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        two.run_task(overrides=overrides)
    assert list(caught.value.fields) == [field]
    assert not Task.objects.exists()


# ---- client tokens -----------------------------------------------------------------------------


def test_a_repeated_token_answers_the_same_tasks_and_starts_no_more(two: World) -> None:
    first = two.run_task(count=2, client_token="abc")
    again = two.run_task(count=2, client_token="abc")
    assert {one.pk for one in again.tasks} == {one.pk for one in first.tasks} and not again.failures
    assert Task.objects.count() == 2
    other = two.run_task(count=2, client_token="ABC")
    assert not {one.pk for one in other.tasks} & {one.pk for one in first.tasks}


def test_a_token_of_another_request_is_refused(two: World) -> None:
    task = two.run_task(client_token="abc").tasks[0]
    with pytest.raises(Conflict, match=task.pk) as caught:
        two.run_task(count=2, client_token="abc")
    assert list(caught.value.fields) == ["clientToken"]
    assert Task.objects.count() == 1


def test_a_token_is_forgotten_after_a_day_and_where_nothing_started(two: World) -> None:
    two.run_task(client_token="abc")
    assert two.run_task(
        "web", client_token="x", overrides={"containerOverrides": [{"name": "web", "cpu": 4096}]}
    ).failures
    assert [row.token for row in RunRequest.objects.all()] == ["abc"]
    two.clock.advance(timedelta(hours=24, seconds=1).total_seconds())
    assert two.run_task(count=2, client_token="abc").tasks
    assert Task.objects.filter(client_token="abc").count() == 3
    two.clock.advance(timedelta(hours=25).total_seconds())
    retention.apply()
    assert not RunRequest.objects.exists()


@pytest.mark.parametrize("token", ["x" * 65, "white space", "é"])
def test_a_token_that_is_none_is_refused(two: World, token: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        two.run_task(client_token=token)
    assert list(caught.value.fields) == ["clientToken"]


# ---- names and tags ----------------------------------------------------------------------------


def test_groups_starters_and_tags(two: World) -> None:
    definitions.register_task_definition(
        CALLER,
        document={
            "family": "tagged",
            "containerDefinitions": [{"name": "a", "image": "web:1", "memory": 64}],
            "tags": [{"key": "team", "value": "shop"}, {"key": "cost", "value": "7"}],
        },
    )
    task = two.run_task(
        "tagged",
        group="batch",
        started_by="nightly/1",
        tags={"team": "ops"},
        propagate_tags="TASK_DEFINITION",
        enable_ecs_managed_tags=True,
    ).tasks[0]
    assert (task.group, task.started_by) == ("batch", "nightly/1")
    assert task.tags == {"team": "ops", "cost": "7", "aws:ecs:clusterName": "default"}
    assert two.run_task("tagged").tasks[0].group == "family:tagged"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"propagate_tags": "SERVICE"}, "propagateTags"),
        ({"group": "service:web"}, "group"),
        ({"group": ""}, "group"),
        ({"started_by": "a b"}, "startedBy"),
        ({"enable_ecs_managed_tags": "yes"}, "enableECSManagedTags"),
        ({"count": 0}, "count"),
    ],
)
def test_other_mistakes_are_named(two: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        two.run_task(**given)
    assert list(caught.value.fields) == [field]


# ---- where there is no room --------------------------------------------------------------------


def test_what_finds_no_room_says_what_was_lacking(two: World) -> None:
    result = two.run_task(count=9)
    assert len(result.tasks) == 8
    assert [one.reason for one in result.failures] == ["RESOURCE:CPU"]
    assert (
        result.failures[0].arn.startswith("arn:aws:ecs:") and ":container-instance/" in result.failures[0].arn
    )


# ---- on named instances ------------------------------------------------------------------------


def test_a_task_starts_on_each_instance_named_even_twice(two: World) -> None:
    result = start(two, "two", "two", "one", started_by="me")
    assert not result.failures
    on = [task.instance_id for task in result.tasks]
    assert sorted(on) == sorted([two.instances["one"], two.instances["two"], two.instances["two"]])
    two.run(5)
    assert {task.status for task in Task.objects.all()} == {"RUNNING"}
    assert accounts() == []


def test_instances_that_cannot_take_it_are_answered_one_by_one(two: World) -> None:
    two.host("three", "web:1")
    two.host("four", "web:1")
    two.host("five", "web:1", cpu=100)
    update_container_instance_state(CALLER, container_instance=two.instances["one"], status="DRAINING")
    two.lose("two")
    deregister_container_instance(CALLER, container_instance=two.instances["three"])
    result = start(two, "one", "two", "three", "four", "five", "nowhere")
    assert [task.instance_id for task in result.tasks] == [two.instances["four"]]
    assert [one.reason for one in result.failures] == [
        "DRAINING",
        "AGENT",
        "INACTIVE",
        "RESOURCE:CPU",
        "MISSING",
    ]
    assert all(one.detail and one.arn.startswith("arn:aws:ecs:") for one in result.failures)


@pytest.mark.parametrize("instances", [[], ["a"] * 11, "a", [1]])
def test_instances_are_one_to_ten(two: World, instances: Any) -> None:
    with pytest.raises(OperationError) as caught:
        start_task(CALLER, task_definition="web", container_instances=instances)
    assert list(caught.value.fields) == ["containerInstances"]
