"""Services."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from access.caller import Caller
from access.registry import call
from base import here
from base.prepared import Given, Prepared
from clusters.queries import DEFAULT_CLUSTER
from console.aws.ecs import task_sets
from console.aws.ecs.common import Document, each, tags_of
from console.aws.ecs.deployments import Counts, counts
from console.aws.handlers import answers, listing, mechanical
from services.lookup import cluster_of_service, service_name
from services.models import Deployment, Service, ServiceEvent, ServiceRevision, TaskSet
from services.revisions import shown_revision
from services.task_sets.lookup import shown


def shapes(rows: Sequence[Service], include: Iterable[str] = ()) -> list[Document]:
    tasks = counts(row.pk for row in rows)
    sets = _task_sets(row for row in rows if row.is_external)
    return [_shape(row, tasks, include) | {"taskSets": sets.get(row.pk, [])} for row in rows]


def _task_sets(services: Iterable[Service]) -> dict[int, list[Document]]:
    """By the service's key; no query where none has any."""
    keys = [row.pk for row in services]
    found: dict[int, list[Document]] = {}
    for row in shown(TaskSet.objects.filter(service__in=keys)) if keys else ():
        found.setdefault(row.service_id, []).append(task_sets.shape(row))
    return found


def _one(row: Service) -> Document:
    fresh = _FRESH.first(pk=row.pk)
    assert fresh is not None  # services are never deleted, only INACTIVE
    return {"service": shapes([fresh], ["TAGS"])[0]}


def _updated(row: Service) -> Document:
    """UpdateService gives the row with all that is shown of it, as it has just written it."""
    return {"service": shapes([row], ["TAGS"])[0]}


_WITH = (
    "cluster",
    "deployment__target__task_definition",
    "deployment__rollback__task_definition",
    "deployment__source__task_definition",
    "completed_revision__task_definition",
)
_FRESH = Prepared(lambda: Service.objects.select_related(*_WITH).filter(pk=Given("pk")).order_by())
_EVENTS = Prepared(
    lambda: ServiceEvent.objects.filter(service=Given("service")).order_by("-created_at", "-id")[:100]
)
_LAST_ROLLOUT = Prepared(
    lambda: Deployment.objects.filter(service=Given("service"), target=Given("target")).order_by("-number")[
        :1
    ]
)


def _shape(row: Service, tasks: Counts, include: Iterable[str]) -> Document:
    current = shown_revision(row)
    frozen = {**(current.configuration if current is not None else {}), **row.placement}
    return {
        "serviceArn": row.arn,
        "serviceName": row.name,
        "clusterArn": row.cluster.arn,
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": row.status,
        "desiredCount": row.desired_count,
        "runningCount": row.running_count,
        "pendingCount": row.pending_count,
        "launchType": frozen.get("launchType"),
        "capacityProviderStrategy": frozen.get("capacityProviderStrategy"),
        "platformVersion": frozen.get("platformVersion"),
        "taskDefinition": current.task_definition.arn if current is not None else None,
        "deploymentConfiguration": row.deployment_configuration,
        "deployments": [] if row.is_external or current is None else _deployments(row, current, tasks),
        "events": [
            {"id": str(one.event_id), "createdAt": one.created_at, "message": one.message}
            for one in _EVENTS.all(service=row.pk)
        ],
        "createdAt": row.created_at,
        "createdBy": row.created_by or None,
        "currentServiceDeployment": row.deployment.arn if row.deployment is not None else None,
        "currentServiceRevisions": (
            [] if row.is_external or current is None else _current(row, current, tasks)
        ),
        "placementConstraints": frozen.get("placementConstraints") or [],
        "placementStrategy": frozen.get("placementStrategy") or [],
        "networkConfiguration": frozen.get("networkConfiguration") or None,
        "healthCheckGracePeriodSeconds": row.health_grace,
        "schedulingStrategy": row.scheduling_strategy,
        "deploymentController": {"type": row.deployment_controller},
        "enableECSManagedTags": row.enable_ecs_managed_tags,
        "propagateTags": row.propagate_tags,
        "availabilityZoneRebalancing": row.availability_zone_rebalancing,
        "enableExecuteCommand": bool(getattr(row, "enable_execute_command", False)),
        **tags_of(row, include),
    }


