"""Ports, networks and volumes."""

from __future__ import annotations

import ipaddress

import pytest

from clusters.engine.errors import InvalidRequest, NotOurs, PortConflict, StartFailed
from clusters.engine.port import LABEL_INSTALLATION, Mount, NetworkSpec, PortBinding

from .world import World

SUBNET = "10.213.7.0/24"


def case_the_engine_chooses_a_host_port(world: World) -> None:
    (bound,) = world.state(world.running(ports=(PortBinding(80, 0),))).ports
    assert bound.host_port >= 1024
    assert (bound.container_port, bound.protocol, bound.host_ip) == (80, "tcp", "0.0.0.0")


def case_chosen_host_ports_differ(world: World) -> None:
    first, second = (world.state(world.running(ports=(PortBinding(80, 0),))).ports[0] for _ in range(2))
    assert first.host_port != second.host_port


def case_a_wanted_host_port_is_given(world: World) -> None:
    free = _free_port(world)
    container_id = world.running(ports=(PortBinding(80, free), PortBinding(81, 0)))
    bound = {port.container_port: port.host_port for port in world.state(container_id).ports}
    assert bound[80] == free
    assert len(bound) == 2


def case_a_taken_host_port_conflicts_at_start(world: World) -> None:
    taken = world.state(world.running(ports=(PortBinding(80, 0),))).ports[0].host_port
    second = world.created(ports=(PortBinding(90, taken),))
    with pytest.raises(PortConflict, match=str(taken)):
        world.engine.start_container(second)
    state = world.state(second)
    assert (state.status, state.ports) == ("created", ())


def case_a_host_port_is_free_again_after_the_end(world: World) -> None:
    first = world.running(ports=(PortBinding(80, 0),))
    port = world.state(first).ports[0].host_port
    world.engine.stop_container(first, 5)
    assert world.state(first).ports == ()
    second = world.running(ports=(PortBinding(80, port),))
    assert world.state(second).ports[0].host_port == port


def case_tcp_and_udp_ports_do_not_conflict(world: World) -> None:
    free = _free_port(world)
    container_id = world.running(ports=(PortBinding(80, free), PortBinding(80, free, "udp")))
    assert {(port.host_port, port.protocol) for port in world.state(container_id).ports} == {
        (free, "tcp"),
        (free, "udp"),
    }


def case_the_list_without_detail_tells_ports_and_addresses(world: World) -> None:
    full = world.state(world.running(ports=(PortBinding(80, 0),)))
    (brief,) = world.engine.list_containers(detail=False)
    assert brief.ports == full.ports
    assert brief.ip_addresses == full.ip_addresses


def case_on_the_bridge_it_has_an_address(world: World) -> None:
    addresses = world.state(world.running()).ip_addresses
    assert list(addresses) == ["bridge"]
    ipaddress.IPv4Address(addresses["bridge"])


def case_in_the_hosts_network_it_has_none(world: World) -> None:
    assert world.state(world.running(network_mode="host")).ip_addresses == {}


def case_in_a_network_of_ours_it_has_an_address_there(world: World) -> None:
    network = world.engine.ensure_network(NetworkSpec(world.name(), {"x": "y"}, subnet=SUBNET))
    assert network.subnets == (SUBNET,)
    assert network.labels == {"x": "y", LABEL_INSTALLATION: world.engine.installation}
    container_id = world.running(network_mode=network.name, network_aliases=("db",))
    addresses = world.state(container_id).ip_addresses
    assert ipaddress.ip_address(addresses[network.name]) in ipaddress.ip_network(SUBNET)


def case_a_missing_network_fails_the_start(world: World) -> None:
    with pytest.raises((StartFailed, InvalidRequest), match="no-such-net"):
        world.running(network_mode="no-such-net")


def case_a_container_can_join_anothers_network(world: World) -> None:
    pause = world.running()
    joined = world.running(network_mode=f"container:{pause}")
    state = world.state(joined)
    assert state.status == "running"
    assert state.ip_addresses == {}


def case_joining_the_network_of_what_is_not_there(world: World) -> None:
    with pytest.raises((StartFailed, InvalidRequest), match="nobody-there"):
        world.running(network_mode="container:nobody-there")


