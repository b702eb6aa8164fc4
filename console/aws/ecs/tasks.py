"""Tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from access.caller import Caller
from access.registry import call
from base import here
from clusters.queries import DEFAULT_CLUSTER, cluster_name
from console.aws.ecs.common import Document, each, failure, tags_of
from console.aws.handlers import answers, listing, mechanical
from services.models import Task, TaskContainer
from services.task_requests import RunResult

_STATUS = {"CREATED": "PENDING"}
_FACTS = uuid.UUID("6f1d4d9e-5c54-4c0e-8d9d-2f2b8a4d7c11")


def shapes(rows: Sequence[Task], include: Iterable[str] = ()) -> list[Document]:
    """Four queries, however many tasks."""
    prefetch_related_objects(list(rows), "containers", "cluster", "instance", "task_definition")
    return [_shape(row, include) for row in rows]


def _shape(row: Task, include: Iterable[str]) -> Document:
    zone = row.instance.availability_zone if row.instance is not None else ""
    return {
        "taskArn": row.arn,
        "clusterArn": row.cluster.arn,
        "taskDefinitionArn": row.task_definition.arn,
        "containerInstanceArn": row.instance.arn if row.instance is not None else None,
        "availabilityZone": zone or None,
        "group": row.group,
        "startedBy": row.started_by or None,
        "launchType": row.launch_type,
        "lastStatus": row.status,
        "desiredStatus": row.desired_status,
        "healthStatus": row.health,
        "stopCode": row.stop_code or None,
        "stoppedReason": row.stopped_reason or None,
        "cpu": str(row.cpu),
        "memory": str(row.memory),
        "connectivity": "CONNECTED" if row.instance is None or row.instance.connected else "DISCONNECTED",
        "overrides": {"containerOverrides": [], **row.overrides},
        "attachments": _attachments(row),
        "attributes": _attributes(row),
        "containers": [_container(one, row) for one in row.containers.all()],
        "version": row.version,
        "createdAt": row.created_at,
        "pullStartedAt": row.pull_started_at,
        "pullStoppedAt": row.pull_stopped_at,
        "startedAt": row.started_at,
        "stoppingAt": row.stopping_at,
        "executionStoppedAt": row.execution_stopped_at,
        "stoppedAt": row.stopped_at,
        **tags_of(row, include),
    }


def _attributes(row: Task) -> list[Document]:
    architecture = row.task_definition.document.get("runtimePlatform", {}).get("cpuArchitecture")
    return [{"name": "ecs.cpu-architecture", "value": architecture.lower()}] if architecture else []


def _attachment_id(row: Task) -> str:
    return str(uuid.uuid5(_FACTS, row.arn))


def _attachments(row: Task) -> list[Document]:
    """The task's own address, as an elastic network interface would tell it."""
    if not row.address:
        return []
    status = "DELETED" if row.status == "STOPPED" else "ATTACHED"
    details = [{"name": "privateIPv4Address", "value": row.address}]
    return [
        {"id": _attachment_id(row), "type": "ElasticNetworkInterface", "status": status, "details": details}
    ]


def _container(one: TaskContainer, task: Task) -> Document:
    definition: Document = next(
        (item for item in task.document["containerDefinitions"] if item["name"] == one.name), {}
    )
    interfaces = [{"attachmentId": _attachment_id(task), "privateIpv4Address": task.address}]
    return {
        "containerArn": container_arn(one, task) if one.runtime_id else None,
        "taskArn": task.arn,
        "name": one.name,
        "image": one.image,
        "imageDigest": one.image_digest or None,
        "runtimeId": one.runtime_id or None,
        "lastStatus": _STATUS.get(one.status, one.status),
        "exitCode": one.exit_code,
        "reason": one.reason or None,
        "networkBindings": one.network_bindings,
        "networkInterfaces": interfaces if task.address else [],
        "healthStatus": one.health,
        "gpuIds": task.gpus.get(one.name, []),
        "cpu": str(definition.get("cpu", 0)),
        "memory": str(definition["memory"]) if definition.get("memory") else None,
        "memoryReservation": (
            str(definition["memoryReservation"]) if definition.get("memoryReservation") else None
        ),
    }


def container_arn(one: TaskContainer, task: Task) -> str:
    """As ExecuteCommand answers it too."""
    return here.container_arn(task.cluster.name, task.pk, one.runtime_id[:32])


def _run(result: RunResult) -> Document:
    return {
        "tasks": shapes(result.tasks, ["TAGS"]),
        "failures": [failure(one) for one in result.failures],
    }


mechanical("ecs", "RunTask", _run)
mechanical("ecs", "StartTask", _run)
mechanical("ecs", "StopTask", lambda row: {"task": shapes([row])[0]})


@answers("ecs", "DescribeTasks", "describe_task")
def describe_tasks(
    caller: Caller, *, tasks: Sequence[str], cluster: str = DEFAULT_CLUSTER, include: Sequence[str] = ()
) -> dict[str, Any]:
    found, failures = each(
        tasks,
        lambda name: call("describe_task", caller, cluster=cluster, task=name),
        lambda name: here.task_arn(cluster_name(cluster), name.rsplit("/", 1)[-1]),
        member="tasks",
        most=100,
    )
    return {"tasks": shapes(found, include), "failures": failures}


listing(
    "ecs",
    "ListTasks",
    "taskArns",
    order=["-created_at", "id"],
    item="arn",
    names={"serviceName": "service", "daemonName": "daemon"},
    default={"cluster": DEFAULT_CLUSTER},
    narrow={"launchType": lambda rows, launch: rows.filter(launch_type=launch)},
)
