"""Daemons, their deployments and revisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from access.caller import Caller
from access.registry import call
from base import here
from console.aws.ecs.common import Document, each
from console.aws.ecs.deployments import NARROW, container_images, shown_breaker
from console.aws.handlers import answers, listing, mechanical
from services.daemons.configuration import provider_names, shown
from services.daemons.counts import Counts, counts, current_revisions
from services.daemons.lookup import status_of, wanted_revision
from services.models import Deployment, Service, ServiceRevision

_DAEMON = {"daemonArn": "daemon"}
_GIVEN = {
    "clusterArn": "cluster",
    "daemonTaskDefinitionArn": "daemon_task_definition",
    "capacityProviderArns": "capacity_providers",
    "enableECSManagedTags": "enable_ecs_managed_tags",
}


def _brief(row: Service) -> Document:
    return {
        "daemonArn": row.arn,
        "status": status_of(row),
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,  # type: ignore[attr-defined]
    }


def _deployed(row: Service) -> Document:
    return {**_brief(row), "deploymentArn": row.deployment_arn}  # type: ignore[attr-defined]


def _created(row: Service) -> Document:
    return {name: value for name, value in _deployed(row).items() if name != "updatedAt"}


mechanical("ecs", "CreateDaemon", _created, names=_GIVEN)
mechanical("ecs", "UpdateDaemon", _deployed, names={**_GIVEN, **_DAEMON})
mechanical("ecs", "DeleteDaemon", _deployed, names=_DAEMON)
listing(
    "ecs",
    "ListDaemons",
    "daemonSummariesList",
    order=["name"],
    item=_brief,
    names=_GIVEN,
)


def _detail(row: Service) -> Document:
    counted = counts([row])[row.pk]
    return {
        "daemon": {
            **_deployed(row),
            "clusterArn": row.cluster.arn,
            "currentRevisions": [_current(row, one, counted) for one in current_revisions(row, counted)],
        }
    }


mechanical("ecs", "DescribeDaemon", _detail, names=_DAEMON)


def _current(row: Service, revision: ServiceRevision, counted: Counts) -> Document:
    without = _without(row, revision, counted)
    providers = [
        {
            "arn": here.capacity_provider_arn(name),
            "runningCount": counted.running[revision.pk, name],
            "withoutDaemonCount": without.get(name, 0),
        }
        for name in provider_names(revision.configuration)
    ]
    return {
        "arn": revision.arn,
        "capacityProviders": providers,
        "totalRunningCount": sum(one["runningCount"] for one in providers),
        "totalWithoutDaemonCount": sum(without.values()),
    }


def _without(row: Service, revision: ServiceRevision, counted: Counts) -> Mapping[str, int]:
    """Instances that go on without the daemon: of the revision it is to run, and only where it is not critical."""
    wanted = wanted_revision(row)
    if wanted is None or wanted.pk != revision.pk or revision.configuration["critical"]:
        return {}
    return counted.without


# ---- deployments -------------------------------------------------------------------------------


def _summary(row: Deployment) -> Document:
    return {
        "daemonDeploymentArn": row.arn,
        "daemonArn": row.service.arn,
        "clusterArn": row.service.cluster.arn,
        "status": row.status,
        "statusReason": row.status_reason or None,
        "targetDaemonRevisionArn": row.target.arn,
        "createdAt": row.created_at,
        "startedAt": row.started_at,
        "stoppedAt": row.finished_at if row.status == "STOPPED" else None,
        "finishedAt": row.finished_at,
    }


listing(
    "ecs",
    "ListDaemonDeployments",
    "daemonDeployments",
    order=["-number"],
    item=_summary,
    sizes=(20, 100),
    names=_DAEMON,
    narrow=NARROW,
)


def _during(service: Service, revision: ServiceRevision, counted: Counts) -> Document:
    without = _without(service, revision, counted)
    providers = [
        {
            "arn": here.capacity_provider_arn(name),
            "runningInstanceCount": counted.running[revision.pk, name],
            "withoutDaemonInstanceCount": without.get(name, 0),
            "drainingInstanceCount": counted.draining[revision.pk, name],
        }
        for name in provider_names(revision.configuration)
    ]
    return {
        "arn": revision.arn,
        "capacityProviders": providers,
        "totalRunningInstanceCount": sum(one["runningInstanceCount"] for one in providers),
        "totalWithoutDaemonInstanceCount": sum(without.values()),
        "totalDrainingInstanceCount": sum(one["drainingInstanceCount"] for one in providers),
    }


def _deployment(row: Deployment, counted: Counts) -> Document:
    service = row.service
    shape = {name: value for name, value in _summary(row).items() if name in _OF_ITSELF}
    found: Document = {
        **shape,
        "targetDaemonRevision": _during(service, row.target, counted),
        "sourceDaemonRevisions": [_during(service, row.source, counted)] if row.source is not None else [],
        "circuitBreaker": shown_breaker(row),
        "alarms": {"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []},
        "deploymentConfiguration": shown(row.configuration),
    }
    if row.rollback is not None:
        found["rollback"] = {
            "reason": row.rollback_reason or None,
            "startedAt": row.rollback_started_at,
            "rollbackTargetDaemonRevisionArn": row.rollback.arn,
            "rollbackCapacityProviders": [
                here.capacity_provider_arn(name) for name in provider_names(row.rollback.configuration)
            ],
        }
    return found


_OF_ITSELF = (
    *("daemonDeploymentArn", "clusterArn", "status", "statusReason"),
    *("createdAt", "startedAt", "stoppedAt", "finishedAt"),
)


@answers("ecs", "DescribeDaemonDeployments", "describe_daemon_deployment")
def describe_daemon_deployments(caller: Caller, *, daemonDeploymentArns: Sequence[str]) -> dict[str, Any]:
    found, failures = each(
        daemonDeploymentArns,
        lambda arn: call("describe_daemon_deployment", caller, daemon_deployment=arn),
        str,
        member="daemonDeploymentArns",
        most=20,
    )
    counted = counts({row.service.pk: row.service for row in found}.values())
    return {
        "daemonDeployments": [_deployment(row, counted[row.service_id]) for row in found],
        "failures": failures,
    }


# ---- revisions ---------------------------------------------------------------------------------


@answers("ecs", "DescribeDaemonRevisions", "describe_daemon_revision")
def describe_daemon_revisions(caller: Caller, *, daemonRevisionArns: Sequence[str]) -> dict[str, Any]:
    found, failures = each(
        daemonRevisionArns,
        lambda arn: call("describe_daemon_revision", caller, daemon_revision=arn),
        str,
        member="daemonRevisionArns",
        most=20,
    )
    return {"daemonRevisions": [_revision(row) for row in found], "failures": failures}


def _revision(row: ServiceRevision) -> Document:
    frozen = row.configuration
    return {
        "daemonRevisionArn": row.arn,
        "clusterArn": row.service.cluster.arn,
        "daemonArn": row.service.arn,
        "daemonTaskDefinitionArn": row.task_definition.arn,
        "createdAt": row.created_at,
        "containerImages": container_images(row),
        **{
            name: frozen[name]
            for name in ("propagateTags", "enableECSManagedTags", "enableExecuteCommand", "critical")
        },
    }
