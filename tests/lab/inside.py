"""What a test asks of an installation from within: a process with the installation's settings that answers calls.

`python -m tests.lab.inside` reads one JSON line a call ({"call": name, "with": {...}}) and answers one
({"value": ...} or {"error": ...}). `tests.lab.remote.Remote` is the other end. Writes are the operations themselves,
called as the system; reads are rows.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django

django.setup()

from django.core.serializers.json import DjangoJSONEncoder
from django.db import close_old_connections
from django.db.models import Q, Sum

from access.identities import tokens
from access.models import AuditRecord, Token
from access.registry import system_caller
from base.errors import OperationError
from base.installation import installation_id
from base.models import Lease
from clusters import network_operations
from clusters import operations as clusters
from clusters.models import Cluster, ContainerInstance, HostPort
from services import definitions, deployment_operations, operations, task_operations, updating
from services.control.snapshot import demand
from services.models import Deployment, Service, Task
from telemetry.models import LogEvent, LogStream

CALLS: dict[str, Callable[..., Any]] = {}
CALLER = system_caller("test")


def call(function: Callable[..., Any]) -> Callable[..., Any]:
    CALLS[function.__name__] = function
    return function


@call
def identity() -> str:
    return installation_id()


# ---- writes ------------------------------------------------------------------------------------


@call
def register(document: dict[str, Any]) -> str:
    """family:revision."""
    return str(definitions.register_task_definition(CALLER, document=document))


@call
def deregister(task_definition: str) -> None:
    definitions.deregister_task_definition(CALLER, task_definition=task_definition)


@call
def create_service(**given: Any) -> str:
    return operations.create_service(CALLER, **given).name


@call
def update_service(**given: Any) -> str:
    return updating.update_service(CALLER, **given).name


@call
def delete_service(**given: Any) -> None:
    operations.delete_service(CALLER, **given)


@call
def roll_back(**given: Any) -> str:
    return deployment_operations.roll_back(CALLER, **given).id


@call
def stop_deployment(**given: Any) -> None:
    deployment_operations.stop_service_deployment(CALLER, **given)


@call
def run_task(**given: Any) -> dict[str, Any]:
    result = task_operations.run_task(CALLER, **given)
    return {"tasks": [task.id for task in result.tasks], "failures": list(result.failures)}


@call
def stop_task(**given: Any) -> None:
    task_operations.stop_task(CALLER, **given)


@call
def register_instance(**given: Any) -> str:
    return clusters.register_container_instance(CALLER, **given).id


@call
def deregister_instance(**given: Any) -> None:
    clusters.deregister_container_instance(CALLER, **given)


@call
def update_cluster_network(**given: Any) -> None:
    network_operations.update_cluster_network(CALLER, **given)


@call
def only_instance(url: str, name: str = "lab") -> str:
    """Register this engine in the cluster `default` and take every other one out of it."""
    for row in ContainerInstance.objects.exclude(status="INACTIVE").exclude(url=url):
        clusters.deregister_container_instance(
            CALLER, container_instance=row.id, cluster=row.cluster.name, force=True
        )
    found = ContainerInstance.objects.filter(url=url).exclude(status="INACTIVE").first()
    return found.id if found else clusters.register_container_instance(CALLER, url=url, name=name).id


@call
def token(username: str = "admin") -> str:
    """A new bearer token of the user."""
    name = f"test-{Token.objects.count()}"
    return tokens.create_token(CALLER, username=username, name=name).secret


# ---- reads -------------------------------------------------------------------------------------


def _fields(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


@call
def watched_by() -> list[str]:
    """The watcher of each registered instance; "" where none holds a lease that has not ended."""
    rows = ContainerInstance.objects.exclude(status="INACTIVE").order_by("pk")
    now = datetime.now().astimezone()
    return [row.watch_owner if row.watch_until and row.watch_until > now else "" for row in rows]


@call
def sent_by_beat(name: str) -> dict[str, Any]:
    """Who last sent this entry of the schedule, and until when nobody else does."""
    return _fields(Lease.objects.get(pk=f"beat:{name}"), "owner", "until")


@call
def instances() -> list[dict[str, Any]]:
    return [
        _fields(
            row,
            "id",
            "name",
            "url",
            "status",
            "connected",
            "connection_error",
            "cpu",
            "memory",
            "cpu_reserved",
            "memory_reserved",
            "running_tasks",
            "pending_tasks",
            "info",
            "overlay",
        )
        for row in ContainerInstance.objects.order_by("registered_at")
    ]


@call
def service(name: str, cluster: str = "default") -> dict[str, Any]:
    """The newest service of that name with its deployments (oldest first) and events (oldest first)."""
    row = Service.objects.filter(name=name, cluster__name=cluster).order_by("-id")[0]
    current = row.deployment.effective if row.deployment else row.completed_revision
    return _fields(
        row, "status", "desired_count", "running_count", "pending_count", "steady_since", "waiting"
    ) | {
        "task_definition": str(current.task_definition) if current else "",
        "completed": str(row.completed_revision.task_definition) if row.completed_revision else "",
        "deploying": row.deployment_id or "",
        "deployments": [
            _fields(
                one,
                "id",
                "arn",
                "status",
                "status_reason",
                "failed_tasks",
                "is_rollback",
                "rollback_reason",
                "created_at",
                "finished_at",
                "image_error",
                "image_failures",
            )
            | {"task_definition": str(one.target.task_definition), "revision": one.target_id}
            for one in row.deployments.order_by("number").select_related("target__task_definition__family")
        ],
        "events": [event.message for event in reversed(row.events.all())],
    }


@call
def tasks(service: str = "", ids: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Those of a service, or those named, oldest first, with their containers by name."""
    rows = Task.objects.filter(Q(service__name=service) if service else Q(pk__in=ids)).order_by(
        "created_at", "id"
    )
    return [
        _task(row) for row in rows.select_related("task_definition__family").prefetch_related("containers")
    ]


