"""A cluster's network between hosts: a Swarm's attachable overlay, and every instance a node of that Swarm.

`check(network)` looks at every engine and makes one step nearer to what should be: begins the swarm on the first
engine, lets the others join, keeps three managers where there are three instances, makes the network, and lets those
leave that were deregistered. Engines that somebody joined to one swarm already are used as they are; one that is in
another swarm is left alone, and the page says so. Level-based: run again and again, by the beat and whenever an
instance connects, by one process at a time. Join tokens are asked for when they are needed, and kept nowhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.db.models import Q

from base import clock, leases, live
from base.installation import installation_id
from clusters.engine.errors import EngineError
from clusters.engine.port import (
    LABEL_INSTALLATION,
    LABEL_ROLE,
    Engine,
    NetworkSpec,
    SwarmNode,
    SwarmState,
)
from clusters.engines import engine_of
from clusters.models import ContainerInstance, Network, instance_topics

log = logging.getLogger(__name__)

ADDRESS = "slipway.address"  # attribute: how other hosts reach this one, where its URL does not tell
_MANAGERS = 3
_LEASE = 300.0  # seconds; a check that waits for silent engines takes long
_PARTING = timedelta(seconds=15)  # after the deregistration, for its tasks to end


@dataclass
class Node:
    """An instance, its engine, and what the engine said."""

    row: ContainerInstance
    engine: Engine
    state: SwarmState
    why: str = ""  # what keeps it out


def check_all() -> None:
    """Every network that is an overlay, or was one."""
    was = Q(cluster__instances__overlay__joined=True)
    for network in Network.objects.filter(Q(driver=Network.Driver.OVERLAY) | was).distinct():
        check(network)


def check(network: Network) -> None:
    owner = leases.new_owner()
    name = f"overlay:{network.pk}"
    if not leases.take(name, owner, _LEASE):
        return
    try:
        _check(network)
    finally:
        leases.give_back(name, owner)


def _check(network: Network) -> None:
    rows = list(
        ContainerInstance.objects.filter(cluster=network.cluster_id)
        .filter(~Q(status="INACTIVE") | Q(overlay__joined=True))
        .select_related("cluster")
        .order_by("registered_at", "id")
    )
    wanted = network.driver == Network.Driver.OVERLAY
    staying = [row for row in rows if wanted and row.status != ContainerInstance.Status.INACTIVE]
    nodes, silent = _look(rows)
    here = [node for node in nodes if node.row in staying]
    trouble = ""
    try:
        swarm = _swarm(here, nodes)
        if swarm is None and here and not _may_begin(staying, silent):
            trouble = "No manager of the swarm answers, so no task can join the network."
        elif swarm is None and here:
            _begin(next((node for node in here if node.state.state == "inactive"), here[0]))
            nodes, silent = _look(rows)
            here = [node for node in nodes if node.row in staying]
            swarm = _swarm(here, nodes)
        if swarm is not None:
            _gather(swarm, here)
            if wanted:
                _make_network(network, swarm[0].engine)
            _part(swarm, nodes, rows, staying)
        elif not wanted:
            _part_alone(nodes)
    except EngineError as error:
        trouble = str(error)
    _write(network, staying, here, silent, trouble)


def _look(rows: list[ContainerInstance]) -> tuple[list[Node], dict[str, str]]:
    """(those that answer, id -> why another does not)"""
    nodes, silent = [], {}
    for row in rows:
        if not row.connected:
            silent[row.pk] = "Its engine does not answer."
            continue
        try:
            engine = engine_of(row)
            nodes.append(Node(row, engine, engine.swarm()))
        except EngineError as error:
            silent[row.pk] = str(error)
    return nodes, silent


Swarm = tuple[Node, dict[str, SwarmNode]]  # a manager, and all nodes by id


def _swarm(here: list[Node], nodes: list[Node]) -> Swarm | None:
    """The swarm that carries the network: that of the first instance which is a manager of one, before all of one that
    was in the network."""
    trouble: EngineError | None = None
    rest = [node for node in nodes if node not in here]
    for node in sorted([*here, *rest], key=lambda node: not node.row.overlay.get("in")):
        if node.state.manager and node.state.state == "active":
            try:
                return node, {one.id: one for one in node.engine.swarm_nodes()}
            except EngineError as error:
                trouble = error
    if trouble is not None:
        raise trouble
    return None


def _may_begin(staying: list[ContainerInstance], silent: dict[str, str]) -> bool:
    """Never a second swarm: not while one that was in the first may only be silent."""
    return not any(row.overlay.get("in") for row in staying if row.pk in silent)


def _begin(node: Node) -> None:
    log.info("beginning a swarm on %s", node.row)
    node.engine.swarm_init(_address(node.row))
    _joined(node.row)


def _gather(swarm: Swarm, here: list[Node]) -> None:
    """Let those join that are in no swarm, and keep enough managers."""
    manager, known = swarm
    target = _MANAGERS if len(here) >= _MANAGERS else 1
    managers = sum(1 for one in known.values() if one.manager and one.ready)
    tokens = None
    for node in here:
        if node.state.node_id in known:
            one = known[node.state.node_id]
            node.why = "" if one.ready else "The swarm's managers do not reach it."
            if one.ready and not one.manager and managers < target:
                manager.engine.swarm_set_role(one.id, "manager")
                managers += 1
        elif node.state.state in ("inactive", "error"):
            tokens = tokens or manager.engine.swarm_tokens()
            token = tokens.manager if managers < target else tokens.worker
            managers += managers < target
            try:
                if node.state.state == "error":
                    node.engine.swarm_leave()
                node.engine.swarm_join(manager.state.managers, token, _address(node.row))
                _joined(node.row)
                node.state = node.engine.swarm()
            except EngineError as error:
                node.why = str(error)
        else:
            node.why = node.state.error or "It is in another swarm. Let it leave that one: docker swarm leave"


def _make_network(network: Network, engine: Engine) -> None:
    labels = {LABEL_INSTALLATION: installation_id(), LABEL_ROLE: "network"}
    engine.ensure_network(NetworkSpec(name=network.docker_name, labels=labels, driver="overlay"))


def _part(
    swarm: Swarm, nodes: list[Node], rows: list[ContainerInstance], staying: list[ContainerInstance]
) -> None:
    """Let those leave that Slipway joined and that are to stay no longer: a manager only when another took over."""
    manager, known = swarm
    parting = {row.pk for row in rows if row not in staying and row.overlay.get("joined")}
    answering = {node.row.pk: node for node in nodes}
    for row in rows:
        if row.pk not in parting or not _is_empty(row):
            continue
        key = str(row.overlay.get("node", ""))
        node = answering.get(row.pk)
        if node is not None and node.state.manager and len(known) > 1:
            others = [one for one in known.values() if one.manager and one.ready and one.id != key]
            if not others:
                heir = next((one for one in known.values() if one.ready and one.id != key), None)
                if heir is not None:
                    manager.engine.swarm_set_role(heir.id, "manager")
                continue
            speaker = next((n for n in nodes if n.state.node_id in {one.id for one in others}), manager)
            speaker.engine.swarm_set_role(key, "worker")
        if node is not None:
            node.engine.swarm_leave()
        elif row.lost_at is None:
            continue  # it may come back
        if key in known and manager.row.pk != row.pk:
            _forget(manager, key)
        ContainerInstance.objects.filter(pk=row.pk).update(overlay={})


def _forget(manager: Node, key: str) -> None:
    try:
        manager.engine.swarm_remove_node(key)
    except EngineError as error:
        log.info("node %s stays in the swarm's list: %s", key, error)


def _part_alone(nodes: list[Node]) -> None:
    """No manager is left to ask: each that Slipway joined leaves by itself."""
    for node in nodes:
        if node.row.overlay.get("joined") and _is_empty(node.row):
            node.engine.swarm_leave()
            ContainerInstance.objects.filter(pk=node.row.pk).update(overlay={})


def _is_empty(row: ContainerInstance) -> bool:
    if row.running_tasks or row.pending_tasks:
        return False
    return row.deregistered_at is None or clock.now() - row.deregistered_at > _PARTING


def _joined(row: ContainerInstance) -> None:
    """Noted at once: what Slipway joined, it lets leave."""
    row.overlay = {**row.overlay, "joined": True}
    ContainerInstance.objects.filter(pk=row.pk).update(overlay=row.overlay)


def _address(row: ContainerInstance) -> str:
    """How other hosts reach it: its attribute, else the host of its URL, else what the engine finds."""
    parts = urlsplit(row.url)
    own = parts.hostname or "" if parts.scheme in ("tcp", "ssh") else ""
    return str(row.attributes.get(ADDRESS) or own)


def _write(
    network: Network,
    staying: list[ContainerInstance],
    here: list[Node],
    silent: dict[str, str],
    trouble: str,
) -> None:
    """What was found, for placement and the page. `in` stays as it was for an engine that does not answer."""
    swarm = None if trouble else _swarm(here, here)
    known = swarm[1] if swarm else {}
    for row in staying:
        node = next((node for node in here if node.row.pk == row.pk), None)
        if node is None:
            found = {**row.overlay, "why": silent.get(row.pk, "")}
        else:
            one = known.get(node.state.node_id)
            found = {
                **row.overlay,
                "in": bool(one and one.ready and not node.why),
                "role": ("manager" if one.manager else "worker") if one else "",
                "node": node.state.node_id if one else "",
                "why": node.why or trouble,
            }
        if found != row.overlay:
            ContainerInstance.objects.filter(pk=row.pk).update(overlay=found)
            live.publish(*instance_topics(row))
    Network.objects.filter(pk=network.pk).update(trouble=trouble, checked_at=clock.now())
    live.publish(f"cluster:{network.cluster.name}")
