"""Capabilities: instances get them at every contact, and placement demands those that a definition needs."""

from __future__ import annotations

import pytest

from base.errors import InvalidParameter
from clusters.attributes import list_attributes, put_attributes
from clusters.facts import matching
from clusters.models import ContainerInstance
from console.aws.ecs import definitions, instances
from services.models import TaskDefinition
from tests.db.control.world import CALLER, World

GELF = "com.amazonaws.ecs.capability.logging-driver.gelf"


@pytest.fixture
def plain(world: World) -> World:
    """An engine without Docker's gelf driver."""
    host = world.host("one", "web:1")
    host.log_drivers = ("json-file",)
    world.lose()
    world.find()
    return world


def test_a_task_waits_for_an_instance_that_can_run_it(plain: World) -> None:
    plain.register(logConfiguration={"logDriver": "gelf"})
    result = plain.run_task()
    assert [one.reason for one in result.failures] == ["ATTRIBUTE"]
    assert "is missing an attribute required by your task." in result.failures[0].detail
    plain.hosts["one"].log_drivers += ("gelf",)
    plain.lose()
    plain.find()
    assert len(plain.run_task().tasks) == 1


def test_what_is_demanded_is_told(plain: World) -> None:
    plain.register(logConfiguration={"logDriver": "gelf"})
    assert {"name": GELF} in definitions.shape(TaskDefinition.objects.get())["requiresAttributes"]


def test_capabilities_are_attributes_like_others_but_the_engines_own(plain: World) -> None:
    row = plain.instance()
    privileged = "com.amazonaws.ecs.capability.privileged-container"
    assert {"name": privileged} in instances.shape(row)["attributes"]
    found = list_attributes(CALLER, attribute_name=privileged)
    assert [(one["name"], "value" in one) for one in found] == [(privileged, False)]
    rows = ContainerInstance.objects.all()
    assert matching(rows, f"attribute:{privileged} exists").count() == 1
    assert matching(rows, f"attribute:{GELF} exists").count() == 0
    for name in (GELF, "ecs.capability.task-eni"):
        with pytest.raises(InvalidParameter):
            put_attributes(CALLER, attributes=[{"name": name, "targetId": row.pk}])
