"""ECS's task metadata, version 4: what a task may know of itself. Names and shapes are those of the ECS agent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from base import here
from clusters.engine.port import LABEL_CONTAINER_NAME, ContainerState, ContainerStats, Engine
from console.local.refusals import Refused
from services.models import Task, TaskContainer

_PATHS = ("", "task", "taskWithTags", "stats", "task/stats")


def found(task: Task, container: int, states: list[ContainerState], engine: Engine, path: str) -> Any:
    """The document at that path. `states`: the task's containers as the engine shows them now."""
    if path not in _PATHS:
        raise Refused(404, "NotFound", "Ask for nothing, task, taskWithTags, stats or task/stats.")
    by_name = {one.labels.get(LABEL_CONTAINER_NAME, ""): one for one in states}
    rows = {row.name: row for row in task.containers.all()}
    documents = task.task_definition.containers
    if container >= len(documents):
        raise Refused(404, "NotFound", "There is no such container.")
    name = documents[container]["name"]
    if path == "stats":
        state = by_name.get(name)
        return _stats(engine, state)
    if path == "task/stats":
        return {state.id: _stats(engine, state) for state in by_name.values()}
    if path == "":
        return _container(task, documents[container], rows.get(name), by_name.get(name))
    containers = [
        _container(task, document, rows.get(document["name"]), by_name.get(document["name"]))
        for document in documents
    ]
    return _task(task, containers, tags=path == "taskWithTags")


def _task(task: Task, containers: list[dict[str, Any]], *, tags: bool) -> dict[str, Any]:
    document = task.task_definition.document
    limits = {
        **({"CPU": int(document["cpu"]) / 1024} if document.get("cpu") else {}),
        **({"Memory": int(document["memory"])} if document.get("memory") else {}),
    }
    instance = task.instance
    told: dict[str, Any] = {
        "Cluster": task.cluster.arn,
        "TaskARN": task.arn,
        "Family": task.task_definition.family.name,
        "Revision": str(task.task_definition.revision),
        "ServiceName": task.service.name if task.service is not None and not task.of_daemon else None,
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.status,
        "Limits": limits or None,
        "PullStartedAt": _moment(task.pull_started_at),
        "PullStoppedAt": _moment(task.pull_stopped_at),
        "AvailabilityZone": instance.availability_zone if instance is not None else "",
        "LaunchType": task.launch_type,
        "Containers": containers,
    }
    if tags:
        told["TaskTags"] = dict(task.tags)
        told["ContainerInstanceTags"] = dict(instance.tags) if instance is not None else {}
    return _without_nothing(told)


def _container(
    task: Task, document: Mapping[str, Any], row: TaskContainer | None, state: ContainerState | None
) -> dict[str, Any]:
    runtime = state.id if state is not None else (row.runtime_id if row is not None else "")
    status = (
        "RUNNING" if state is not None and state.status == "running" else (row.status if row else "PENDING")
    )
    told: dict[str, Any] = {
        "DockerId": runtime,
        "Name": document["name"],
        "DockerName": state.name if state is not None else "",
        "Image": document["image"],
        "ImageID": state.image_id if state is not None else "",
        "Ports": [
            {"ContainerPort": one.container_port, "HostPort": one.host_port, "Protocol": one.protocol}
            for one in (state.ports if state is not None else ())
        ],
        "Labels": dict(state.labels) if state is not None else {},
        "DesiredStatus": task.desired_status,
        "KnownStatus": status,
        "ExitCode": state.exit_code if state is not None else None,
        "Limits": {"CPU": int(document.get("cpu") or 0), "Memory": int(document.get("memory") or 0)},
        "CreatedAt": _moment(state.created_at if state is not None else None),
        "StartedAt": _moment(state.started_at if state is not None else None),
        "FinishedAt": _moment(state.finished_at if state is not None and status != "RUNNING" else None),
        "Type": "NORMAL",
        "ContainerARN": here.container_arn(task.cluster.name, task.pk, runtime[:32]) if runtime else None,
        "Networks": _networks(task, state),
    }
    if document.get("healthCheck") and state is not None:
        told["Health"] = {"status": state.health, "output": state.health_output}
    return _without_nothing(told)


def _networks(task: Task, state: ContainerState | None) -> list[dict[str, Any]]:
    mode = task.task_definition.document.get("networkMode", "bridge")
    addresses = [task.address] if task.address else list((state.ip_addresses if state else {}).values())
    return [{"NetworkMode": mode, "IPv4Addresses": [one for one in addresses if one]}]


def _stats(engine: Engine, state: ContainerState | None) -> dict[str, Any] | None:
    reading = engine.stats(state.id) if state is not None else None
    return _reading(reading) if reading is not None else None


def _reading(stats: ContainerStats) -> dict[str, Any]:
    """In the engine's own form, as far as it is read."""
    return {
        "read": _moment(stats.time),
        "cpu_stats": {"cpu_usage": {"total_usage": stats.cpu_total_ns}},
        "memory_stats": {"usage": int(stats.memory * 2**20), "limit": int(stats.memory_limit * 2**20)},
        "networks": {"eth0": {"rx_bytes": stats.network_rx, "tx_bytes": stats.network_tx}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"op": "read", "value": stats.disk_read},
                {"op": "write", "value": stats.disk_write},
            ]
        },
        "pids_stats": {"current": stats.pids},
    }


def _moment(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at is not None else None


def _without_nothing(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
