"""Reads of task definitions, services, deployments and tasks. Every one is an operation that shows only what its
caller may see, filtered in SQL; none asks an engine."""

from __future__ import annotations

from functools import lru_cache

from django.db.models import Count, Max, Q, QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, operation
from base.prepared import copy_of, lasting
from clusters.queries import DEFAULT_CLUSTER, find_cluster
from services.condition_keys import SERVICE_KEYS, TASK_KEYS
from services.daemons.lookup import find_daemon
from services.lookup import (
    definition_arn,
    deployment_arn_of,
    deployment_owners,
    find_definition,
    find_deployment,
    find_revision_by_arn,
    find_service,
    find_task,
    revision_arn_of,
    revision_owners,
    service_arn_of,
    task_arn_of,
    task_owners,
)
from services.models import Deployment, Family, Service, ServiceEvent, ServiceRevision, Task, TaskDefinition


def _anything(params: object) -> str:
    return "*"


# ---- task definitions --------------------------------------------------------------------------


@operation("ecs:ListTaskDefinitions", resource=_anything, writes=False)
def list_task_definitions(
    caller: Caller, *, family: str | None = None, status: str | None = "ACTIVE"
) -> QuerySet[TaskDefinition]:
    """Revisions, newest first within their family."""
    rows = TaskDefinition.objects.select_related("family").order_by("family__name", "-revision")
    if family is not None:
        rows = rows.filter(family__name=family)
    if status is not None:
        rows = rows.filter(status=status)
    return visible(rows, caller, "ecs:DescribeTaskDefinition")


@operation("ecs:ListTaskDefinitionFamilies", resource=_anything, writes=False)
def list_task_definition_families(caller: Caller, *, prefix: str = "") -> QuerySet[Family]:
    """Families with a visible revision; `active`: how many are ACTIVE, `newest_at`: the last registration."""
    seen = visible(TaskDefinition.objects.all(), caller, "ecs:DescribeTaskDefinition")
    return (
        Family.objects.filter(pk__in=seen.values("family"), name__startswith=prefix)
        .annotate(
            active=Count("revisions", filter=Q(revisions__status="ACTIVE")),
            newest_at=Max("revisions__registered_at"),
        )
        .order_by("name")
    )


@operation(
    "ecs:DescribeTaskDefinition", resource=lambda p: definition_arn(p["task_definition"]), writes=False
)
def describe_task_definition(caller: Caller, *, task_definition: str) -> TaskDefinition:
    """One revision by family:revision or ARN; the newest ACTIVE one by family."""
    return find_definition(task_definition)


# ---- services ----------------------------------------------------------------------------------


@operation("ecs:ListServices", resource=_anything, writes=False)
def list_services(caller: Caller, *, cluster: str | None = None) -> QuerySet[Service]:
    """Live services, of one cluster or of all."""
    rows = copy_of(_live_services(find_cluster(cluster).pk if cluster is not None else None))
    return visible(rows, caller, "ecs:DescribeServices", row_keys=SERVICE_KEYS)


@lru_cache(maxsize=64)
def _live_services(cluster_id: int | None) -> QuerySet[Service]:
    rows = Service.objects.exclude(status=Service.Status.INACTIVE)
    if cluster_id is not None:
        rows = rows.filter(cluster=cluster_id)
    return lasting(
        rows.order_by("cluster__name", "name").select_related(
            "cluster",
            "deployment__target__task_definition__family",
            "deployment__rollback__task_definition__family",
            "completed_revision__task_definition__family",
        )
    )


@operation("ecs:DescribeServices", resource=service_arn_of, writes=False)
def describe_service(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER, include_inactive: bool = False
) -> Service:
    """One service, by name or ARN. With `include_inactive`, where there is no live one, the last that was deleted."""
    return find_service(service, cluster, inactive=include_inactive)


@operation("ecs:ListServiceDeployments", resource=service_arn_of, writes=False)
def list_service_deployments(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[Deployment]:
    """Deployments of a service, newest first."""
    return (
        find_service(service, cluster)
        .deployments.select_related(
            "target__task_definition__family",
            "rollback__task_definition__family",
            "source__task_definition__family",
        )
        .order_by("-number")
    )


@operation("ecs:DescribeServiceRevisions", resource=revision_arn_of, owners=revision_owners, writes=False)
def describe_service_revision(caller: Caller, *, service_revision: str) -> ServiceRevision:
    """One frozen configuration, by its ARN."""
    return find_revision_by_arn(service_revision)


@operation(
    "ecs:DescribeServiceDeployments", resource=deployment_arn_of, owners=deployment_owners, writes=False
)
def describe_service_deployment(caller: Caller, *, service_deployment: str) -> Deployment:
    """One deployment, by id or ARN."""
    return find_deployment(service_deployment)


@operation("ecs:DescribeServiceRevisions", resource=service_arn_of, writes=False)
def list_service_revisions(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[ServiceRevision]:
    """The frozen configurations of a service, newest first."""
    return (
        find_service(service, cluster).revisions.select_related("task_definition__family").order_by("-number")
    )


@operation("ecs:DescribeServices", resource=service_arn_of, writes=False)
def list_service_events(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[ServiceEvent]:
    """The newest 100 events of a service, newest first."""
    return find_service(service, cluster).events.order_by("-created_at", "-id")


# ---- tasks -------------------------------------------------------------------------------------


@operation("ecs:ListTasks", resource=_anything, writes=False)
def list_tasks(
    caller: Caller,
    *,
    cluster: str | None = None,
    service: str | None = None,
    daemon: str | None = None,
    family: str | None = None,
    container_instance: str | None = None,
    started_by: str | None = None,
    desired_status: str | None = "RUNNING",
) -> QuerySet[Task]:
    """Tasks, newest first: by default those that are to run; STOPPED for those that ended or are to; None for all."""
    rows = Task.objects.select_related(
        "cluster", "instance", "service", "revision", "task_definition__family"
    ).prefetch_related("containers")
    if cluster is not None:
        rows = rows.filter(cluster=find_cluster(cluster))
    if service is not None:
        rows = rows.filter(service=find_service(service, cluster))
    if daemon is not None:
        rows = rows.filter(service=find_daemon(daemon, cluster))
    if family is not None:
        rows = rows.filter(task_definition__family__name=family, task_definition__daemon=False)
    if container_instance is not None:
        rows = rows.filter(instance_id=container_instance.rsplit("/", 1)[-1])
    if started_by is not None:
        rows = rows.filter(started_by=started_by)
    if desired_status is not None:
        rows = rows.filter(desired_status=desired_status)
    return visible(
        rows.order_by("-created_at", "id"),
        caller,
        "ecs:DescribeTasks",
        owner_fields=["service__arn"],
        row_keys=TASK_KEYS,
    )


@operation("ecs:DescribeTasks", resource=task_arn_of, owners=task_owners, writes=False)
def describe_task(caller: Caller, *, task: str, cluster: str = DEFAULT_CLUSTER) -> Task:
    """One task, running or stopped, by id or ARN."""
    return find_task(task, cluster)
