"""Writes of tasks: run standalone ones, stop any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from base import here, ids, live
from base.errors import ClientError, InvalidParameter, invalid
from base.tags import checked
from clusters import reservation
from clusters.models import Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services import condition_keys, configuration
from services.control.apply import create_tasks
from services.control.snapshot import demand, instances, memberships, required_attributes
from services.control.transitions import ask_to_stop
from services.definitions import special_needs
from services.lookup import definition_arn, find_definition, find_task, task_arn_of, task_owners
from services.models import Task, TaskDefinition
from services.overrides import checked_overrides, role_document
from services.roles import pass_role_needs
from services.scheduler.filters import Request
from services.scheduler.model import StopCode, Strategy
from services.scheduler.placement import place
from services.usage import task_groups
from services.wakeup import wake_tasks

MOST_AT_ONCE = 10  # of one RunTask, as ECS


@dataclass(frozen=True)
class RunResult:
    """`failures`: one for each task that found no room, with the reason in words."""

    tasks: tuple[Task, ...]
    failures: tuple[str, ...] = ()


def _needs(caller: Caller, params: Params) -> Iterator[Need]:
    definition = find_definition(params["task_definition"])
    yield from special_needs(definition.document, definition.arn)
    anything = here.task_arn(cluster_name(params["cluster"]), "*")
    yield from tagging_need("RunTask", anything, params["tags"])
    yield from pass_role_needs(role_document(params["overrides"]))


@operation(
    "ecs:RunTask",
    resource=lambda params: definition_arn(params["task_definition"]),
    context=condition_keys.of_task,
    extra=_needs,
    writes=True,
)
def run_task(
    caller: Caller,
    *,
    task_definition: str,
    cluster: str = DEFAULT_CLUSTER,
    count: int = 1,
    launch_type: str | None = None,
    network_configuration: Mapping[str, Any] | None = None,
    placement_strategy: Sequence[Mapping[str, Any]] | None = None,
    placement_constraints: Sequence[Mapping[str, Any]] | None = None,
    overrides: Mapping[str, Any] | None = None,
    group: str | None = None,
    started_by: str | None = None,
    client_token: str | None = None,
    enable_execute_command: bool = False,
    tags: Mapping[str, str] | None = None,
) -> RunResult:
    """Run standalone tasks, once. What finds no room is answered as a failure, not kept waiting.

    `client_token`: a repeat with the same token answers the tasks of the first call. `overrides`: roles (each needs
    iam:PassRole) and containers' variables, for these tasks alone.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
        raise invalid("count", f"a whole number from 1 to {MOST_AT_ONCE}")
    owner = find_cluster(cluster)
    if client_token:
        known = tuple(Task.objects.filter(cluster=owner, client_token=client_token))
        if known:
            return RunResult(known)
    definition = find_definition(task_definition, active=True)
    configuration.capacity(definition, launch_type, None)
    configuration.network_configuration(owner, definition, network_configuration)
    constraints = configuration.placement(placement_strategy, placement_constraints)
    request = task_request(definition, constraints["placementConstraints"], group)
    fleet = instances(owner.pk, request.constraints)
    placement = place(
        fleet,
        request,
        count,
        taken_by_instance=taken_by_group(owner.pk, request) if request.distinct_instance else None,
        strategies=[Strategy(s["type"], s.get("field", "")) for s in constraints["placementStrategy"]],
    )
    new_tags = checked(tags)
    own = checked_overrides(overrides, definition)
    exec_allowed = configuration.flag(enable_execute_command, "enableExecuteCommand")
    started = [
        _new_task(
            owner,
            definition,
            instance,
            group,
            started_by or caller.name,
            client_token,
            launch_type,
            new_tags,
            own,
            exec_allowed,
        )
        for instance in placement.chosen
    ]
    started = _reserve(started)
    create_tasks(started)
    Cluster.objects.filter(pk=owner.pk).update(pending_tasks=F("pending_tasks") + len(started))
    wake_tasks(task.pk for task in started)
    live.publish("tasks", f"cluster:{owner.name}", "overview")
    reason = placement.refusal.reason if placement.refusal is not None else "RESOURCE: no room was left"
    return RunResult(tuple(started), tuple(reason for _ in range(count - len(started))))


def task_request(
    definition: TaskDefinition, constraints: Sequence[Mapping[str, Any]], group: str | None
) -> Request:
    """What one standalone task needs of an instance. `constraints`: those of the call, in AWS form."""
    return Request(
        demand(definition.document),
        distinct_instance=any(item["type"] == "distinctInstance" for item in constraints),
        required_attributes=required_attributes(definition.document),
        constraints=memberships([*constraints, *definition.document.get("placementConstraints", [])]),
        group=_group(definition, group),
    )


def taken_by_group(cluster_id: int, request: Request) -> dict[str, int]:
    """distinctInstance is about the tasks of one group, also those that ran before."""
    return {instance: groups.get(request.group, 0) for instance, groups in task_groups(cluster_id).items()}


def _group(definition: TaskDefinition, group: str | None) -> str:
    return group or f"family:{definition.family.name}"


def _new_task(
    cluster: Cluster,
    definition: TaskDefinition,
    instance: str,
    group: str | None,
    started_by: str,
    client_token: str | None,
    launch_type: str | None,
    tags: dict[str, str],
    overrides: dict[str, Any],
    exec_allowed: bool,
) -> Task:
    task_id = ids.hex_id()
    return Task(
        id=task_id,
        arn=here.task_arn(cluster.name, task_id),
        cluster=cluster,
        instance_id=instance,
        task_definition=definition,
        group=_group(definition, group),
        started_by=started_by,
        client_token=client_token or "",
        launch_type=launch_type or "EC2",
        cpu=definition.cpu,
        memory=definition.memory,
        tags=tags,
        overrides=overrides,
        enable_execute_command=exec_allowed,
    )


def _reserve(tasks: list[Task]) -> list[Task]:
    """Those that still found their room."""
    kept = []
    for task in sorted(tasks, key=lambda task: str(task.instance_id)):
        ports = demand(task.task_definition.document).ports
        try:
            reservation.reserve(
                str(task.instance_id), cpu=task.cpu, memory=task.memory, ports=ports, holder=task.arn
            )
        except reservation.NoRoom:
            continue
        kept.append(task)
    return kept


@operation("ecs:StopTask", resource=task_arn_of, owners=task_owners, writes=True)
def stop_task(caller: Caller, *, task: str, cluster: str = DEFAULT_CLUSTER, reason: str = "") -> Task:
    """Stop a task: SIGTERM, and SIGKILL after its stopTimeout. A service replaces it."""
    if len(reason) > 1024:
        raise InvalidParameter(
            "reason: at most 1024 characters", fields={"reason": "at most 1024 characters"}
        )
    row = find_task(task, cluster)
    if row.status == "STOPPED":
        raise ClientError(f"The task {row.id} is STOPPED already.", fields={"task": "is STOPPED already"})
    ask_to_stop(row, StopCode.USER_INITIATED, reason or f"Task stopped by {caller.name}")
    wake_tasks([row.pk])
    return row
