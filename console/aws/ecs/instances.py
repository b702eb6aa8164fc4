"""Container instances: Docker Engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings

from access.caller import Caller
from access.registry import authorize, call
from base import here
from clusters.models import ContainerInstance
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster, find_instance
from console.aws.ecs.common import Document, each, tags_of
from console.aws.handlers import answers, listing, mechanical
from console.resources import gpus, names, numbers


def shape(row: ContainerInstance, include: Iterable[str] = ("TAGS",)) -> Document:
    ports = sorted({str(port.port) for port in row.host_ports.all()}, key=int)
    found: Document = {
        "containerInstanceArn": row.arn,
        "status": row.status,
        "agentConnected": row.connected,
        "registeredResources": [*numbers({"CPU": row.cpu, "MEMORY": row.memory}), *gpus(row, row.gpus)],
        "remainingResources": [
            *numbers({"CPU": row.cpu - row.cpu_reserved, "MEMORY": row.memory - row.memory_reserved}),
            names("PORTS", ports),
            *gpus(row, row.free_gpus),
        ],
        "runningTasksCount": row.running_tasks,
        "pendingTasksCount": row.pending_tasks,
        "attributes": [
            {"name": name, "value": str(value)} if value else {"name": name}
            for name, value in sorted(row.all_attributes.items())
        ],
        "registeredAt": row.registered_at,
        "attachments": [],
        **tags_of(row, include),
    }
    if row.connection_error:
        found["statusReason"] = row.connection_error
    if version := row.info.get("version"):
        found["versionInfo"] = {"dockerVersion": f"DockerVersion: {version}"}
    if "CONTAINER_INSTANCE_HEALTH" in include:
        found["healthStatus"] = {"overallStatus": "OK" if row.connected else "INSUFFICIENT_DATA"}
    return found


def _one(row: ContainerInstance) -> Document:
    return {"containerInstance": shape(row)}


def _arn(name: str, cluster: str) -> str:
    return here.container_instance_arn(cluster_name(cluster), name.rsplit("/", 1)[-1])


mechanical("ecs", "DeregisterContainerInstance", _one)
for _name in ("PutAttributes", "DeleteAttributes"):
    mechanical("ecs", _name, lambda found: {"attributes": found})
listing(
    "ecs",
    "ListContainerInstances",
    "containerInstanceArns",
    order=["id"],
    item="arn",
    default={"cluster": DEFAULT_CLUSTER},
    narrow={"status": lambda rows, status: rows.filter(status=status)},
)


@answers("ecs", "DescribeContainerInstances", "describe_container_instance")
def describe_container_instances(
    caller: Caller,
    *,
    containerInstances: Sequence[str],
    cluster: str = DEFAULT_CLUSTER,
    include: Sequence[str] = (),
) -> dict[str, Any]:
    found, failures = each(
        containerInstances,
        lambda name: call("describe_container_instance", caller, cluster=cluster, container_instance=name),
        lambda name: _arn(name, cluster),
        member="containerInstances",
        most=100,
    )
    return {"containerInstances": [shape(row, include) for row in found], "failures": failures}


@answers("ecs", "UpdateContainerInstancesState", "update_container_instance_state")
def update_container_instances_state(
    caller: Caller, *, containerInstances: Sequence[str], status: str, cluster: str = DEFAULT_CLUSTER
) -> dict[str, Any]:
    found, failures = each(
        containerInstances,
        lambda name: call(
            "update_container_instance_state", caller, cluster=cluster, container_instance=name, status=status
        ),
        lambda name: _arn(name, cluster),
        member="containerInstances",
        most=10,
    )
    return {"containerInstances": [shape(row) for row in found], "failures": failures}


@answers("ecs", "DiscoverPollEndpoint")
def discover_poll_endpoint(
    caller: Caller, *, cluster: str = DEFAULT_CLUSTER, containerInstance: str = ""
) -> dict[str, Any]:
    """Engines are asked by us, so nothing polls; where an agent would is this installation itself."""
    authorize(caller, "ecs:DiscoverPollEndpoint", _arn(containerInstance or "*", cluster))
    row = find_cluster(cluster)
    if containerInstance:
        find_instance(row, containerInstance)
    address = settings.SLIPWAY_URL or f"http://{settings.SLIPWAY_BIND}:{settings.SLIPWAY_PORT}"
    return {"endpoint": address, "telemetryEndpoint": address}
