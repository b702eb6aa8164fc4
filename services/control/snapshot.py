"""Rows into the scheduler's Snapshot. A constant number of queries whatever the number of services."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from base import clock
from clusters.cql import Query, QueryError, compile_query, nothing
from clusters.models import CapacityProvider, ContainerInstance, HeldGpu, HostPort, Network, ec2_instance_id
from clusters.strategies import BUILT_IN
from services import events, hooks
from services.control.closing import Closed, closed_instances, with_closed
from services.control.observe import checks_health
from services.models import Deployment, Service, ServiceRevision, Task
from services.scheduler import model
from services.taskdef.capabilities import required_capabilities
from services.taskdef.resources import resources
from services.usage import task_groups

_MOST_FAILURES = 300  # beyond the breaker's highest threshold
# Of a task; the rest of its row (overrides, tags, pins) is costly to read for thousands.
_TASK_FIELDS = (
    *("revision", "deployment", "instance", "status", "desired_status", "deployment_health"),
    *("created_at", "started_at", "healthy_at", "protected_until", "capacity_provider"),
)
# Of an instance, read for every plan: certificates and errors are of no interest to it. Documents come as their text.
_INSTANCE_FIELDS = (
    *("status", "connected", "lost_at", "registered_at"),
    *("attributes_text", "capabilities_text", "overlay_text", "gpus_text"),
    *("cpu", "memory", "cpu_reserved", "memory_reserved", "running_tasks", "pending_tasks"),
)
_TEXTS = {
    "attributes_text": Cast("attributes", TextField()),
    "capabilities_text": Cast("capabilities", TextField()),
    "overlay_text": Cast("overlay", TextField()),
    "gpus_text": Cast("gpus", TextField()),
}
_GPUS = 2 + _INSTANCE_FIELDS.index("gpus_text")  # in a row of pk, version and these


def timing() -> model.Timing:
    return model.Timing(
        steady=settings.SLIPWAY_STEADY_SECONDS,
        throttle_base=settings.SLIPWAY_THROTTLE_BASE,
        throttle_cap=settings.SLIPWAY_THROTTLE_CAP,
        placement_retry=settings.SLIPWAY_PLACEMENT_RETRY,
    )


def load(service_id: int) -> Service:
    row = Service.every.select_related(
        "cluster",
        "deployment__target__task_definition__family",
        "deployment__rollback__task_definition__family",
        "completed_revision__task_definition__family",
    ).get(pk=service_id)
    if row.deployment is not None:
        row.deployment.service = row
    return row


def snapshot(service: Service, current: ServiceRevision | None = None) -> model.Snapshot:
    """Everything the scheduler is to know of this service now. `current`: a task set's revision, in the place of the
    last completed one."""
    deployment = service.deployment
    live = Task.objects.filter(service=service).exclude(status="STOPPED").only(*_TASK_FIELDS)
    now = clock.now()
    tasks = tuple(_task(row, now) for row in live)
    completed = current or service.completed_revision
    # Whose failures matter: of what is being started, or would be where a task is lost.
    starting = None if deployment is None or hooks.is_held_early(deployment) else deployment
    effective = starting.effective if starting is not None else completed
    configuration = (
        deployment.configuration if deployment is not None else None
    ) or service.deployment_configuration
    revisions = _revisions(service, tasks, completed)
    queries = [query for row in revisions.values() for query in row.constraints]
    last_healthy, last_started = _newest_times(service, starting, effective)
    fleet = instances(service.cluster_id, queries, closed={} if service.daemon else None)
    if service.scheduling_strategy == "DAEMON":
        fleet = _with_others(fleet)
    return model.Snapshot(
        service=service.name,
        status="DRAINING" if service.status == Service.Status.DRAINING else "ACTIVE",
        desired_count=service.desired_count,
        minimum_healthy_percent=configuration["minimumHealthyPercent"],
        maximum_percent=configuration["maximumPercent"],
        health_grace=float(service.health_grace),
        breaker=_breaker(configuration["deploymentCircuitBreaker"]),
        revisions=revisions,
        completed=completed.pk if completed is not None else None,
        deployment=_deployment(deployment) if deployment is not None else None,
        tasks=tasks,
        failures=_failures(service, starting, effective),
        last_healthy_at=last_healthy,
        last_started_at=last_started,
        instances=fleet,
        steady=service.steady_since is not None,
        timing=timing(),
        # What a deployment says of protected tasks is not said again however much else it says.
        last_events=events.newest(service, events.KEPT if any(one.protected for one in tasks) else 10),
        rebalance=service.availability_zone_rebalancing == "ENABLED",
        seed=service.pk,
        strategy="DAEMON" if service.scheduling_strategy == "DAEMON" else "REPLICA",
        kind="daemon" if service.daemon else "service",
        drain_percent=configuration.get("drainPercent"),
        bake=60.0 * configuration.get("bakeTimeInMinutes", 0),
    )


def _with_others(fleet: tuple[model.Instance, ...]) -> tuple[model.Instance, ...]:
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


def fingerprint(service: Service) -> tuple[object, ...]:
    """What an operation may change under a plan. A plan made under another fingerprint is not applied."""
    deployment = service.deployment
    return (
        service.status,
        service.desired_count,
        service.deployment_id,
        deployment.status if deployment is not None else None,
        repr(deployment.lifecycle_hooks) if deployment is not None else None,
        service.completed_revision_id,
        repr(service.deployment_configuration),
        service.availability_zone_rebalancing,
        service.protections,
        repr(service.placement),
    )


def _breaker(document: dict) -> model.Breaker:
    threshold = document["thresholdConfiguration"]
    return model.Breaker(
        enable=document["enable"],
        rollback=document["rollback"],
        threshold_type=threshold["type"],
        threshold_value=threshold["value"],
        reset_on_healthy=document["resetOnHealthyTask"],
    )


def _deployment(row: Deployment) -> model.Deployment:
    effective = row.effective
    return model.Deployment(
        id=row.id,
        status=model.DeploymentStatus(row.status),
        target=row.target_id,
        rollback=row.rollback_id,
        created_at=row.created_at,
        rollback_started_at=row.rollback_started_at,
        ready=bool(effective.images),
        image_error=row.image_error or None,
        image_failures=row.image_failures,
        hooks=hooks.hooks_of(row),
        stage=model.Stage(row.lifecycle_stage) if row.lifecycle_stage else None,
        pauses=hooks.pauses_of(row),
    )


def _task(row: Task, now: datetime) -> model.Task:
    return model.Task(
        id=row.id,
        revision=row.revision_id or "",
        deployment=row.deployment_id,
        instance=row.instance_id,
        status=model.Status(row.status),
        desired="RUNNING" if row.desired_status == "RUNNING" else "STOPPED",
        health=model.Health(row.deployment_health),
        created_at=row.created_at,
        started_at=row.started_at,
        healthy_at=row.healthy_at,
        protected=row.is_protected(now),
        protected_until=row.protected_until,
        provider=row.capacity_provider,
    )


def _revisions(
    service: Service, tasks: Iterable[model.Task], completed: ServiceRevision | None
) -> dict[str, model.Revision]:
    """Those that matter: of live tasks, of the deployment, and the last completed one."""
    wanted = {task.revision for task in tasks} | {completed.pk if completed is not None else None}
    if service.deployment is not None:
        wanted |= {service.deployment.target_id, service.deployment.rollback_id}
    rows = ServiceRevision.objects.filter(pk__in=[key for key in wanted if key]).select_related(
        "task_definition__family"
    )
    found = list(rows)
    for row in found:
        row.configuration = {**row.configuration, **service.placement}  # of EXTERNAL it is not frozen
    groups = provider_groups(row.configuration for row in found)
    driver = network_driver(service.cluster_id)
    return {row.pk: revision(row, driver, groups) for row in found}


def provider_groups(configurations: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Capacity provider -> Auto Scaling group, of those that the strategies name. A query only where any does."""
    named = {
        item["capacityProvider"]
        for frozen in configurations
        for item in frozen.get("capacityProviderStrategy") or []
    } - set(BUILT_IN)
    rows = CapacityProvider.objects.filter(name__in=named, status="ACTIVE")
    return dict(rows.values_list("name", "group")) if named else {}


