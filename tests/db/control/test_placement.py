"""Placement through the whole loop: memberships of service, task definition and RunTask, and what refusals say."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from base.errors import InvalidParameter
from clusters.attributes import put_attributes
from clusters.models import ContainerInstance
from clusters.operations import update_container_instance_state
from services.control.snapshot import load, snapshot

from .world import CALLER, World, accounts


def member(*texts: str) -> list[dict[str, str]]:
    return [{"type": "memberOf", "expression": text} for text in texts]


@pytest.fixture
def racks(world: World) -> World:
    """Two instances, `one` in rack 1 and `two` in rack 2."""
    for number, name in enumerate(("one", "two"), 1):
        world.host(name, "web:1")
        ContainerInstance.objects.filter(pk=world.instances[name]).update(
            attributes={"rack": str(number), "ecs.availability-zone": "a"}
        )
    return world


def where(world: World, name: str = "web") -> list[str]:
    names = {key: host for host, key in world.instances.items()}
    return sorted(names[task.instance_id or ""] for task in world.tasks(name))


def test_a_service_runs_on_members_only(racks: World) -> None:
    racks.register()
    racks.create(count=3, placement_constraints=member("attribute:rack == 2"))
    racks.until_steady()
    assert where(racks) == ["two"] * 3


def test_a_task_definition_brings_its_own_constraints(racks: World) -> None:
    racks.register(task={"placementConstraints": member("attribute:rack != 2")})
    racks.create(count=2, placement_constraints=member("runningTasksCount < 9"))
    racks.until_steady()
    assert where(racks) == ["one"] * 2
    tasks = racks.run_task(count=2).tasks
    assert {task.instance_id for task in tasks} == {racks.instances["one"]}


def test_groups_keep_away_from_each_other(racks: World) -> None:
    racks.register()
    racks.run_task(count=1, group="database", placement_constraints=member("attribute:rack == 1"))
    racks.create(count=2, placement_constraints=member("not (task:group == database)"))
    racks.until_steady()
    assert where(racks) == ["two"] * 2
    near = racks.run_task(count=2, placement_constraints=member("task:group == database"))
    assert {task.instance_id for task in near.tasks} == {racks.instances["one"]}


def test_distinct_instance_counts_the_whole_group(racks: World) -> None:
    racks.register()
    distinct = [{"type": "distinctInstance"}]
    first = racks.run_task(count=1, placement_constraints=distinct)
    second = racks.run_task(count=2, placement_constraints=distinct)
    assert (len(first.tasks), len(second.tasks), len(second.failures)) == (1, 1, 1)
    assert {first.tasks[0].instance_id, second.tasks[0].instance_id} == set(racks.instances.values())
    assert "did not satisfy the placement constraints: distinctInstance" in second.failures[0].detail
    assert len(racks.run_task(count=1, group="other", placement_constraints=distinct).tasks) == 1
    assert accounts() == []


def test_what_nobody_satisfies_is_said_and_mended_by_an_attribute(racks: World) -> None:
    racks.register()
    racks.create(count=1, placement_constraints=member("attribute:gpu exists"))
    racks.run(5)
    words = "did not satisfy the placement constraints: memberOf attribute:gpu exists."
    event = racks.events()[-1]
    assert event.startswith(
        "(service web) was unable to place a task because no container instance met all of its requirements. "
        "The closest matching (container-instance "
    )
    assert event.endswith(words) and words in racks.service().waiting
    ContainerInstance.objects.filter(pk=racks.instances["one"]).update(attributes={"gpu": "1"})
    racks.until_steady()
    assert where(racks) == ["one"]


def test_one_more_query_only_where_groups_are_asked(racks: World, django_assert_num_queries: Any) -> None:
    racks.register()
    racks.create("plain", count=1)
    racks.create(
        "asking", count=1, placement_constraints=member("task:group !exists or runningTasksCount > 0")
    )
    racks.run(5)
    plain, asking = load(racks.service("plain").pk), load(racks.service("asking").pk)
    with CaptureQueriesContext(connection) as usual:
        snapshot(plain)
    with django_assert_num_queries(len(usual) + 1):
        facts = snapshot(asking)
    groups = [instance.groups for instance in facts.instances]
    assert sum(sum(counts.values()) for counts in groups) == 2
    assert {name for counts in groups for name in counts} == {"service:plain", "service:asking"}


def test_a_wrong_expression_is_refused_at_its_place(racks: World) -> None:
    racks.register()
    with pytest.raises(InvalidParameter) as caught:
        racks.create(placement_constraints=[{"type": "distinctInstance"}, *member("attribute:rack = 2")])
    assert caught.value.fields == {
        "placementConstraints[1].expression": "at character 16: expected an operator after attribute:rack, found '='"
    }


def test_zones_are_made_even_again(racks: World) -> None:
    zones = {"one": "a", "two": "b"}
    for name, zone in zones.items():
        item = {"name": "ecs.availability-zone", "value": zone, "targetId": racks.instances[name]}
        put_attributes(CALLER, attributes=[item])
    racks.register()
    racks.create(count=4)
    racks.until_steady()
    racks.lose("two")
    racks.run(60)
    update_container_instance_state(CALLER, container_instance=racks.instances["two"], status="DRAINING")
    racks.find("two")
    racks.until(lambda: where(racks) == ["one"] * 4)
    racks.until_steady()
    update_container_instance_state(CALLER, container_instance=racks.instances["two"], status="ACTIVE")
    racks.until(lambda: where(racks) == ["one", "one", "two", "two"])
    racks.until_steady()
    told = " ".join(racks.events())
    assert "is not AZ balanced with 4 tasks in a, 0 tasks in b. AZ Rebalancing in progress." in told
    assert "has started 2 tasks in b to AZ Rebalance: (task " in told
    assert "has stopped 2 running tasks in a due to AZ rebalancing: (task " in told
    assert "is AZ balanced with 2 tasks in a, 2 tasks in b." in told
    assert accounts() == []
