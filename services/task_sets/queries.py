"""Reads of task sets."""

from __future__ import annotations

from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, operation
from clusters.queries import DEFAULT_CLUSTER
from services.lookup import find_service
from services.task_sets.lookup import (
    check_external,
    find_task_set,
    shown,
    task_set_arn_of,
    task_set_owners,
)
from services.task_sets.models import TaskSet

_KEYS = {"ecs:cluster": "service__cluster__arn", "ecs:service": "service__arn"}


@operation("ecs:DescribeTaskSets", resource=task_set_arn_of, owners=task_set_owners, writes=False)
def list_task_sets(caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER) -> QuerySet[TaskSet]:
    """The task sets of a service, oldest first."""
    owner = find_service(service, cluster)
    check_external(owner)
    rows = shown(owner.task_sets.all())
    return visible(rows, caller, "ecs:DescribeTaskSets", owner_fields=["service__arn"], row_keys=_KEYS)


@operation("ecs:DescribeTaskSets", resource=task_set_arn_of, owners=task_set_owners, writes=False)
def describe_task_set(
    caller: Caller, *, service: str, task_set: str, cluster: str = DEFAULT_CLUSTER
) -> TaskSet:
    """One task set of a service, by id or ARN."""
    owner = find_service(service, cluster)
    check_external(owner)
    return find_task_set(owner, task_set)