def providers(strategy: Iterable[Mapping[str, Any]], groups: Mapping[str, str]) -> tuple[model.Provider, ...]:
    """A capacity provider strategy (AWS form). A lone provider without a weight takes every task; one that was deleted
    has no instances."""
    items = list(strategy)
    lone = 1 if len(items) == 1 else 0
    return tuple(
        model.Provider(
            item["capacityProvider"],
            item.get("base") or 0,
            item.get("weight") or lone,
            ""
            if item["capacityProvider"] in BUILT_IN
            else groups.get(item["capacityProvider"], f"(deleted) {item['capacityProvider']}"),
        )
        for item in items
    )


def revision(row: ServiceRevision, driver: str, groups: Mapping[str, str]) -> model.Revision:
    """`driver`: of the cluster's network; `groups`: of capacity providers."""
    definition = row.task_definition
    constraints = row.configuration.get("placementConstraints", [])
    own = definition.document.get("placementConstraints", [])
    return model.Revision(
        id=row.pk,
        label=str(definition),
        demand=demand(definition.document),
        checks_health=checks_health(definition.document),
        strategies=tuple(
            model.Strategy(item["type"], item.get("field", ""))
            for item in row.configuration.get("placementStrategy", [])
        ),
        distinct_instance=any(item["type"] == "distinctInstance" for item in constraints),
        required_attributes=required_attributes(definition.document, driver),
        constraints=memberships([*constraints, *own]),
        providers=providers(row.configuration.get("capacityProviderStrategy") or [], groups),
    )


def memberships(constraints: Iterable[Mapping[str, Any]]) -> tuple[Query, ...]:
    """The compiled queries of memberOf constraints (AWS form)."""
    found = (item["expression"] for item in constraints if item["type"] == "memberOf")
    return tuple(_compiled(text) for text in dict.fromkeys(found))


def _compiled(text: str) -> Query:
    try:
        return compile_query(text)
    except QueryError:
        return nothing(text)  # registered before expressions were checked: refusals show it


