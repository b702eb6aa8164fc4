"""The fake engine as a node of a Swarm that fake hosts share."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .errors import EngineBusy, InvalidRequest
from .fake_client import FakeClient, operation
from .fake_host import FakeHost
from .port import SwarmNode, SwarmState, SwarmTokens


@dataclass(eq=False)
class FakeSwarm:
    """`nodes`: by id; `hosts`: the host of each."""

    id: str
    nodes: dict[str, SwarmNode] = field(default_factory=dict)
    hosts: dict[str, FakeHost] = field(default_factory=dict)

    def token(self, kind: str) -> str:
        return f"SWMTKN-1-{self.id}-{kind}"

    def manages(self) -> bool:
        """Whether a majority of its managers answers."""
        managers = [key for key, node in self.nodes.items() if node.manager]
        return 2 * sum(1 for key in managers if self.hosts[key].reachable) > len(managers)


_swarms: weakref.WeakValueDictionary[str, FakeSwarm] = weakref.WeakValueDictionary()
_membership: weakref.WeakKeyDictionary[FakeHost, tuple[FakeSwarm, str]] = weakref.WeakKeyDictionary()


class FakeSwarmCalls(FakeClient):
    """That part of the port."""

    @operation
    def swarm(self) -> SwarmState:
        found = _membership.get(self.host)
        if found is None:
            return SwarmState("inactive")
        swarm, key = found
        managers = tuple(f"{swarm.hosts[k].name}:2377" for k, n in swarm.nodes.items() if n.manager)
        return SwarmState("active", key, self.host.name, swarm.nodes[key].manager, managers)

    @operation
    def swarm_init(self, address: str) -> None:
        self._refuse_member()
        swarm = FakeSwarm(self.host.new_id("swarm")[:25])
        _swarms[swarm.id] = swarm
        self._enter(swarm, manager=True)

    @operation
    def swarm_tokens(self) -> SwarmTokens:
        swarm = self._managed()
        return SwarmTokens(swarm.token("worker"), swarm.token("manager"))

    @operation
    def swarm_join(self, managers: Sequence[str], token: str, address: str) -> None:
        self._refuse_member()
        swarm = next((s for s in _swarms.values() if token in (s.token("worker"), s.token("manager"))), None)
        if swarm is None:
            raise InvalidRequest("invalid join token")
        if not swarm.manages():
            raise EngineBusy("Timeout was reached before node joined.")
        self._enter(swarm, manager=token == swarm.token("manager"))

    @operation
    def swarm_nodes(self) -> Sequence[SwarmNode]:
        swarm = self._managed()
        return [replace(node, ready=swarm.hosts[key].reachable) for key, node in swarm.nodes.items()]

    @operation
    def swarm_set_role(self, node_id: str, role: str) -> None:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise InvalidRequest(f"node {node_id} not found")
        swarm.nodes[node_id] = replace(swarm.nodes[node_id], manager=role == "manager")

    @operation
    def swarm_remove_node(self, node_id: str) -> None:
        swarm = self._managed()
        if node_id not in swarm.nodes:
            raise InvalidRequest(f"node {node_id} not found")
        del swarm.nodes[node_id]
        _membership.pop(swarm.hosts.pop(node_id), None)

    @operation
    def swarm_leave(self) -> None:
        found = _membership.pop(self.host, None)
        if found is not None:
            swarm, key = found
            del swarm.nodes[key], swarm.hosts[key]

    def _enter(self, swarm: FakeSwarm, *, manager: bool) -> None:
        key = self.host.new_id("node")[:25]
        swarm.nodes[key] = SwarmNode(key, self.host.name, manager, True)
        swarm.hosts[key] = self.host
        _membership[self.host] = (swarm, key)

    def _refuse_member(self) -> None:
        if self.host in _membership:
            raise EngineBusy("This node is already part of a swarm.")

    def _managed(self) -> FakeSwarm:
        found = _membership.get(self.host)
        if found is None or not found[0].nodes[found[1]].manager:
            raise InvalidRequest("This node is not a swarm manager.")
        if not found[0].manages():
            raise EngineBusy("The swarm does not have a leader.")
        return found[0]