def case_joining_the_network_of_what_does_not_run(world: World) -> None:
    pause = world.created()
    with pytest.raises(StartFailed):
        world.running(network_mode=f"container:{pause}")


def case_ensure_network_is_idempotent(world: World) -> None:
    spec = NetworkSpec(world.name(), {})
    first = world.engine.ensure_network(spec)
    assert world.engine.ensure_network(spec) == first
    assert world.another_connection().ensure_network(spec) == first


def case_networks_get_subnets_of_their_own(world: World) -> None:
    first, second = (world.engine.ensure_network(NetworkSpec(world.name(), {})) for _ in range(2))
    one, two = ipaddress.ip_network(first.subnets[0]), ipaddress.ip_network(second.subnets[0])
    assert not one.overlaps(two)


def case_an_overlapping_subnet_is_refused(world: World) -> None:
    world.engine.ensure_network(NetworkSpec(world.name(), {}, subnet=SUBNET))
    with pytest.raises(InvalidRequest, match="overlap"):
        world.engine.ensure_network(NetworkSpec(world.name(), {}, subnet=SUBNET))


def case_networks_listed_are_ours(world: World) -> None:
    mine = world.engine.ensure_network(NetworkSpec(world.name(), {}))
    world.stranger.ensure_network(NetworkSpec(world.name(), {}))
    assert list(world.engine.list_networks()) == [mine]


def case_removing_a_network(world: World) -> None:
    network = world.engine.ensure_network(NetworkSpec(world.name(), {}))
    world.engine.remove_network(network.name)
    assert list(world.engine.list_networks()) == []
    world.engine.remove_network(network.name)


def case_a_network_in_use_is_not_removed(world: World) -> None:
    network = world.engine.ensure_network(NetworkSpec(world.name(), {}))
    world.running(network_mode=network.name)
    with pytest.raises(InvalidRequest, match="active endpoints"):
        world.engine.remove_network(network.name)


def case_a_strangers_network_is_neither_used_nor_removed(world: World) -> None:
    spec = NetworkSpec(world.name(), {})
    world.stranger.ensure_network(spec)
    with pytest.raises(NotOurs):
        world.engine.ensure_network(spec)
    with pytest.raises(NotOurs):
        world.engine.remove_network(spec.name)
    assert len(world.stranger.list_networks()) == 1


def case_volumes_are_made_listed_and_removed(world: World) -> None:
    name = world.name()
    world.engine.ensure_volume(name, {"x": "y"})
    world.engine.ensure_volume(name, {"x": "y"})
    assert list(world.engine.list_volumes()) == [name]
    world.engine.remove_volume(name)
    world.engine.remove_volume(name)
    assert list(world.engine.list_volumes()) == []


def case_a_strangers_volume_may_be_used_but_not_removed(world: World) -> None:
    name = world.name()
    world.stranger.ensure_volume(name, {})
    world.engine.ensure_volume(name, {})
    assert list(world.engine.list_volumes()) == []
    with pytest.raises(NotOurs):
        world.engine.remove_volume(name)


def case_a_volume_in_use_is_not_removed(world: World) -> None:
    name = world.name()
    world.engine.ensure_volume(name, {})
    world.created(mounts=(Mount("volume", "/data", name),))
    with pytest.raises(InvalidRequest, match="in use"):
        world.engine.remove_volume(name)


def case_a_volume_made_on_the_way_is_ours(world: World) -> None:
    name = world.name()
    world.created(mounts=(Mount("volume", "/data", name),))
    assert list(world.engine.list_volumes()) == [name]


def case_no_such_volume_driver(world: World) -> None:
    with pytest.raises(InvalidRequest, match="nonesuch"):
        world.engine.ensure_volume(world.name(), {}, driver="nonesuch")


def _free_port(world: World) -> int:
    """A host port that was given just now and is free again. TCP's: others use that on the same engine."""
    container_id = world.running(ports=(PortBinding(80, 0), PortBinding(80, 0, "udp")))
    port = next(one.host_port for one in world.state(container_id).ports if one.protocol == "tcp")
    world.engine.remove_container(container_id)
    return int(port)