def _current(row: Service, current: ServiceRevision, tasks: Counts) -> list[Document]:
    running, pending = tasks.get(current.pk, (0, 0))
    return [
        {
            "arn": current.arn,
            "requestedTaskCount": row.desired_count,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        }
    ]


def _deployments(row: Service, current: ServiceRevision, tasks: Counts) -> list[Document]:
    """As ECS tells rollouts within a service: PRIMARY, what is to run; ACTIVE, whatever else still has tasks, and
    for as long as the rollout is in progress what was completed before it, or what it rolls back from. Waiters ask
    for a list of one."""
    if row.status == Service.Status.INACTIVE:
        return []
    others = {pk for pk, (running, pending) in tasks.items() if pk and running + pending}
    deployment = row.deployment
    if deployment is not None:
        others |= {one.pk for one in (deployment.source, deployment.target) if one is not None}
    others.discard(current.pk)
    revisions: Iterable[ServiceRevision] = ()
    if others:
        revisions = row.revisions.filter(pk__in=others).select_related("task_definition").order_by("-number")
    last = deployment or _LAST_ROLLOUT.first(service=row.pk, target=current.pk)
    state, reason = _rollout(deployment)
    primary = _rollout_shape(current, last, tasks, "PRIMARY", row.desired_count, state, reason)
    return [primary, *(_rollout_shape(one, None, tasks, "ACTIVE", 0, "", "") for one in revisions)]


def _rollout(deployment: Deployment | None) -> tuple[str, str]:
    if deployment is None:
        return "COMPLETED", "ECS deployment completed."
    return "IN_PROGRESS", deployment.status_reason or "ECS deployment in progress."


def _rollout_shape(
    revision: ServiceRevision,
    deployment: Deployment | None,
    tasks: Counts,
    status: str,
    desired: int,
    state: str,
    reason: str,
) -> Document:
    running, pending = tasks.get(revision.pk, (0, 0))
    frozen = revision.configuration
    return {
        "id": f"ecs-svc/{deployment.pk if deployment is not None else revision.pk}",
        "status": status,
        "taskDefinition": revision.task_definition.arn,
        "desiredCount": desired,
        "pendingCount": pending,
        "runningCount": running,
        "failedTasks": deployment.failed_tasks if deployment is not None else 0,
        "createdAt": deployment.created_at if deployment is not None else revision.created_at,
        "updatedAt": deployment.updated_at if deployment is not None else revision.created_at,
        "capacityProviderStrategy": frozen.get("capacityProviderStrategy"),
        "launchType": frozen.get("launchType"),
        "networkConfiguration": frozen.get("networkConfiguration") or None,
        "rolloutState": state or None,
        "rolloutStateReason": reason or None,
    }


mechanical("ecs", "CreateService", _one)
mechanical("ecs", "UpdateService", _updated)
mechanical("ecs", "DeleteService", _one)


@answers("ecs", "DescribeServices", "describe_service")
def describe_services(
    caller: Caller, *, services: Sequence[str], cluster: str = DEFAULT_CLUSTER, include: Sequence[str] = ()
) -> dict[str, Any]:
    found, failures = each(
        services,
        lambda name: call("describe_service", caller, service=name, cluster=cluster, include_inactive=True),
        lambda name: here.service_arn(cluster_of_service(name, cluster), service_name(name)),
        member="services",
        most=10,
    )
    rows = Service.objects.select_related(*_WITH).in_bulk([row.pk for row in found])
    return {"services": shapes([rows[row.pk] for row in found], include), "failures": failures}


def _of_launch_type(rows: Any, launch: str) -> Any:
    """By the configuration that each is to run now."""
    return rows.filter(
        Q(deployment__target__configuration__launchType=launch)
        | Q(deployment=None, completed_revision__configuration__launchType=launch)
    )


listing(
    "ecs",
    "ListServices",
    "serviceArns",
    order=["name"],
    item="arn",
    default={"cluster": DEFAULT_CLUSTER},
    sizes=(10, 100),
    narrow={
        "launchType": _of_launch_type,
        "schedulingStrategy": lambda rows, strategy: rows.filter(scheduling_strategy=strategy),
        "resourceManagementType": lambda rows, kind: rows if kind == "CUSTOMER" else rows.none(),
    },
)
