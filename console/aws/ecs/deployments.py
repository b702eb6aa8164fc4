"""Service deployments and service revisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, Q

from access.caller import Caller
from access.registry import call
from base.prepared import Given, Prepared
from console.aws.ecs.common import Document, each
from console.aws.handlers import answers, listing, mechanical
from services import hooks
from services.models import Deployment, ServiceRevision, Task
from services.progress import breaker_threshold

_RUNNING = Q(status="RUNNING")
_PENDING = Q(status__in=["PROVISIONING", "PENDING", "ACTIVATING"])
Counts = dict[str, tuple[int, int]]
"""Service revision's id -> its tasks that run, and that are about to."""


def counts(services: Iterable[int]) -> Counts:
    """One query for each."""
    found: Counts = defaultdict(lambda: (0, 0))
    for service in set(services):
        rows = _TASKS.all(service=service)
        found.update({revision: (running, pending) for revision, running, pending in rows})
    return found


_TASKS: Prepared[Any] = Prepared(
    lambda: (
        Task.objects.filter(service=Given("service"))
        .exclude(status="STOPPED")
        .order_by()
        .values_list("revision")
        .annotate(running=Count("pk", filter=_RUNNING), pending=Count("pk", filter=_PENDING))
    )
)


def _summary(revision: ServiceRevision, requested: int, tasks: Counts) -> Document:
    running, pending = tasks.get(revision.pk, (0, 0))
    return {
        "arn": revision.arn,
        "requestedTaskCount": requested,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    }


def shape(row: Deployment, tasks: Counts) -> Document:
    service = row.service
    wanted = service.desired_count if row.in_progress else 0
    source, effective = row.source, row.effective
    found: Document = {
        "serviceDeploymentArn": row.arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster.arn,
        "createdAt": row.created_at,
        "startedAt": row.started_at,
        "finishedAt": row.finished_at,
        "updatedAt": row.updated_at,
        "sourceServiceRevisions": [_summary(source, 0, tasks)] if source is not None else [],
        "targetServiceRevision": _summary(
            row.target,
            wanted if effective.pk == row.target_id or not row.in_progress else 0,
            tasks,
        ),
        "status": row.status,
        "statusReason": row.status_reason or None,
        "deploymentConfiguration": row.configuration,
    }
    if row.status in ("STOPPED", "STOP_REQUESTED"):
        found["stoppedAt"] = row.finished_at
    if row.rollback is not None:
        found["rollback"] = {
            "reason": row.rollback_reason or None,
            "startedAt": row.rollback_started_at,
            "serviceRevisionArn": row.rollback.arn,
        }
    if row.lifecycle_stage:
        found["lifecycleStage"] = row.lifecycle_stage
    if row.lifecycle_hooks:
        found["lifecycleHookDetails"] = [_hook(one) for one in hooks.details(row)]
    found["deploymentCircuitBreaker"] = shown_breaker(row)
    return found


def _hook(one: hooks.Detail) -> Document:
    return {
        "hookId": one.hook_id,
        "targetType": one.target_type,
        "status": one.status,
        "expiresAt": one.expires_at,
        "timeoutAction": one.timeout_action,
    }


def shown_breaker(row: Deployment) -> Document:
    """Status as AWS tells it: DISABLED, MONITORING, MONITORING_COMPLETE, TRIGGERED."""
    known = breaker_threshold(row.service, row)
    if known is None:
        return {"status": "DISABLED", "failureCount": row.failed_tasks}
    threshold = known[0]
    if row.failed_tasks >= threshold:
        status = "TRIGGERED"
    else:
        status = "MONITORING" if row.in_progress else "MONITORING_COMPLETE"
    return {"status": status, "failureCount": row.failed_tasks, "threshold": threshold}


def _brief(row: Deployment) -> Document:
    return {
        "serviceDeploymentArn": row.arn,
        "serviceArn": row.service.arn,
        "clusterArn": row.service.cluster.arn,
        "startedAt": row.started_at,
        "createdAt": row.created_at,
        "finishedAt": row.finished_at,
        "targetServiceRevisionArn": row.target.arn,
        "status": row.status,
        "statusReason": row.status_reason or None,
    }


def _created(rows: Any, between: dict[str, Any]) -> Any:
    if "after" in between:
        rows = rows.filter(created_at__gt=between["after"])
    if "before" in between:
        rows = rows.filter(created_at__lt=between["before"])
    return rows


NARROW = {
    "status": lambda rows, statuses: rows.filter(status__in=statuses) if statuses else rows,
    "createdAt": _created,
}
"""How deployments, of services and of daemons, are narrowed."""


listing(
    "ecs",
    "ListServiceDeployments",
    "serviceDeployments",
    order=["-number"],
    item=_brief,
    narrow=NARROW,
)


def _arn(row: Deployment) -> Document:
    return {"serviceDeploymentArn": row.arn}


mechanical("ecs", "StopServiceDeployment", _arn, names={"serviceDeploymentArn": "service_deployment"})
mechanical("ecs", "ContinueServiceDeployment", _arn, names={"serviceDeploymentArn": "service_deployment"})


@answers("ecs", "DescribeServiceDeployments", "describe_service_deployment")
def describe_service_deployments(caller: Caller, *, serviceDeploymentArns: Sequence[str]) -> dict[str, Any]:
    found, failures = each(
        serviceDeploymentArns,
        lambda arn: call("describe_service_deployment", caller, service_deployment=arn),
        str,
        member="serviceDeploymentArns",
        most=20,
    )
    tasks = counts(row.service_id for row in found)
    return {"serviceDeployments": [shape(row, tasks) for row in found], "failures": failures}


@answers("ecs", "DescribeServiceRevisions", "describe_service_revision")
def describe_service_revisions(caller: Caller, *, serviceRevisionArns: Sequence[str]) -> dict[str, Any]:
    found, failures = each(
        serviceRevisionArns,
        lambda arn: call("describe_service_revision", caller, service_revision=arn),
        str,
        member="serviceRevisionArns",
        most=20,
    )
    return {"serviceRevisions": [_revision(row) for row in found], "failures": failures}


def container_images(row: ServiceRevision) -> list[Document]:
    return [
        {"containerName": name, "image": one.get("image"), "imageDigest": one.get("digest") or None}
        for name, one in row.images.items()
    ]


def _revision(row: ServiceRevision) -> Document:
    frozen = row.configuration
    return {
        "serviceRevisionArn": row.arn,
        "serviceArn": row.service.arn,
        "clusterArn": row.service.cluster.arn,
        "taskDefinition": row.task_definition.arn,
        "capacityProviderStrategy": frozen.get("capacityProviderStrategy"),
        "launchType": frozen.get("launchType"),
        "platformVersion": frozen.get("platformVersion"),
        "networkConfiguration": frozen.get("networkConfiguration") or None,
        "containerImages": container_images(row),
        "guardDutyEnabled": False,
        "createdAt": row.created_at,
    }
