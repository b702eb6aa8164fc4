"""Capacity providers through the whole loop: who may name them, and that strategies really share tasks out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from base.errors import ClientError, InvalidParameter, OperationError, ResourceInUse, Unsupported
from clusters.attributes import put_attributes
from clusters.capacity import (
    create_capacity_provider,
    delete_capacity_provider,
    describe_capacity_providers,
    put_cluster_capacity_providers,
    update_capacity_provider,
)
from clusters.models import CapacityProvider, Cluster, ContainerInstance
from clusters.operations import create_cluster, delete_cluster
from services.models import Task

from .world import CALLER, World, accounts

GROUP = "slipway.auto-scaling-group"
STRATEGY = [
    {"capacityProvider": "steady", "base": 1, "weight": 1},
    {"capacityProvider": "cheap", "weight": 2},
]


def provider(name: str, group: str = "", **more: Any) -> CapacityProvider:
    given = {"autoScalingGroupArn": group or f"{name}-hosts", **more}
    return create_capacity_provider(CALLER, name=name, auto_scaling_group_provider=given)


def associate(*names: str, default: Any = ()) -> Cluster:
    return put_cluster_capacity_providers(
        CALLER,
        cluster="default",
        capacity_providers=list(names),
        default_capacity_provider_strategy=list(default),
    )


@pytest.fixture
def two(world: World) -> World:
    """The instances `one` of provider steady and `two` of provider cheap, both the cluster's."""
    for name, of in (("one", "steady"), ("two", "cheap")):
        world.host(name, "web:1")
        provider(of)
        item = {"name": GROUP, "value": f"{of}-hosts", "targetId": world.instances[name]}
        put_attributes(CALLER, attributes=[item])
    associate("steady", "cheap")
    world.register()
    return world


def shares(world: World) -> dict[tuple[str, str], int]:
    names = {key: host for host, key in world.instances.items()}
    rows = Task.objects.exclude(status="STOPPED").values_list("instance_id", "capacity_provider")
    return dict(Counter((names[instance], of) for instance, of in rows))


def test_a_service_is_shared_out_by_base_and_weight(two: World) -> None:
    two.create(count=7, capacity_provider_strategy=STRATEGY)
    two.until_steady()
    assert shares(two) == {("one", "steady"): 3, ("two", "cheap"): 4}
    two.update(desired_count=4)
    two.until_steady()
    assert shares(two) == {("one", "steady"): 2, ("two", "cheap"): 2}
    assert accounts() == []


def test_the_default_strategy_is_for_those_that_name_nothing(two: World) -> None:
    associate("steady", "cheap", default=[{"capacityProvider": "cheap", "weight": 1}])
    two.create(count=2)
    two.create("own", count=1, launch_type="EC2", placement_strategy=[{"type": "binpack", "field": "cpu"}])
    two.until_steady("web")
    two.until_steady("own")
    assert {task.capacity_provider for task in two.tasks("web")} == {"cheap"}
    assert {task.capacity_provider for task in two.tasks("own")} == {""}


def test_run_task_is_shared_out_too(two: World) -> None:
    result = two.run_task(count=4, capacity_provider_strategy=STRATEGY)
    assert len(result.tasks) == 4 and not result.failures
    assert shares(two) == {("one", "steady"): 2, ("two", "cheap"): 2}


def test_a_provider_without_instances_is_told(two: World) -> None:
    provider("empty")
    associate("steady", "cheap", "empty")
    only = [{"capacityProvider": "empty", "weight": 1}]
    [failure] = two.run_task(capacity_provider_strategy=only).failures
    assert failure.reason == "EMPTY CAPACITY PROVIDER" and "capacity provider empty" in failure.detail
    two.create(count=1, capacity_provider_strategy=only)
    two.run(5)
    assert "The capacity provider empty is out of room." in two.events()[-1]
    item = {"name": GROUP, "value": "empty-hosts", "targetId": two.instances["one"]}
    put_attributes(CALLER, attributes=[item])
    two.until_steady()
    assert shares(two) == {("one", "empty"): 1}


def test_fargate_is_every_clusters_and_never_mixed(two: World) -> None:
    size = {
        "task": {
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
        }
    }
    two.register("far", **size)
    spot = [{"capacityProvider": "FARGATE", "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    two.create("far", "far", count=3, capacity_provider_strategy=spot)
    two.until_steady("far")
    assert Counter(t.capacity_provider for t in two.tasks("far")) == {"FARGATE": 1, "FARGATE_SPOT": 2}
    assert {t.launch_type for t in two.tasks("far")} == {"FARGATE"}
    with pytest.raises(InvalidParameter, match="cannot contain a mix"):
        two.create("mixed", capacity_provider_strategy=[*spot, {"capacityProvider": "cheap", "weight": 1}])
    with pytest.raises(InvalidParameter, match="does not support launch_type FARGATE"):
        two.create("small", capacity_provider_strategy=spot)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ([{"capacityProvider": "stranger", "weight": 1}], "not associated with the cluster"),
        ([{"capacityProvider": "none", "weight": 1}], "none is not a capacity provider"),
        (
            [{"capacityProvider": "cheap", "base": 1}, {"capacityProvider": "steady", "base": 1}],
            "can have a base",
        ),
        ([{"capacityProvider": "cheap"}, {"capacityProvider": "steady"}], "greater than 0"),
        ([{"capacityProvider": "cheap", "weight": 1}] * 2, "named twice"),
        ([{"capacityProvider": "cheap", "weight": 1001}], "from 0 to 1000"),
        ([{"capacityProvider": "cheap", "share": 1}], "share"),
    ],
)
def test_a_strategy_that_will_not_do(two: World, strategy: Any, words: str) -> None:
    provider("stranger")
    with pytest.raises(OperationError, match=words):
        two.create(capacity_provider_strategy=strategy)
    with pytest.raises(OperationError, match=words):
        two.run_task(capacity_provider_strategy=strategy)
    assert not Task.objects.exists()


