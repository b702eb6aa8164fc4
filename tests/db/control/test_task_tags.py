"""The tags that a service's tasks are started with."""

from __future__ import annotations

from typing import Any

import pytest

from access.models import AuditRecord
from base.errors import InvalidParameter
from services.models import Service, Task

from .world import World

MANAGED = {"aws:ecs:clusterName": "default", "aws:ecs:serviceName": "web"}


@pytest.fixture
def host(world: World) -> World:
    world.host("one", "web:1")
    world.register(task={"tags": [{"key": "team", "value": "shop"}]})
    return world


def tags_of_tasks() -> list[dict[str, str]]:
    return [task.tags for task in Task.objects.filter(desired_status="RUNNING").order_by("created_at")]


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ({}, {}),
        ({"enable_ecs_managed_tags": True}, MANAGED),
        ({"propagate_tags": "SERVICE"}, {"cost": "7"}),
        (
            {"propagate_tags": "TASK_DEFINITION", "enable_ecs_managed_tags": True},
            {**MANAGED, "team": "shop"},
        ),
    ],
)
def test_a_task_has_the_tags_of_its_service(host: World, given: Any, tags: dict[str, str]) -> None:
    host.create(count=1, tags={"cost": "7"}, **given)
    host.until_steady()
    assert tags_of_tasks() == [tags]


def test_managed_tags_count_for_the_tasks_started_from_then_on(host: World) -> None:
    host.create(count=1)
    host.until_steady()
    row = host.update(enable_ecs_managed_tags=True, desired_count=2)
    assert row.enable_ecs_managed_tags and host.service().deployment is None, "no deployment by itself"
    host.until_steady()
    assert tags_of_tasks() == [{}, MANAGED]
    changes = AuditRecord.objects.filter(action="ecs:UpdateService").latest("id").changes
    assert {"field": "enableECSManagedTags", "before": False, "after": True} in changes
    host.update(desired_count=2)
    assert Service.objects.get().enable_ecs_managed_tags, "what is not given stays"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"enable_ecs_managed_tags": "yes"}, "enableECSManagedTags"),
        ({"propagate_tags": "ALL"}, "propagateTags"),
    ],
)
def test_other_values_are_refused_by_both_operations(host: World, given: Any, field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        host.create(**given)
    assert list(caught.value.fields) == [field] and not Service.objects.exists()
    host.create(count=1)
    with pytest.raises(InvalidParameter) as caught:
        host.update(**given)
    assert list(caught.value.fields) == [field]
    assert Service.objects.get().propagate_tags == "NONE"
