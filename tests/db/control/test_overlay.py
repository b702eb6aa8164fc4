"""A cluster's network over several engines, on fake ones: who is in, who joins, who leaves, and what is refused."""

from __future__ import annotations

import pytest

from access.registry import system_caller
from base.errors import InvalidParameter
from clusters import overlay
from clusters.models import ContainerInstance, Network
from clusters.network_operations import update_cluster_network
from clusters.operations import deregister_container_instance
from services.models import Task

from .world import CALLER, World


def check(world: World, times: int = 1) -> Network:
    """What the beat does."""
    for _ in range(times):
        overlay.check_all()
        world.run(1)
    return Network.objects.get()


def member(world: World, name: str) -> dict[str, object]:
    found: dict[str, object] = world.instance(name).overlay
    return found


@pytest.fixture
def three(world: World) -> World:
    for name in ("one", "two", "three"):
        world.host(name, "web:1")
    update_cluster_network(CALLER, driver="overlay")
    check(world, 2)
    return world


def test_all_engines_join_one_swarm_with_three_managers(three: World) -> None:
    network = check(three)
    assert network.trouble == ""
    assert network.checked_at is not None
    assert [member(three, name)["in"] for name in three.hosts] == [True] * 3
    assert {member(three, name)["role"] for name in three.hosts} == {"manager"}
    names = {one.name for host in three.hosts for one in three.engine(host).list_networks()}
    assert names == {network.docker_name}
    assert {one.driver for host in three.hosts for one in three.engine(host).list_networks()} == {"overlay"}


def test_with_two_engines_there_is_one_manager_for_a_second_would_only_be_one_more_to_lose(
    world: World,
) -> None:
    world.host("one")
    world.host("two")
    update_cluster_network(CALLER, driver="overlay")
    check(world, 2)
    assert sorted(str(member(world, name)["role"]) for name in world.hosts) == ["manager", "worker"]
    world.host("three")
    check(world, 3)
    assert {member(world, name)["role"] for name in world.hosts} == {"manager"}


def test_tasks_of_the_network_go_only_where_it_is(three: World) -> None:
    three.register(task={"networkMode": "awsvpc"})
    three.host("four", "web:1", cpu=64_000, memory=64_000)
    ContainerInstance.objects.filter(name="four").update(overlay={})
    result = three.run_task(count=10)
    assert len(result.tasks) == 10
    assert not Task.objects.filter(instance__name="four").exists()
    for name in ("one", "two", "three"):
        ContainerInstance.objects.filter(name=name).update(overlay={})
    refused = three.run_task()
    assert refused.tasks == ()
    assert "is missing an attribute required by your task." in str(refused.failures[0])


def test_an_engine_in_another_swarm_is_left_alone_and_named(three: World) -> None:
    three.host("stranger")
    three.engine("stranger").swarm_leave()
    three.engine("stranger").swarm_init("")
    before = three.engine("stranger").swarm().node_id
    check(three, 2)
    assert three.engine("stranger").swarm().node_id == before
    assert member(three, "stranger")["in"] is False
    assert "another swarm" in str(member(three, "stranger")["why"])


def test_engines_that_somebody_joined_are_used_as_they_are_and_never_made_to_leave(world: World) -> None:
    for name in ("one", "two"):
        world.host(name)
    world.engine("one").swarm_init("")
    token = world.engine("one").swarm_tokens().worker
    world.engine("two").swarm_join(["one:2377"], token, "")
    update_cluster_network(CALLER, driver="overlay")
    check(world, 2)
    assert [member(world, name)["in"] for name in world.hosts] == [True, True]
    update_cluster_network(CALLER, driver="bridge")
    deregister_container_instance(CALLER, container_instance=world.instances["two"])
    world.run(60)
    check(world, 3)
    assert {world.engine(name).swarm().state for name in world.hosts} == {"active"}


def test_a_second_swarm_is_never_begun_while_the_first_is_only_silent(world: World) -> None:
    world.host("one")
    update_cluster_network(CALLER, driver="overlay")
    check(world, 2)
    world.lose("one")
    world.host("two")
    network = check(world, 2)
    assert world.engine("two").swarm().state == "inactive"
    assert "No manager" in network.trouble
    world.find("one")
    check(world, 2)
    assert member(world, "two")["in"] is True
    assert world.engine("two").swarm().manager is False


def test_what_was_joined_leaves_with_its_instance_a_manager_only_after_another_took_over(
    world: World,
) -> None:
    for name in ("one", "two"):
        world.host(name)
    update_cluster_network(CALLER, driver="overlay")
    check(world, 2)
    manager = next(name for name in world.hosts if member(world, name)["role"] == "manager")
    other = next(name for name in world.hosts if name != manager)
    deregister_container_instance(CALLER, container_instance=world.instances[manager])
    world.run(20)
    check(world, 3)
    assert world.engine(manager).swarm().state == "inactive"
    assert [node.name for node in world.engine(other).swarm_nodes()] == [other]
    assert world.engine(other).swarm().manager


def test_a_lost_one_that_was_deregistered_is_forgotten(three: World) -> None:
    three.lose("three")
    three.run(300)
    deregister_container_instance(CALLER, container_instance=three.instances["three"], force=True)
    three.run(20)
    check(three, 2)
    assert sorted(node.name for node in three.engine("one").swarm_nodes()) == ["one", "two"]


def test_back_to_bridges_all_leave(three: World) -> None:
    update_cluster_network(CALLER, driver="bridge")
    three.run(20)
    check(three, 6)
    assert {three.engine(name).swarm().state for name in three.hosts} == {"inactive"}
    assert [member(three, name) for name in three.hosts] == [{}, {}, {}]


def test_tokens_are_kept_nowhere(three: World) -> None:
    tokens = three.engine("one").swarm_tokens()
    assert "SWMTKN" not in repr(tokens)
    kept = str(list(ContainerInstance.objects.values())) + str(list(Network.objects.values()))
    assert "SWMTKN" not in kept


def test_what_no_driver_is_called(world: World) -> None:
    with pytest.raises(InvalidParameter) as caught:
        update_cluster_network(system_caller("test"), driver="macvlan")
    assert caught.value.fields == {"driver": "bridge or overlay"}