def test_a_cluster_is_created_with_its_providers(two: World) -> None:
    default = [{"capacityProvider": "cheap", "weight": 1, "base": 2}]
    row = create_cluster(
        CALLER,
        cluster_name="fleet",
        capacity_providers=["steady", "cheap", "cheap"],
        default_capacity_provider_strategy=default,
    )
    row.refresh_from_db()
    assert row.capacity_providers == ["steady", "cheap"]
    assert row.default_capacity_provider_strategy == default
    delete_cluster(CALLER, cluster="fleet")
    again = create_cluster(CALLER, cluster_name="fleet")
    assert (again.capacity_providers, again.default_capacity_provider_strategy) == ([], [])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"capacity_providers": ["none"]}, "capacityProviders"),
        ({"capacity_providers": "steady"}, "capacityProviders"),
        (
            {"default_capacity_provider_strategy": [{"capacityProvider": "steady", "weight": 1}]},
            "defaultCapacityProviderStrategy[0].capacityProvider",
        ),
    ],
)
def test_a_cluster_whose_providers_will_not_do_is_not_created(two: World, given: Any, field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        create_cluster(CALLER, cluster_name="fleet", **given)
    assert list(caught.value.fields) == [field]
    assert not Cluster.objects.filter(name="fleet").exists()


def test_what_is_used_stays(two: World) -> None:
    two.create(count=2, capacity_provider_strategy=STRATEGY)
    two.until_steady()
    with pytest.raises(ResourceInUse, match="cheap"):
        associate("steady")
    with pytest.raises(ClientError, match="associated with the cluster default"):
        delete_capacity_provider(CALLER, capacity_provider="cheap")
    two.update(capacity_provider_strategy=[{"capacityProvider": "steady", "weight": 1}])
    two.until_steady()
    assert set(shares(two)) == {("one", "steady")}
    assert associate("steady").capacity_providers == ["steady"]
    assert delete_capacity_provider(CALLER, capacity_provider="cheap").status == "INACTIVE"
    assert [row.name for row in describe_capacity_providers(CALLER)] == ["FARGATE", "FARGATE_SPOT", "steady"]
    assert [row.name for row in describe_capacity_providers(CALLER, cluster="default")] == ["steady"]
    assert provider("cheap", "others").group == "others", "the name may be used again"


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"autoScalingGroupArn": ""}, InvalidParameter, "autoScalingGroupArn"),
        (
            {"autoScalingGroupArn": "g", "managedScaling": {"status": "ENABLED"}},
            Unsupported,
            "managedScaling",
        ),
        (
            {"autoScalingGroupArn": "g", "managedTerminationProtection": "ENABLED"},
            Unsupported,
            "managedTermination",
        ),
        ({"autoScalingGroupArn": "g", "managedDraining": "ENABLED"}, Unsupported, "managedDraining"),
        (
            {"autoScalingGroupArn": "g", "managedScaling": {"targetCapacity": 0}},
            InvalidParameter,
            "targetCapacity",
        ),
        ({"autoScalingGroupArn": "g", "colour": 1}, Unsupported, "colour"),
        ("g", InvalidParameter, "autoScalingGroupProvider"),
    ],
)
def test_what_is_not_there_yet_is_refused_by_name(db: None, given: Any, error: Any, field: str) -> None:
    with pytest.raises(error, match=field):
        create_capacity_provider(CALLER, name="x", auto_scaling_group_provider=given)
    assert not CapacityProvider.objects.filter(name="x").exists()


def test_settings_are_changed_and_the_group_stays(world: World) -> None:
    provider("x", "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:u:autoScalingGroupName/hosts")
    row = update_capacity_provider(
        CALLER, name="x", auto_scaling_group_provider={"managedScaling": {"targetCapacity": 80}}
    )
    assert row.configuration["managedScaling"]["targetCapacity"] == 80 and row.group == "hosts"
    with pytest.raises(ClientError, match="reserved"):
        delete_capacity_provider(CALLER, capacity_provider="FARGATE")
    with pytest.raises(ClientError, match="already exists"):
        provider("x", "others")
    with pytest.raises(ClientError, match="is used by the capacity provider x"):
        provider("y", "hosts")
    with pytest.raises(InvalidParameter, match="not beginning with"):
        provider("fargate-mine")
    assert ContainerInstance.objects.count() == 0
