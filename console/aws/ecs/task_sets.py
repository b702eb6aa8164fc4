"""Task sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from access.caller import Caller
from access.registry import call
from base.errors import TaskSetNotFound
from console.aws.ecs.common import Document, missing, tags_of
from console.aws.handlers import answers, mechanical
from services.lookup import cluster_of_service, service_name
from services.models import TaskSet
from services.task_sets.lookup import arn_of


def shape(row: Any, include: Iterable[str] = ()) -> Document:
    """Of a TaskSet with its counts, as services.task_sets.lookup.shown gives it."""
    frozen = row.revision.configuration
    return {
        "id": row.id,
        "taskSetArn": row.arn,
        "serviceArn": row.service.arn,
        "clusterArn": row.service.cluster.arn,
        "externalId": row.external_id or None,
        "status": row.shown_status,
        "taskDefinition": row.revision.task_definition.arn,
        "computedDesiredCount": row.desired_count,
        "pendingCount": row.pending_count,
        "runningCount": row.running_count,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "launchType": frozen.get("launchType"),
        "capacityProviderStrategy": frozen.get("capacityProviderStrategy"),
        "networkConfiguration": frozen.get("networkConfiguration") or None,
        "loadBalancers": [],
        "serviceRegistries": [],
        "scale": {"value": row.scale, "unit": "PERCENT"},
        "stabilityStatus": row.stability,
        "stabilityStatusAt": row.stability_at,
        **tags_of(row, include),
    }


def _one(row: TaskSet) -> Document:
    return {"taskSet": shape(row, ["TAGS"])}


mechanical("ecs", "CreateTaskSet", _one)
mechanical("ecs", "UpdateTaskSet", _one)
mechanical("ecs", "UpdateServicePrimaryTaskSet", _one)
mechanical("ecs", "DeleteTaskSet", _one)


@answers("ecs", "DescribeTaskSets", "list_task_sets", "describe_task_set")
def describe_task_sets(
    caller: Caller, *, cluster: str, service: str, taskSets: Sequence[str] = (), include: Sequence[str] = ()
) -> dict[str, Any]:
    """Those named, or all of the service."""
    if not taskSets:
        rows = list(call("list_task_sets", caller, cluster=cluster, service=service))
        return {"taskSets": [shape(row, include) for row in rows], "failures": []}
    found, failures = [], []
    for one in dict.fromkeys(taskSets):
        try:
            found.append(call("describe_task_set", caller, cluster=cluster, service=service, task_set=one))
        except TaskSetNotFound:
            owner, name = cluster_of_service(service, cluster), service_name(service)
            failures.append(missing(arn_of(owner, name, one.rsplit("/", 1)[-1])))
    return {"taskSets": [shape(row, include) for row in found], "failures": failures}
