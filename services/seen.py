"""The numbers that clusters show, as far as their reader may see what is counted.

A cluster's columns count everything in it. Who may see only some of its services (held to one, or to a tag) would learn
from them how much is hidden; for them the database counts what they see.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db.models import Count, Q, QuerySet

from access.authorization.visibility import visible
from access.registry import Caller
from clusters.models import Cluster, ContainerInstance
from services.condition_keys import SERVICE_KEYS, TASK_KEYS
from services.models import Service, Task

_PENDING = Q(status__in=("PROVISIONING", "PENDING", "ACTIVATING"))


def services_seen(caller: Caller, services: QuerySet[Service]) -> QuerySet[Service]:
    """Those of `services` this caller may describe: the same queryset where these are all."""
    return visible(services, caller, "ecs:DescribeServices", row_keys=SERVICE_KEYS)


def tasks_seen(caller: Caller, tasks: QuerySet[Task]) -> QuerySet[Task]:
    """The same of tasks."""
    return visible(tasks, caller, "ecs:DescribeTasks", owner_fields=["service__arn"], row_keys=TASK_KEYS)


def count_what_is_seen(caller: Caller, clusters: Sequence[Cluster]) -> None:
    """Put the numbers this caller may know into rows about to be shown (they are not to be saved). No query for who
    sees everything, at most three for others."""
    services, tasks, instances = _counted()
    some = services_seen(caller, services)
    if some is not services:
        _put(clusters, some, active_services=Count("pk"))
    few = tasks_seen(caller, tasks)
    if few is not tasks:
        running = Count("pk", filter=Q(status="RUNNING"))
        _put(clusters, few, running_tasks=running, pending_tasks=Count("pk", filter=_PENDING))
    keys = {"ecs:cluster": "cluster__arn"}
    one = visible(instances, caller, "ecs:DescribeContainerInstances", row_keys=keys)
    if one is not instances:
        _put(clusters, one, registered_instances=Count("pk"))


@cache
def _counted() -> tuple[QuerySet[Service], QuerySet[Task], QuerySet[ContainerInstance]]:
    """What the columns of clusters count: built once, since every answer about a cluster asks who sees all of it."""
    return (
        Service.objects.exclude(status=Service.Status.INACTIVE).order_by(),
        Task.objects.exclude(status="STOPPED").order_by(),
        ContainerInstance.objects.exclude(status="INACTIVE").order_by(),
    )


def _put(clusters: Sequence[Cluster], seen: QuerySet[Any], **counted: Count) -> None:
    rows = seen.filter(cluster__in=[row.pk for row in clusters]).values("cluster").annotate(**counted)
    found = {row["cluster"]: row for row in rows}
    for cluster in clusters:
        for name in counted:
            setattr(cluster, name, found[cluster.pk][name] if cluster.pk in found else 0)
