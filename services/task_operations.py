"""Writes of tasks: run or start standalone ones, stop any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from base import here
from base.errors import ClientError, InvalidParameter, invalid
from clusters.models import Cluster, ContainerInstance
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services import condition_keys, configuration
from services.control.fleet import instances
from services.control.snapshot import (
    demand,
    memberships,
    network_driver,
    provider_groups,
    providers,
    required_attributes,
)
from services.control.transitions import ask_to_stop
from services.definitions import special_needs
from services.failures import MISSING, Failure
from services.lookup import definition_arn, find_definition, find_task, task_arn_of, task_owners
from services.models import Task
from services.overrides import role_document
from services.roles import pass_role_needs
from services.scheduler.filters import FILTERS, Request, Slot
from services.scheduler.model import StopCode, Strategy
from services.scheduler.providers import Pool, place_by_strategy
from services.task_requests import (
    MOST_AT_ONCE,
    RunResult,
    Wish,
    checked_started_by,
    earlier,
    failure,
    failures,
    remember,
    start,
    wish,
)
from services.usage import task_groups
from services.wakeup import wake_tasks


def _needs(operation: str, params: Params) -> Iterator[Need]:
    definition = find_definition(params["task_definition"])
    yield from special_needs(definition.document, definition.arn)
    anything = here.task_arn(cluster_name(params["cluster"]), "*")
    yield from tagging_need(operation, anything, params["tags"])
    yield from pass_role_needs(role_document(params["overrides"]))


@operation(
    "ecs:RunTask",
    resource=lambda params: definition_arn(params["task_definition"]),
    context=condition_keys.of_task,
    extra=lambda caller, params: _needs("RunTask", params),
    writes=True,
)
def run_task(
    caller: Caller,
    *,
    task_definition: str,
    cluster: str = DEFAULT_CLUSTER,
    count: int = 1,
    launch_type: str | None = None,
    capacity_provider_strategy: Sequence[Mapping[str, Any]] | None = None,
    network_configuration: Mapping[str, Any] | None = None,
    placement_strategy: Sequence[Mapping[str, Any]] | None = None,
    placement_constraints: Sequence[Mapping[str, Any]] | None = None,
    overrides: Mapping[str, Any] | None = None,
    group: str | None = None,
    started_by: str | None = None,
    client_token: str | None = None,
    propagate_tags: str | None = None,
    enable_ecs_managed_tags: bool = False,
    enable_execute_command: bool = False,
    tags: Mapping[str, str] | None = None,
) -> RunResult:
    """Run standalone tasks, once. What finds no room is answered as a failure, not kept waiting.

    `client_token`: a repeat with the same token answers the tasks of the first call, and is refused where it asks for
    something else. `overrides`: roles (each needs iam:PassRole), sizes, and containers' commands, variables and sizes,
    for these tasks alone.
    """
    request = {name: value for name, value in locals().items() if name != "caller"}
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
        raise invalid("count", f"a whole number from 1 to {MOST_AT_ONCE}")
    owner = find_cluster(cluster)
    known = earlier(client_token, request)
    if known is not None:
        return RunResult(known)
    definition = find_definition(task_definition, active=True)
    capacity = configuration.capacity(owner, definition, launch_type, capacity_provider_strategy)
    constraints = configuration.placement(placement_strategy, placement_constraints)
    asked = wish(
        owner,
        definition,
        started_by=checked_started_by(started_by, caller.name),
        group=group,
        network_configuration=network_configuration,
        overrides=overrides,
        tags=tags,
        propagate_tags=propagate_tags,
        enable_ecs_managed_tags=enable_ecs_managed_tags,
        enable_execute_command=configuration.flag(enable_execute_command, "enableExecuteCommand"),
        client_token=client_token or "",
        launch_type=configuration.launch_type_of(capacity),
    )
    need = _request(asked, constraints["placementConstraints"])
    pools = place_by_strategy(
        providers(capacity.get("capacityProviderStrategy", ()), provider_groups([capacity])),
        instances(owner.pk, need.constraints),
        need,
        count,
        {},
        taken_by_instance=_taken_by_group(owner.pk, need) if need.distinct_instance else None,
        strategies=[Strategy(s["type"], s.get("field", "")) for s in constraints["placementStrategy"]],
    )
    started = start(asked, [choice for pool in pools for choice in pool.placed])
    remember(client_token, started)
    return RunResult(tuple(started), _failures(owner, pools, count - len(started)))


def _failures(cluster: Cluster, pools: Sequence[Pool], count: int) -> tuple[Failure, ...]:
    """One for each task that found no room, pool by pool; for the others somebody else was quicker."""
    refused = [failure for pool in pools for failure in failures(cluster, pool.refusal, pool.unplaced)]
    return (*refused, *failures(cluster, None, count - len(refused)))


def _request(asked: Wish, constraints: Sequence[Mapping[str, Any]] = ()) -> Request:
    """What one of these tasks needs of an instance. `constraints`: those of the call, in AWS form."""
    document = asked.document()
    return Request(
        demand(document),
        distinct_instance=any(item["type"] == "distinctInstance" for item in constraints),
        required_attributes=required_attributes(document, network_driver(asked.cluster.pk)),
        constraints=memberships([*constraints, *document.get("placementConstraints", [])]),
        group=asked.fields["group"],
    )


def _taken_by_group(cluster_id: int, need: Request) -> dict[str, int]:
    """distinctInstance is about the tasks of one group, also those that ran before."""
    return {instance: groups.get(need.group, 0) for instance, groups in task_groups(cluster_id).items()}


@operation(
    "ecs:StartTask",
    resource=lambda params: definition_arn(params["task_definition"]),
    context=condition_keys.of_task,
    extra=lambda caller, params: _needs("StartTask", params),
    writes=True,
)
def start_task(
    caller: Caller,
    *,
    task_definition: str,
    container_instances: Sequence[str],
    cluster: str = DEFAULT_CLUSTER,
    network_configuration: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    group: str | None = None,
    started_by: str | None = None,
    propagate_tags: str | None = None,
    enable_ecs_managed_tags: bool = False,
    enable_execute_command: bool = False,
    tags: Mapping[str, str] | None = None,
) -> RunResult:
    """Start a standalone task on each of these instances. One that cannot take it is answered as a failure."""
    if (
        not isinstance(container_instances, Sequence)
        or isinstance(container_instances, str)
        or not 1 <= len(container_instances) <= MOST_AT_ONCE
        or not all(isinstance(one, str) and one for one in container_instances)
    ):
        raise invalid("containerInstances", f"1 to {MOST_AT_ONCE} ids or ARNs of container instances")
    owner = find_cluster(cluster)
    asked = wish(
        owner,
        find_definition(task_definition, active=True),
        started_by=checked_started_by(started_by, caller.name),
        group=group,
        network_configuration=network_configuration,
        overrides=overrides,
        tags=tags,
        propagate_tags=propagate_tags,
        enable_ecs_managed_tags=enable_ecs_managed_tags,
        enable_execute_command=configuration.flag(enable_execute_command, "enableExecuteCommand"),
    )
    chosen, refused = _able(asked, container_instances)
    started = start(asked, [(one, "") for one in chosen])
    left = list(chosen)
    for task in started:
        left.remove(str(task.instance_id))
    refused += [failure(owner, "The room was taken by other tasks meanwhile.", one) for one in left]
    return RunResult(tuple(started), tuple(refused))


def _able(asked: Wish, names: Sequence[str]) -> tuple[list[str], list[Failure]]:
    """The ids of the instances that can take a task each, and why the others cannot."""
    request = _request(asked)
    fleet = instances(asked.cluster.pk, request.constraints)
    slots = {one.id: Slot.of(one, 0, 0, request.group) for one in fleet}
    gone = set(
        ContainerInstance.objects.filter(cluster=asked.cluster, status="INACTIVE").values_list(
            "pk", flat=True
        )
    )
    chosen: list[str] = []
    refused: list[Failure] = []
    for name in names:
        key = name.rsplit("/", 1)[-1]
        slot = slots.get(key)
        arn = here.container_instance_arn(asked.cluster.name, key)
        if slot is None:
            reason = (
                ("INACTIVE", "It was deregistered.")
                if key in gone
                else (MISSING, "There is no such instance.")
            )
            refused.append(Failure(arn, *reason))
        elif slot.instance.status != "ACTIVE":
            refused.append(Failure(arn, "DRAINING", "The instance is draining: it takes no new tasks."))
        elif not slot.instance.connected:
            refused.append(Failure(arn, "AGENT", "Its engine does not answer."))
        elif reasons := [said for check in FILTERS if (said := check(slot, request))]:
            refused.append(failure(asked.cluster, f"The instance {reasons[0]}", key))
        else:
            slot.reserve(request.demand)
            chosen.append(key)
    return chosen, refused


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
