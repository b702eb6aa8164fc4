"""Clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count

from access.caller import Caller
from access.registry import call
from base import here
from base.prepared import Given, Prepared
from clusters.account_settings import VALUES
from clusters.configuration import INSIGHTS
from clusters.models import Cluster, ContainerInstance
from clusters.queries import DEFAULT_CLUSTER, cluster_name
from console.aws.ecs.common import Document, each, tags_of
from console.aws.handlers import answers, listing, mechanical
from services.models import Service, Task
from services.seen import count_what_is_seen, services_seen, tasks_seen

_REGISTERED: Prepared[int] = Prepared(
    lambda: (
        ContainerInstance.objects.filter(
            cluster=Given("cluster"),
            status__in=[ContainerInstance.Status.ACTIVE, ContainerInstance.Status.DRAINING],
        )
        .order_by()
        .values("cluster")
        .annotate(count=Count("pk"))
        .values_list("count", flat=True)
    )
)


def shapes(
    rows: Sequence[Cluster], include: Iterable[str] = (), caller: Caller | None = None
) -> list[Document]:
    return [_shape(row, _registered(row), include, caller) for row in rows]


def _registered(row: Cluster) -> int:
    # Who sees a part of the instances was told how many these are: services.seen.
    told: int | None = getattr(row, "registered_instances", None)
    return told if told is not None else (_REGISTERED.first(cluster=row.pk) or 0)


def shape(row: Cluster) -> Document:
    return shapes([row], ["TAGS", "SETTINGS", "CONFIGURATIONS"])[0]


def _shape(row: Cluster, registered: int, include: Iterable[str], caller: Caller | None) -> Document:
    found: Document = {
        "clusterArn": row.arn,
        "clusterName": row.name,
        "status": row.status,
        "registeredContainerInstancesCount": registered,
        "runningTasksCount": row.running_tasks,
        "pendingTasksCount": row.pending_tasks,
        "activeServicesCount": row.active_services,
        "capacityProviders": row.capacity_providers,
        "defaultCapacityProviderStrategy": row.default_capacity_provider_strategy,
        **tags_of(row, include),
    }
    if "SETTINGS" in include:
        found["settings"] = [{"name": INSIGHTS, "value": VALUES[INSIGHTS]}]
    if "CONFIGURATIONS" in include and row.configuration:
        found["configuration"] = row.configuration
    if "STATISTICS" in include and caller is not None:
        found["statistics"] = [
            {"name": name, "value": str(value)} for name, value in _statistics(row, caller).items()
        ]
    return found


def _statistics(row: Cluster, caller: Caller) -> dict[str, int]:
    """As AWS names them: tasks and services by launch type."""
    tasks = Counter(
        (launch, "running" if status == "RUNNING" else "pending")
        for launch, status in tasks_seen(caller, Task.objects.filter(cluster=row))
        .exclude(status="STOPPED")
        .values_list("launch_type", "status")
    )
    services = Counter(
        (_launch(*launches), status)
        for status, *launches in services_seen(caller, Service.objects.filter(cluster=row))
        .exclude(status=Service.Status.INACTIVE)
        .values_list(
            "status",
            "deployment__target__configuration__launchType",
            "completed_revision__configuration__launchType",
        )
    )
    found = {}
    for launch, word in (("EC2", "EC2"), ("FARGATE", "Fargate")):
        found[f"running{word}TasksCount"] = tasks[launch, "running"]
        found[f"pending{word}TasksCount"] = tasks[launch, "pending"]
        found[f"active{word}ServiceCount"] = services[launch, "ACTIVE"]
        found[f"draining{word}ServiceCount"] = services[launch, "DRAINING"]
    return found


def _launch(*known: str | None) -> str:
    return next((one for one in known if one), "EC2")


def _one(row: Cluster) -> Document:
    return {"cluster": shape(row)}


mechanical("ecs", "CreateCluster", _one)
mechanical("ecs", "DeleteCluster", _one)
mechanical("ecs", "UpdateCluster", _one)
mechanical("ecs", "UpdateClusterSettings", _one)
listing("ecs", "ListClusters", "clusterArns", order=["name"], item="arn")


@answers("ecs", "DescribeClusters", "describe_cluster")
def describe_clusters(
    caller: Caller, *, clusters: Sequence[str] = (), include: Sequence[str] = ()
) -> dict[str, Any]:
    found, failures = each(
        clusters or [DEFAULT_CLUSTER],
        lambda name: call("describe_cluster", caller, cluster=name),
        lambda name: here.cluster_arn(cluster_name(name)),
        member="clusters",
        most=100,
    )
    count_what_is_seen(caller, found)
    return {"clusters": shapes(found, include, caller), "failures": failures}
