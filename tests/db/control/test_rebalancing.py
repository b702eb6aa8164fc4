"""availabilityZoneRebalancing: on by default where a service is eligible, refused in ECS's words where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from base.errors import InvalidParameter
from clusters.attributes import put_attributes
from clusters.operations import update_container_instance_state
from services.deployment_operations import roll_back
from services.models import Service, ServiceRevision, Task
from services.protection import update_task_protection

from .world import CALLER, World

ZONES = {"type": "spread", "field": "attribute:ecs.availability-zone"}
RANDOM = [{"type": "random"}]
IN_A = [{"type": "memberOf", "expression": "attribute:ecs.availability-zone == a"}]
# What keeps a service from it -> ECS's words for it.
OBSTACLES: list[tuple[dict[str, Any], str]] = [
    ({"deployment_configuration": {"maximumPercent": 100}}, "does not support maximumPercent <= 100 % as"),
    ({"placement_strategy": RANDOM}, "does not support a first placement strategy other than spread"),
    ({"placement_strategy": [{"type": "spread", "field": "instanceId"}, ZONES]}, "other than spread"),
    ({"placement_constraints": IN_A}, "in placement constraints."),
]


@pytest.fixture
def web(world: World) -> World:
    world.host("one", "web:1", "web:2")
    world.register()
    return world


def rebalancing(world: World, name: str = "web") -> str:
    return str(Service.objects.get(name=name).availability_zone_rebalancing)


@pytest.mark.parametrize(
    "given",
    [{}, {"placement_strategy": [ZONES, {"type": "binpack", "field": "memory"}]}, {"launch_type": "EC2"}],
)
def test_an_eligible_service_has_it_unless_told_otherwise(web: World, given: Any) -> None:
    web.create(**given)
    assert rebalancing(web) == "ENABLED"
    web.create("off", availability_zone_rebalancing="DISABLED", **given)
    assert rebalancing(web, "off") == "DISABLED"


@pytest.mark.parametrize(("given", "words"), OBSTACLES)
def test_one_that_is_not_is_created_without_and_refused_it_by_name(
    web: World, given: Any, words: str
) -> None:
    with pytest.raises(InvalidParameter, match="Availability Zone Rebalancing does not support") as caught:
        web.create("asked", availability_zone_rebalancing="ENABLED", **given)
    assert words in caught.value.message and list(caught.value.fields) == ["availabilityZoneRebalancing"]
    web.create(**given)
    assert rebalancing(web) == "DISABLED"
    with pytest.raises(InvalidParameter, match="Availability Zone Rebalancing does not support"):
        web.update(availability_zone_rebalancing="ENABLED")


def test_a_daemon_has_none(web: World) -> None:
    daemon: Any = {"scheduling_strategy": "DAEMON", "count": None, "deployment_configuration": {}}
    with pytest.raises(InvalidParameter, match="Rebalancing does not support DAEMON services"):
        web.create("asked", availability_zone_rebalancing="ENABLED", **daemon)
    web.create(**daemon)
    assert rebalancing(web) == "DISABLED"
    web.update(task_definition=web.register(image="web:2"))


def test_nor_has_one_whose_task_definition_names_a_zone(web: World) -> None:
    definition = web.register("tied", task={"placementConstraints": IN_A})
    web.create("tied", definition)
    assert rebalancing(web, "tied") == "DISABLED"


def test_another_word_is_refused(web: World) -> None:
    with pytest.raises(InvalidParameter, match="availabilityZoneRebalancing"):
        web.create(availability_zone_rebalancing="MAYBE")


@pytest.mark.parametrize(("given", "words"), OBSTACLES)
def test_an_update_that_it_does_not_go_with_needs_it_off(web: World, given: Any, words: str) -> None:
    web.create()
    before = ServiceRevision.objects.count()
    with pytest.raises(InvalidParameter, match="Rebalancing does not support") as caught:
        web.update(**given)
    assert words in caught.value.message
    assert rebalancing(web) == "ENABLED" and ServiceRevision.objects.count() == before
    web.update(availability_zone_rebalancing="DISABLED", **given)
    assert rebalancing(web) == "DISABLED"


def test_an_update_that_does_not_name_it_keeps_it(web: World) -> None:
    web.create()
    Service.objects.update(availability_zone_rebalancing="DISABLED")  # as those of before the default
    web.update(desired_count=2)
    assert rebalancing(web) == "DISABLED"
    web.update(availability_zone_rebalancing="ENABLED")
    revisions = ServiceRevision.objects.count()
    web.update(desired_count=3)
    assert rebalancing(web) == "ENABLED" and ServiceRevision.objects.count() == revisions


def test_what_was_let_in_before_may_still_be_scaled_and_rolled_back_to(web: World) -> None:
    web.create(placement_strategy=RANDOM)
    web.until_steady()
    web.update(placement_strategy=[])
    web.until_steady()
    web.update(availability_zone_rebalancing="ENABLED")
    roll_back(CALLER, service="web")
    web.until_steady()
    assert rebalancing(web) == "ENABLED"
    web.update(desired_count=1)
    with pytest.raises(InvalidParameter, match="Rebalancing does not support"):
        web.update(deployment_configuration={"maximumPercent": 100})


def test_protected_tasks_stay_and_the_service_says_why_until_their_protection_ends(web: World) -> None:
    web.host("two", "web:1")
    for name, zone in (("one", "a"), ("two", "b")):
        item = {"name": "ecs.availability-zone", "value": zone, "targetId": web.instances[name]}
        put_attributes(CALLER, attributes=[item])
    update_container_instance_state(CALLER, container_instance=web.instances["two"], status="DRAINING")
    web.create(count=2)
    web.until_steady()
    web.run(5)
    first = {task.pk for task in web.tasks()}
    update_task_protection(CALLER, tasks=sorted(first), protection_enabled=True, expires_in_minutes=30)
    update_container_instance_state(CALLER, container_instance=web.instances["two"], status="ACTIVE")
    web.run(600)
    assert {task.pk for task in web.tasks()} == first
    blocked = [
        said for said in web.events() if "was unable to AZ Rebalance because (taskSet ecs-svc/" in said
    ]
    assert len(blocked) == 1
    assert blocked[0].endswith("was unable to scale in due to (reason 2 tasks under protection)")
    web.until(lambda: {str(task.instance) for task in web.tasks()} == {"one", "two"}, 2400)
    web.until_steady()
    [moved] = Task.objects.filter(status="STOPPED")
    assert moved.stopped_reason == "Availability-zone rebalancing initiated by (service web)"
