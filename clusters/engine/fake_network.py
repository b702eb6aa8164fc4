"""The fake host's networks, addresses and host ports."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable

from .errors import InvalidRequest, PortConflict, StartFailed
from .port import ContainerSpec, NetworkSpec, NetworkState, PortBinding
from .translate_spec import is_user_network, owned

_FIRST_PORT, _LAST_PORT = 32768, 60999
_BRIDGE_SUBNET = "172.17.0.0/16"


class FakeNetwork:
    def __init__(self) -> None:
        self.networks: dict[str, NetworkState] = {}
        self.occupied: set[tuple[int, str]] = set()  # (host port, protocol) of strangers
        self._next_port = _FIRST_PORT

    def create(self, spec: NetworkSpec, installation: str, network_id: str) -> NetworkState:
        subnet = spec.subnet or self._unused_subnet()
        wanted = ipaddress.ip_network(subnet)
        if any(wanted.overlaps(other) for other in self._subnets()):
            raise InvalidRequest("Pool overlaps with other one on this address space")
        state = NetworkState(network_id, spec.name, owned(spec.labels, installation), spec.driver, (subnet,))
        self.networks[spec.name] = state
        return state

    def address_for(self, mode: str, taken: Iterable[str]) -> dict[str, str]:
        """Network name -> a free address, for a container of that network mode."""
        if is_user_network(mode) and mode not in self.networks:
            raise StartFailed(f"network {mode} not found")
        if mode in ("host", "none"):
            return {}
        name = "bridge" if mode == "default" else mode
        subnet = self.networks[name].subnets[0] if name in self.networks else _BRIDGE_SUBNET
        used = set(taken)
        # The first address is the gateway's.
        hosts = itertools.islice(ipaddress.ip_network(subnet).hosts(), 1, None)
        address = next((str(host) for host in hosts if str(host) not in used), None)
        if address is None:
            raise StartFailed(f"no available IPv4 addresses on network {name}")
        return {name: address}

    def bind(self, spec: ContainerSpec, bound_by_others: Iterable[PortBinding]) -> tuple[PortBinding, ...]:
        """The spec's ports with host ports chosen. Raises PortConflict."""
        taken = self.occupied | {(port.host_port, port.protocol) for port in bound_by_others}
        bound: list[PortBinding] = []
        for wanted in spec.ports:
            host_port = wanted.host_port or self._free_port(wanted.protocol, taken)
            if (host_port, wanted.protocol) in taken:
                raise PortConflict(f"Bind for {wanted.host_ip}:{host_port} failed: port is already allocated")
            taken.add((host_port, wanted.protocol))
            bound.append(PortBinding(wanted.container_port, host_port, wanted.protocol, wanted.host_ip))
        return tuple(sorted(bound, key=lambda one: (one.container_port, one.host_port)))

    def _free_port(self, protocol: str, taken: set[tuple[int, str]]) -> int:
        for _ in range(_LAST_PORT - _FIRST_PORT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < _LAST_PORT else _FIRST_PORT
            if (port, protocol) not in taken:
                return port
        raise PortConflict("all ports are allocated")

    def _subnets(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        known = [subnet for state in self.networks.values() for subnet in state.subnets]
        return [ipaddress.ip_network(subnet) for subnet in (_BRIDGE_SUBNET, *known)]

    def _unused_subnet(self) -> str:
        used = self._subnets()
        pools = itertools.chain(
            (f"172.{second}.0.0/16" for second in range(18, 32)),
            (f"192.168.{third}.0/20" for third in range(0, 256, 16)),
        )
        for pool in pools:
            if not any(ipaddress.ip_network(pool).overlaps(other) for other in used):
                return pool
        raise InvalidRequest("could not find an available, non-overlapping IPv4 address pool")
