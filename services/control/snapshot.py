"""Rows into the scheduler's Snapshot. A constant number of queries whatever the number of services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Max, QuerySet

from base import clock
from base.prepared import Given, Prepared
from clusters.cql import Query, QueryError, compile_query, nothing
from clusters.models import CapacityProvider, Network
from clusters.strategies import BUILT_IN
from services import events, hooks
from services.control import fleet
from services.control.observe import checks_health
from services.lookup import with_revisions
from services.models import Deployment, Service, ServiceRevision, Task
from services.scheduler import model
from services.taskdef.capabilities import required_capabilities
from services.taskdef.resources import resources

_MOST_FAILURES = 300  # beyond the breaker's highest threshold
# Of a task; the rest of its row (overrides, tags, pins) is costly to read for thousands.
_TASK_FIELDS = (
    *("revision", "deployment", "instance", "status", "desired_status", "deployment_health"),
    *("created_at", "started_at", "healthy_at", "protected_until", "capacity_provider"),
)


def timing() -> model.Timing:
    return model.Timing(
        steady=settings.SLIPWAY_STEADY_SECONDS,
        throttle_base=settings.SLIPWAY_THROTTLE_BASE,
        throttle_cap=settings.SLIPWAY_THROTTLE_CAP,
        placement_retry=settings.SLIPWAY_PLACEMENT_RETRY,
    )


def load(service_id: int) -> Service:
    row = _SERVICE.one(pk=service_id)
    if row.deployment is not None:
        row.deployment.service = row
    return row


_SERVICE = Prepared(lambda: with_revisions(Service.every.filter(pk=Given("pk")).order_by()))
_TASKS = Prepared(
    lambda: Task.objects.filter(service=Given("service")).exclude(status="STOPPED").only(*_TASK_FIELDS)
)


def snapshot(service: Service, current: ServiceRevision | None = None) -> model.Snapshot:
    """Everything the scheduler is to know of this service now. `current`: a task set's revision, in the place of the
    last completed one."""
    deployment = service.deployment
    now = clock.now()
    tasks = tuple(_task(row, now) for row in _TASKS.all(service=service.pk))
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
    instances = fleet.instances(service.cluster_id, queries, closed={} if service.daemon else None)
    if service.scheduling_strategy == "DAEMON":
        instances = fleet.with_others(instances)
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
        instances=instances,
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
    keys = [key for key in wanted if key]
    found = _revision_rows(len(keys)).all(**{f"key_{i}": key for i, key in enumerate(keys)}) if keys else []
    for row in found:
        row.configuration = {**row.configuration, **service.placement}  # of EXTERNAL it is not frozen
    groups = provider_groups(row.configuration for row in found)
    driver = network_driver(service.cluster_id)
    return {row.pk: revision(row, driver, groups) for row in found}


@lru_cache(maxsize=32)
def _revision_rows(count: int) -> Prepared[ServiceRevision]:
    keys = [Given(f"key_{i}") for i in range(count)]
    rows = ServiceRevision.objects.filter(pk__in=keys).select_related("task_definition__family")
    return Prepared(lambda: rows)


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


def required_attributes(document: dict, driver: str) -> dict[str, str]:
    """What an instance must have for it. `driver`: of the cluster's network; an overlay has no use for an instance that
    is not in it."""
    architecture = document.get("runtimePlatform", {}).get("cpuArchitecture")
    required = {"ecs.cpu-architecture": architecture.lower()} if architecture else {}
    if driver == Network.Driver.OVERLAY and document.get("networkMode") == "awsvpc":
        required[fleet.OVERLAY] = "overlay"
    return required | dict.fromkeys(required_capabilities(document), "")


def network_driver(cluster_id: int) -> str:
    return _DRIVER.first(cluster=cluster_id) or Network.Driver.BRIDGE


_DRIVER: Prepared[str] = Prepared(
    lambda: (
        Network.objects.filter(cluster=Given("cluster")).order_by("id").values_list("driver", flat=True)[:1]
    )
)


def _failures(
    service: Service, deployment: Deployment | None, effective: ServiceRevision | None
) -> tuple[model.Failure, ...]:
    if effective is None:
        return ()
    given = {"service": service.pk, "revision": effective.pk}
    newest = (
        _FAILURES.all(**given)
        if deployment is None
        else _OF_DEPLOYMENT.all(**given, deployment=deployment.pk)
    )
    return tuple(
        model.Failure(
            task=pk, stopped_at=stopped, reached_running=started is not None, reason=reason, deployment=of
        )
        for pk, stopped, started, reason, of in reversed(newest)
        if stopped is not None
    )


def _failed(**more: Any) -> QuerySet[Task, Any]:
    rows = Task.objects.filter(
        service=Given("service"), revision=Given("revision"), failed=True, status="STOPPED", **more
    )
    return rows.order_by("-stopped_at").values_list(
        "id", "stopped_at", "started_at", "stopped_reason", "deployment_id"
    )[:_MOST_FAILURES]


_FAILURES: Prepared[Any] = Prepared(_failed)
_OF_DEPLOYMENT: Prepared[Any] = Prepared(lambda: _failed(deployment=Given("deployment")))


def _newest_times(
    service: Service, deployment: Deployment | None, effective: ServiceRevision | None
) -> tuple[datetime | None, datetime | None]:
    """(newest healthy_at among the deployment's tasks, newest started_at of the revision's)."""
    if effective is None:
        return None, None
    given = {"service": service.pk, "revision": effective.pk}
    started = _NEWEST_STARTED.first(**given)
    if deployment is None:
        return None, started
    return _NEWEST_HEALTHY.first(**given, deployment=deployment.pk), started


def _newest(field: str, **more: Any) -> QuerySet[Task, Any]:
    rows = Task.objects.filter(service=Given("service"), revision=Given("revision"), **more).order_by()
    return rows.values("revision").annotate(newest=Max(field)).values_list("newest", flat=True)


_NEWEST_STARTED: Prepared[Any] = Prepared(lambda: _newest("started_at"))
_NEWEST_HEALTHY: Prepared[Any] = Prepared(lambda: _newest("healthy_at", deployment=Given("deployment")))