def _task(row: Task) -> dict[str, Any]:
    names = (
        "id", "arn", "status", "desired_status", "health", "stop_code", "stopped_reason", "failed", "address",
        "pause_id", "created_at", "started_at", "healthy_at", "stopped_at", "instance_id", "deployment_id",
    )  # fmt: skip
    of_container = (
        "runtime_id", "status", "health", "exit_code", "oom_killed", "reason", "network_bindings", "restart_count",
        "essential", "image_digest", "started_at", "finished_at",
    )  # fmt: skip
    return _fields(row, *names) | {
        "definition": str(row.task_definition),
        "containers": {one.name: _fields(one, *of_container) for one in row.containers.all()},
    }


@call
def live_tasks() -> list[dict[str, Any]]:
    return [_fields(row, "id", "arn", "status") for row in Task.objects.exclude(status="STOPPED")]


@call
def standing(service: str, checks_health: bool, steady: float = 40.0) -> dict[str, int]:
    """How many tasks a service has, as safety rule 1 counts them. `live`: those whose containers may run."""
    rows = list(Task.objects.filter(service__name=service).exclude(status="STOPPED"))
    now = (
        datetime.now().astimezone()
    )  # not before: on a busy machine reading takes its time, and tasks grow old
    live = [row for row in rows if row.status != "DEPROVISIONING"]
    running = [row for row in live if row.status == "RUNNING" and row.desired_status == "RUNNING"]
    healthy = [
        row
        for row in running
        if (
            row.deployment_health == "HEALTHY"
            if checks_health
            else (now - row.started_at).total_seconds() >= steady
        )
    ]
    return {"live": len(live), "running": len(running), "healthy": len(healthy)}


@call
def accounts() -> list[str]:
    """Everything that does not add up: reservations, host ports and counters against the live tasks."""
    wrong = []
    live = list(Task.objects.exclude(status="STOPPED").select_related("task_definition"))
    for row in ContainerInstance.objects.all():
        own = [task for task in live if task.instance_id == row.id]
        wrong += _differ(f"instance {row}", row, _sums(own) | _counts(own, "_tasks"))
        ports = {(port, kind) for task in own for port, kind in demand(task.task_definition.document).ports}
        held = set(HostPort.objects.filter(instance=row).values_list("port", "protocol"))
        if ports != held:
            wrong.append(f"instance {row} holds the ports {held}, its tasks {ports}")
    for cluster in Cluster.objects.all():
        own = [task for task in live if task.cluster_id == cluster.pk]
        wrong += _differ(f"cluster {cluster}", cluster, _counts(own, "_tasks"))
        services = cluster.services.exclude(status="INACTIVE").count()
        wrong += _differ(f"cluster {cluster}", cluster, {"active_services": services})
    for one in Service.objects.all():
        wrong += _differ(
            f"service {one}", one, _counts([t for t in live if t.service_id == one.pk], "_count")
        )
    return wrong


def _sums(own: list[Task]) -> dict[str, int]:
    return {
        "cpu_reserved": sum(task.cpu for task in own),
        "memory_reserved": sum(task.memory for task in own),
    }


def _counts(own: list[Task], ending: str) -> dict[str, int]:
    pending = sum(1 for task in own if task.status in ("PROVISIONING", "PENDING", "ACTIVATING"))
    return {
        f"running{ending}": sum(1 for task in own if task.status == "RUNNING"),
        f"pending{ending}": pending,
    }


def _differ(what: str, row: Any, expected: dict[str, int]) -> list[str]:
    return [
        f"{what}: {name} {getattr(row, name)}, not {n}"
        for name, n in expected.items()
        if getattr(row, name) != n
    ]


@call
def log(task: str, container: str) -> dict[str, Any]:
    """Group, stream name and lines kept of one container."""
    stream = LogStream.objects.filter(task_id=task, container=container).first()
    if stream is None:
        return {"group": "", "name": "", "complete": False, "lines": []}
    lines = LogEvent.objects.filter(stream=stream).order_by("at", "id").values_list("source", "message")
    return _fields(stream, "group", "name", "complete") | {"lines": [list(line) for line in lines]}


@call
def reserved() -> dict[str, int]:
    return ContainerInstance.objects.aggregate(cpu=Sum("cpu_reserved"), memory=Sum("memory_reserved"))


@call
def audited(operation: str) -> list[str]:
    """The resources of that operation's successes, one for each record."""
    rows = AuditRecord.objects.filter(operation=operation, result=AuditRecord.Result.SUCCESS)
    return list(rows.values_list("resource", flat=True))


@call
def service_names() -> list[str]:
    return list(Service.objects.values_list("name", flat=True))


@call
def in_progress() -> int:
    return Deployment.objects.filter(finished_at=None).count()


# ---- the loop ----------------------------------------------------------------------------------


def answer(line: str) -> dict[str, Any]:
    asked = json.loads(line)
    close_old_connections()
    try:
        return {"value": CALLS[asked["call"]](**asked["with"])}
    except OperationError as error:
        return {"error": f"{error.code}: {error}", "code": error.code}
    finally:
        close_old_connections()


def main() -> None:
    # What anything prints by itself must not get between the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        out.write(json.dumps(answer(line), cls=DjangoJSONEncoder) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