def demand(document: dict) -> model.Demand:
    need = resources(document)
    return model.Demand(cpu=need.cpu, memory=need.memory, ports=frozenset(need.fixed_ports), gpus=need.gpus)


OVERLAY = "slipway.network"  # attribute of instances that are in their cluster's overlay


def required_attributes(document: dict, driver: str) -> dict[str, str]:
    """What an instance must have for it. `driver`: of the cluster's network; an overlay has no use for an instance that
    is not in it."""
    architecture = document.get("runtimePlatform", {}).get("cpuArchitecture")
    required = {"ecs.cpu-architecture": architecture.lower()} if architecture else {}
    if driver == Network.Driver.OVERLAY and document.get("networkMode") == "awsvpc":
        required[OVERLAY] = "overlay"
    return required | dict.fromkeys(required_capabilities(document), "")


def network_driver(cluster_id: int) -> str:
    drivers = Network.objects.filter(cluster=cluster_id).order_by("id").values_list("driver", flat=True)
    return drivers.first() or Network.Driver.BRIDGE


def _failures(
    service: Service, deployment: Deployment | None, effective: ServiceRevision | None
) -> tuple[model.Failure, ...]:
    rows = Task.objects.filter(service=service, failed=True, status="STOPPED", revision=effective)
    if deployment is not None:
        rows = rows.filter(deployment=deployment)
    newest = rows.order_by("-stopped_at").values_list(
        "id", "stopped_at", "started_at", "stopped_reason", "deployment_id"
    )
    return tuple(
        model.Failure(
            task=pk, stopped_at=stopped, reached_running=started is not None, reason=reason, deployment=of
        )
        for pk, stopped, started, reason, of in reversed(newest[:_MOST_FAILURES])
        if stopped is not None
    )


def _newest_times(
    service: Service, deployment: Deployment | None, effective: ServiceRevision | None
) -> tuple[datetime | None, datetime | None]:
    """(newest healthy_at among the deployment's tasks, newest started_at of the revision's)."""
    of_revision = Task.objects.filter(service=service, revision=effective)
    started = of_revision.aggregate(newest=Max("started_at"))["newest"]
    if deployment is None:
        return None, started
    return of_revision.filter(deployment=deployment).aggregate(newest=Max("healthy_at"))["newest"], started


def instances(
    cluster_id: int,
    queries: Iterable[model.Query] = (),
    *,
    closed: Mapping[str, Closed] | None = None,
) -> tuple[model.Instance, ...]:
    """The registered instances of a cluster with what is reserved on each. `queries`: those that will be asked of
    them. A further query, one for all instances, is made only where one asks for task groups, and where an instance
    has GPUs. `closed`: those closed to the tasks to be placed; None: as the critical daemons of the cluster say."""
    rows = list(
        ContainerInstance.objects.filter(cluster_id=cluster_id)
        .exclude(status="INACTIVE")
        .annotate(version=KT("info__version"), **_TEXTS)
        .values_list("pk", "version", *_INSTANCE_FIELDS)
    )
    ports: dict[str, set[model.Port]] = defaultdict(set)
    held = HostPort.objects.filter(instance__cluster_id=cluster_id)
    for instance_id, port, protocol in held.values_list("instance_id", "port", "protocol"):
        ports[instance_id].add((port, protocol))
    groups = task_groups(cluster_id) if any(query.asks_groups for query in queries) else {}
    gpus = _held_gpus(cluster_id) if any(_list(row[_GPUS]) for row in rows) else {}
    found = tuple(_instance(row, ports, gpus, groups) for row in rows)
    return with_closed(found, closed_instances(cluster_id, found) if closed is None else closed)


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


@lru_cache(maxsize=4096)
def _list(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _instance(
    row: tuple[Any, ...],
    ports: Mapping[str, set[model.Port]],
    held: Mapping[str, set[str]],
    groups: Mapping[str, Mapping[str, int]],
) -> model.Instance:
    """From a row of pk, version and _INSTANCE_FIELDS: hundreds are read for every plan, and objects are dear."""
    pk, version, status, connected, lost_at, registered_at, attributes, able, overlay, *room = row
    gpus, cpu, memory, cpu_reserved, memory_reserved, running, pending = _list(room[0]), *room[1:]
    return model.Instance(
        id=pk,
        status="DRAINING" if status == ContainerInstance.Status.DRAINING else "ACTIVE",
        # A lost one that answers again takes tasks when what it still runs was compared.
        connected=connected and lost_at is None,
        cpu=cpu,
        memory=memory,
        cpu_reserved=cpu_reserved,
        memory_reserved=memory_reserved,
        ports=frozenset(ports.get(pk, ())),
        gpus=len(gpus),
        gpus_reserved=len(held.get(pk, set()).intersection(gpus)),  # of those it still has
        attributes=_attributes(attributes, able, overlay),
        agent_version=version or "",
        ec2_instance_id=ec2_instance_id(pk),
        registered_at=registered_at,
        running_tasks=running + pending,
        groups=groups.get(pk, {}),
    )
