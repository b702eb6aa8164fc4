"""Task sets through the operations and the control loop: services whose deployments somebody else decides on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from base.errors import InvalidParameter, OperationError, TaskSetNotFound, Unsupported
from clusters.engine.fake_world import Behaviour
from clusters.operations import update_container_instance_state
from services.control import needed, retention
from services.deployment_operations import stop_service_deployment
from services.models import Deployment, Service, ServiceRevision, Task, TaskSet
from services.operations import create_service, delete_service
from services.protection import update_task_protection
from services.queries import list_tasks
from services.task_operations import stop_task
from services.task_sets.operations import (
    create_task_set,
    delete_task_set,
    update_service_primary_task_set,
    update_task_set,
)
from services.task_sets.queries import describe_task_set, list_task_sets
from services.updating import update_service

from .world import CALLER, World, accounts

EXTERNAL = {"type": "EXTERNAL"}


def external(**given: Any) -> Service:
    request = {"service_name": "web", "desired_count": 4, "deployment_controller": EXTERNAL}
    return create_service(CALLER, **request | given)


def add(definition: str = "web", percent: float | None = 100, **given: Any) -> TaskSet:
    scale = {} if percent is None else {"scale": {"value": percent, "unit": "PERCENT"}}
    return create_task_set(CALLER, service="web", task_definition=definition, **scale, **given)


def have(world: World) -> dict[str, int]:
    """Task set -> its running tasks, by what the tasks say of themselves."""
    return dict(Counter(task.started_by for task in world.tasks()))


def fresh(row: TaskSet) -> TaskSet:
    return describe_task_set(CALLER, service="web", task_set=row.id)


def steady(*rows: TaskSet) -> bool:
    found = TaskSet.objects.filter(pk__in=[row.pk for row in rows], stability="STEADY_STATE")
    return found.count() == len(rows)


@pytest.fixture
def fleet(world: World) -> World:
    world.host("one", "web:1", "web:2")
    world.host("two", "web:1", "web:2")
    world.register("web", "web:1")
    world.register("web", "web:2")
    return world


@pytest.fixture
def sets(fleet: World) -> tuple[World, TaskSet, TaskSet]:
    """Four desired: four of the first revision, two of the second."""
    external()
    first, second = add("web:1"), add("web:2", 50, external_id="build-42")
    fleet.until(lambda: steady(first, second))
    return fleet, first, second


def test_each_set_runs_its_share_of_the_desired_count(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    assert have(world) == {first.id: 4, second.id: 2}
    images = Counter((task.started_by, str(task.task_definition)) for task in world.tasks())
    assert images == {(first.id, "web:1"): 4, (second.id, "web:2"): 2}
    row = fresh(second)
    assert (row.desired_count, row.running_count, row.pending_count) == (2, 2, 0)  # type: ignore[attr-defined]
    service = world.service()
    assert service.steady_since is not None and (service.running_count, service.waiting) == (6, "")
    assert not Deployment.objects.exists()
    assert f"(service web, taskSet {second.id}) has reached a steady state." in world.events()
    assert [task.pk for task in list_tasks(CALLER, cluster="default", started_by=second.id)]
    assert accounts() == []


def test_without_a_scale_nothing_runs_until_it_is_scaled(fleet: World) -> None:
    external()
    fleet.run(10)
    assert "Waiting for a task set" in fleet.service().waiting
    row = add("web:1", None)
    fleet.until(lambda: steady(row))
    assert have(fleet) == {} and row.scale == 0
    update_task_set(CALLER, service="web", task_set=row.id, scale={"value": 25, "unit": "PERCENT"})
    assert fresh(row).stability == "STABILIZING"
    fleet.until(lambda: steady(row))
    assert have(fleet) == {row.id: 1}


def test_scaling_a_set_and_scaling_the_service(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    update_task_set(CALLER, service="web", task_set=first.arn, scale={"value": 33.3})
    update_task_set(CALLER, service="web", task_set=second.id, scale={"value": 100})
    world.until(lambda: steady(first, second))
    assert have(world) == {first.id: 2, second.id: 4}
    update_service(CALLER, service="web", desired_count=2)
    assert not steady(first)
    world.until(lambda: steady(first, second))
    assert have(world) == {first.id: 1, second.id: 2}
    assert accounts() == []


def test_a_lost_task_is_replaced_in_its_set(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    gone = next(task for task in world.tasks() if task.started_by == second.id)
    stop_task(CALLER, task=gone.pk)
    world.run(90)
    assert have(world) == {first.id: 4, second.id: 2}
    assert gone.pk not in {task.pk for task in world.tasks()}


def test_a_lost_host_and_a_draining_one(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    update_container_instance_state(CALLER, container_instance=world.instances["two"], status="DRAINING")
    world.until(lambda: {task.instance_id for task in world.tasks()} == {world.instances["one"]})
    world.until(lambda: steady(first, second))
    assert have(world) == {first.id: 4, second.id: 2}


def test_the_primary_is_what_the_service_shows(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    assert world.service().completed_revision is None and fresh(first).shown_status == "ACTIVE"
    for row, other in ((first, second), (second, first)):
        update_service_primary_task_set(CALLER, service="web", primary_task_set=row.id)
        assert (fresh(row).shown_status, fresh(other).shown_status) == ("PRIMARY", "ACTIVE")
        assert world.service().completed_revision_id == row.pk
    world.run(60)
    assert have(world) == {first.id: 4, second.id: 2}


def test_a_deleted_set_drains_and_goes(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, second = sets
    update_service_primary_task_set(CALLER, service="web", primary_task_set=second.id)
    answer = delete_task_set(CALLER, service="web", task_set=first.id, force=True)
    assert (answer.shown_status, answer.desired_count) == ("DRAINING", 0)
    with pytest.raises(InvalidParameter, match="DRAINING"):
        update_task_set(CALLER, service="web", task_set=first.id, scale={"value": 100})
    world.until(lambda: not TaskSet.objects.filter(pk=first.pk).exists())
    world.until(lambda: world.service().steady_since is not None)
    assert have(world) == {second.id: 2}
    ended = Task.objects.filter(started_by=first.id)
    assert set(ended.values_list("status", "stopped_reason")) == {("STOPPED", "The task set was deleted")}
    with pytest.raises(TaskSetNotFound):
        describe_task_set(CALLER, service="web", task_set=first.id)
    assert accounts() == []


def test_only_with_force_are_a_scaled_set_and_the_primary_deleted(
    sets: tuple[World, TaskSet, TaskSet],
) -> None:
    world, first, second = sets
    with pytest.raises(InvalidParameter, match="scaled above 0"):
        delete_task_set(CALLER, service="web", task_set=first.id)
    update_task_set(CALLER, service="web", task_set=first.id, scale={"value": 0})
    update_service_primary_task_set(CALLER, service="web", primary_task_set=first.id)
    with pytest.raises(InvalidParameter, match="primary"):
        delete_task_set(CALLER, service="web", task_set=first.id)
    delete_task_set(CALLER, service="web", task_set=first.id, force=True)
    assert world.service().completed_revision is None
    update_task_set(CALLER, service="web", task_set=second.id, scale={"value": 0})
    delete_task_set(CALLER, service="web", task_set=second.id)
    world.run(120)
    assert not TaskSet.objects.exists() and have(world) == {}
    assert "Waiting for a task set" in world.service().waiting


def test_the_service_goes_when_it_has_no_sets_or_with_force(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, *_ = sets
    update_service(CALLER, service="web", desired_count=0)
    with pytest.raises(InvalidParameter, match="has task sets"):
        delete_service(CALLER, service="web")
    delete_service(CALLER, service="web", force=True)
    assert {row.status for row in TaskSet.objects.all()} == {"DRAINING"}
    world.run(120)
    assert world.service().status == "INACTIVE" and world.tasks() == []
    assert not TaskSet.objects.exists() and accounts() == []


def test_a_protected_task_outlives_its_scale(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, _ = sets
    kept = next(task for task in world.tasks() if task.started_by == first.id)
    update_task_protection(CALLER, tasks=[kept.pk], protection_enabled=True, expires_in_minutes=3)
    update_task_set(CALLER, service="web", task_set=first.id, scale={"value": 0})
    world.run(60)
    assert [task.pk for task in world.tasks() if task.started_by == first.id] == [kept.pk]
    assert not steady(first) and "protection" in fresh(first).waiting
    world.run(240)
    assert steady(first)


def test_what_keeps_failing_is_slowed_down_and_never_given_up(fleet: World) -> None:
    for host in fleet.hosts.values():
        host.add_image("crash", Behaviour(exits_after=1, exit_code=3))
    external(desired_count=1)
    fleet.register("web", "crash")
    row = add("web:3")
    fleet.run(20)
    tried = Task.objects.filter(started_by=row.id).count()
    assert 2 < tried < 14 and not steady(row)  # a pause of two seconds after each
    good = add("web:1")
    fleet.until(lambda: steady(good))
    assert have(fleet)[good.id] == 1


def test_images_are_pinned_once_for_a_set(fleet: World) -> None:
    host = fleet.hosts["one"]
    fleet.register("web", "registry.example/web:9")
    external(desired_count=1)
    row = add("web:3")
    fleet.run(120)
    assert have(fleet) == {} and "manifest unknown" in fresh(row).waiting
    assert [
        event for event in fleet.events() if f"taskSet {row.id}) is unable to resolve the images" in event
    ]
    host.publish("registry.example/web:9")
    fleet.hosts["two"].publish("registry.example/web:9")
    fleet.until(lambda: steady(row))
    pin = ServiceRevision.objects.get(pk=row.pk).images["web"]["pin"]
    assert pin.startswith("registry.example/web@sha256:")


def test_a_lost_message_to_the_job_that_resolves_is_made_up_for(fleet: World) -> None:
    for host in fleet.hosts.values():
        host.publish("registry.example/web:9")
    fleet.register("web", "registry.example/web:9")
    fleet.losing = lambda name: name == "services.resolve_images_of_task_set"
    external(desired_count=1)
    row = add("web:3")
    fleet.run(5)
    assert have(fleet) == {}
    fleet.losing = lambda name: False
    fleet.until(lambda: steady(row))


def test_its_images_and_its_revision_are_kept(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, _, second = sets
    update_task_set(CALLER, service="web", task_set=second.id, scale={"value": 0})
    world.until(lambda: steady(second))
    world.clock.advance(3600 * 24 * 400)
    retention.apply()
    assert ServiceRevision.objects.filter(pk=second.pk).exists()
    pinned = second.revision.images or ServiceRevision.objects.get(pk=second.pk).images
    assert pinned["web"]["pin"] in needed.pins(world.instance())


def test_distinct_instances_count_the_tasks_of_all_sets(fleet: World) -> None:
    external(desired_count=1, placement_constraints=[{"type": "distinctInstance"}])
    first, second = add("web:1"), add("web:2")
    fleet.until(lambda: steady(first, second))
    third = add("web:1")
    fleet.run(60)
    assert len({task.instance_id for task in fleet.tasks()}) == 2
    assert not steady(third) and "distinctInstance" in fresh(third).waiting
    update_service(CALLER, service="web", placement_constraints=[])
    fleet.until(lambda: steady(third))


def test_a_client_token_makes_one_set(fleet: World) -> None:
    external()
    first = add("web:1", client_token="once")
    assert add("web:1", client_token="once").pk == first.pk
    with pytest.raises(InvalidParameter, match="not idempotent"):
        add("web:2", client_token="once")
    assert TaskSet.objects.count() == 1 == add("web:1", client_token="two").service.task_sets.count() - 1


def test_at_most_five(fleet: World) -> None:
    external(desired_count=0)
    for _ in range(5):
        add("web:1", 0)
    with pytest.raises(InvalidParameter, match="5 deployments exist on the service"):
        add("web:1", 0)


# ---- what is refused ---------------------------------------------------------------------------

NOT_CREATED = [
    ({"deployment_controller": {"type": "CODE_DEPLOY"}}, Unsupported, "CODE_DEPLOY"),
    ({"deployment_controller": {"type": "OTHER"}}, InvalidParameter, "ECS or EXTERNAL"),
    ({"task_definition": "web:1"}, InvalidParameter, "taskDefinition"),
    ({"launch_type": "EC2"}, InvalidParameter, "launchType"),
    ({"deployment_configuration": {"maximumPercent": 150}}, InvalidParameter, "deploymentConfiguration"),
    ({"network_configuration": {"awsvpcConfiguration": {}}}, InvalidParameter, "networkConfiguration"),
    ({"capacity_provider_strategy": [{"capacityProvider": "x"}]}, InvalidParameter, "capacityProviderStrategy"),
    ({"scheduling_strategy": "DAEMON", "desired_count": None}, InvalidParameter, "DAEMON"),
    ({"availability_zone_rebalancing": "ENABLED"}, InvalidParameter, "availabilityZoneRebalancing"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "error", "named"), NOT_CREATED, ids=[str(c[0]) for c in NOT_CREATED])
def test_what_belongs_to_task_sets_is_refused_of_the_service(
    fleet: World, given: dict[str, Any], error: type[OperationError], named: str
) -> None:
    with pytest.raises(error, match=named):
        external(**given)
    assert not Service.objects.exists()


NOT_UPDATED = [
    {"task_definition": "web:2"},
    {"force_new_deployment": True},
    {"deployment_configuration": {"maximumPercent": 150}},
    {"from_revision": "1"},
    {"enable_execute_command": True},
    {"availability_zone_rebalancing": "ENABLED"},
]


@pytest.mark.parametrize("given", NOT_UPDATED, ids=[next(iter(c)) for c in NOT_UPDATED])
def test_what_only_deployments_change_is_refused(fleet: World, given: dict[str, Any]) -> None:
    external()
    add("web:1", 0)  # has the service's revision 1
    with pytest.raises(InvalidParameter, match="EXTERNAL"):
        update_service(CALLER, service="web", **given)
    with pytest.raises(Unsupported, match="deploymentController"):
        update_service(CALLER, service="web", deployment_controller={"type": "ECS"})
    changed = update_service(
        CALLER,
        service="web",
        desired_count=7,
        health_check_grace_period_seconds=5,
        propagate_tags="SERVICE",
        deployment_controller=EXTERNAL,
    )
    assert (changed.desired_count, changed.health_grace, changed.propagate_tags) == (7, 5, "SERVICE")


def test_a_service_with_deployments_has_no_task_sets(fleet: World) -> None:
    service = fleet.create("web", "web:1", 1)
    for call in (
        lambda: add("web:2"),
        lambda: list_task_sets(CALLER, service="web"),
        lambda: update_task_set(CALLER, service="web", task_set="ecs-svc/1", scale={"value": 1}),
        lambda: update_service_primary_task_set(CALLER, service="web", primary_task_set="ecs-svc/1"),
        lambda: delete_task_set(CALLER, service="web", task_set="ecs-svc/1"),
    ):
        with pytest.raises(InvalidParameter, match="external deployment controllers"):
            call()
    assert service.deployment_controller == "ECS"
    with pytest.raises(InvalidParameter, match="taskDefinition"):
        create_service(CALLER, service_name="bare")
    with pytest.raises(Unsupported):
        update_service(CALLER, service="web", deployment_controller=EXTERNAL)


@pytest.mark.parametrize("value", [-0.1, 100.1, True, "50", None, float("nan")])
def test_a_scale_is_a_percentage(fleet: World, value: Any) -> None:
    external()
    with pytest.raises(InvalidParameter) as caught:
        create_task_set(CALLER, service="web", task_definition="web:1", scale={"value": value})
    assert list(caught.value.fields) == ["scale.value"]
    assert not TaskSet.objects.exists() and not ServiceRevision.objects.exists()


def test_a_set_is_found_in_its_own_service_only(sets: tuple[World, TaskSet, TaskSet]) -> None:
    world, first, _ = sets
    create_service(CALLER, service_name="other", deployment_controller=EXTERNAL)
    for name in (first.id, first.arn, first.pk):
        with pytest.raises(TaskSetNotFound):
            describe_task_set(CALLER, service="other", task_set=name)
    with pytest.raises(TaskSetNotFound):
        describe_task_set(CALLER, service="web", task_set=first.arn.replace("/web/", "/other/"))
    assert first.created_at <= timezone.now() or world.clock is not None
    with pytest.raises(OperationError):
        stop_service_deployment(CALLER, service_deployment=first.id)
