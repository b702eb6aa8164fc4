"""A cluster's instances as the scheduler sees them, with what is reserved on each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db.models import Count, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, JSONArray

from base import clock
from base.prepared import Given, Prepared, PreparedEach
from clusters.models import ContainerInstance, HeldGpu, HostPort, ec2_instance_id
from services.control.closing import Closed, closed_instances, with_closed
from services.models import Task
from services.scheduler import model
from services.usage import task_groups

OVERLAY = "slipway.network"  # attribute of instances that are in their cluster's overlay
# Of an instance, read for every plan: certificates and errors are of no interest to it. Documents come as their text.
_READ = (
    *("id", "status", "connected", "lost_at"),
    *(Cast(name, TextField()) for name in ("attributes", "capabilities", "overlay", "gpus")),
    *("cpu", "memory", "cpu_reserved", "memory_reserved", "running_tasks", "pending_tasks"),
)
_MORE = (KT("info__version"), "registered_at")  # where a query asks for it


def instances(
    cluster_id: int,
    queries: Iterable[model.Query] = (),
    *,
    closed: Mapping[str, Closed] | None = None,
) -> tuple[model.Instance, ...]:
    """The registered instances of a cluster with what is reserved on each. `queries`: those that will be asked of
    them. A further query, one for all instances, is made only where one asks for task groups, and where an instance
    has GPUs. `closed`: those closed to the tasks to be placed; None: as the critical daemons of the cluster say."""
    queries = list(queries)
    which = _ROWS_WITH_MORE if any(query.asks_more for query in queries) else _ROWS
    # In an order of their own, so that a plan comes out the same again; in Python, where that costs next to nothing.
    rows = sorted(which.all(cluster=cluster_id), key=lambda row: row[0].id)
    ports: dict[str, set[model.Port]] = defaultdict(set)
    for instance_id, port, protocol in _PORTS.all(cluster=cluster_id):
        ports[instance_id].add((port, protocol))
    groups = task_groups(cluster_id) if any(query.asks_groups for query in queries) else {}
    held = _held_gpus(cluster_id) if any(gpus for _, gpus in rows) else {}
    found = tuple(
        replace(
            one,
            ports=frozenset(ports.get(one.id, ())),
            gpus_reserved=len(held.get(one.id, set()).intersection(gpus)),  # of those it still has
            groups=groups.get(one.id, {}),
        )
        if gpus or one.id in ports or one.id in groups
        else one
        for one, gpus in rows
    )
    return with_closed(found, closed_instances(cluster_id, found) if closed is None else closed)


def _rows(*read: Any) -> QuerySet[ContainerInstance, Any]:
    """What is read of each, as one text: nearly all say what they said at the last plan, and that is seen sooner of one
    text than of fourteen values."""
    rows = ContainerInstance.objects.filter(cluster=Given("cluster")).exclude(status="INACTIVE").order_by()
    return rows.values_list(Cast(JSONArray(*read), TextField()))


_PORTS: Prepared[Any] = Prepared(
    lambda: HostPort.objects.filter(instance__cluster=Given("cluster")).values_list(
        "instance_id", "port", "protocol"
    )
)


def _held_gpus(cluster_id: int) -> dict[str, set[str]]:
    held: dict[str, set[str]] = defaultdict(set)
    rows = HeldGpu.objects.filter(instance__cluster_id=cluster_id)
    for instance_id, gpu in rows.values_list("instance_id", "gpu"):
        held[instance_id].add(gpu)
    return held


# Hundreds of instances say the same word for word, and say it at every plan: it is read once.
@lru_cache(maxsize=4096)
def _attributes(attributes: str, able: str, overlay: str) -> Mapping[str, str]:
    """Of the texts of an instance's documents, what queries and filters ask for."""
    return {
        **dict.fromkeys(json.loads(able), ""),
        **json.loads(attributes),
        **({OVERLAY: "overlay"} if json.loads(overlay).get("in") else {}),
    }


def _instance(row: tuple[str]) -> tuple[model.Instance, tuple[str, ...]]:
    """From the text of _READ and perhaps _MORE: the instance, and its GPUs."""
    pk, status, connected, lost_at, attributes, able, overlay, gpus_text, *room = json.loads(row[0])
    cpu, memory, cpu_reserved, memory_reserved, running, pending, *more = room
    version, registered_at = more or ("", None)
    gpus = tuple(json.loads(gpus_text))
    one = model.Instance(
        id=pk,
        status="DRAINING" if status == ContainerInstance.Status.DRAINING else "ACTIVE",
        # A lost one that answers again takes tasks when what it still runs was compared.
        connected=bool(connected) and lost_at is None,
        cpu=cpu,
        memory=memory,
        cpu_reserved=cpu_reserved,
        memory_reserved=memory_reserved,
        gpus=len(gpus),
        attributes=_attributes(attributes, able, overlay),
        agent_version=version or "",
        ec2_instance_id=ec2_instance_id(pk),
        registered_at=clock.moment(registered_at) if registered_at else None,
        running_tasks=running + pending,
    )
    return one, gpus


_ROWS = PreparedEach(lambda: _rows(*_READ), _instance)
_ROWS_WITH_MORE = PreparedEach(lambda: _rows(*_READ, *_MORE), _instance)


def with_others(fleet: tuple[model.Instance, ...]) -> tuple[model.Instance, ...]:
    """With the tasks that a daemon on a DRAINING instance outlives."""
    draining = [one.id for one in fleet if one.status == "DRAINING"]
    if not draining:
        return fleet
    rows = Task.objects.filter(instance__in=draining).exclude(status="STOPPED")
    counts = dict(
        rows.exclude(service__scheduling_strategy="DAEMON")
        .order_by()
        .values_list("instance_id")
        .annotate(Count("pk"))
    )
    return tuple(replace(one, others=counts.get(one.id, 0)) for one in fleet)
