"""/: what runs, is it well, what changed, who changed it."""

from __future__ import annotations

from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from access.registry import Caller
from clusters.models import Cluster
from clusters.queries import list_clusters, list_container_instances
from console.web import changes, links, sample, service_rows
from console.web.page import caller, page, wanted
from console.web.service_words import person
from services.models import Deployment
from services.queries import list_services
from services.seen import count_what_is_seen

MOST_CLUSTERS = 24
MOST_SERVICES = 8
MOST_DEPLOYMENTS = 8
MOST_CHANGES = 12


@page
def overview(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    context: dict[str, object] = {}
    if wanted(request, "overview-clusters", "overview-head"):
        clusters = list(list_clusters(me)[:MOST_CLUSTERS])
        context |= {"clusters": cluster_cards(me, clusters), "totals": totals(clusters)}
    if wanted(request, "overview-services", "overview-head"):
        services = service_rows.prepared(list_services(me))
        unwell = services.filter(service_rows.NOT_WELL).order_by("rank", "name")[:MOST_SERVICES]
        deploying = services.filter(service_rows.DEPLOYING).order_by("-deployment__created_at")[
            :MOST_DEPLOYMENTS
        ]
        context |= {
            "unwell": service_rows.rows(unwell),
            "deploying": [(row, row.service.deployment) for row in service_rows.rows(deploying)],
            "any_service": service_rows.choices(list_services(me))[0].count,
            "may_deploy_sample": sample.permitted(request),
            "away": list(list_container_instances(me).filter(connected=False)[:MOST_SERVICES]),
        }
    if wanted(request, "overview-changes"):
        context |= last_changes(me)
    return render(request, "web/overview.html", context)


def cluster_cards(me: Caller, clusters: list[Cluster]) -> list[dict[str, object]]:
    """Each cluster with its desired, running and pending tasks and its capacity, as far as the caller sees them. Two
    queries more; up to five for who sees a part."""
    count_what_is_seen(me, clusters)
    desired = dict(
        list_services(me)
        .filter(cluster__in=clusters)
        .order_by()
        .values_list("cluster")
        .annotate(Sum("desired_count"))
    )
    capacity = {
        row["cluster"]: row
        for row in list_container_instances(me)
        .filter(cluster__in=clusters)
        .order_by()
        .values("cluster")
        .annotate(
            total_cpu=Sum("cpu"),
            used_cpu=Sum("cpu_reserved"),
            total_memory=Sum("memory"),
            used_memory=Sum("memory_reserved"),
            instances=Count("pk"),
            away=Count("pk", filter=Q(connected=False)),
        )
    }
    return [
        {
            "cluster": cluster,
            "url": links.cluster(cluster.name),
            "desired": desired.get(cluster.pk, 0),
            "capacity": capacity.get(cluster.pk),
        }
        for cluster in clusters
    ]


def totals(clusters: list[Cluster]) -> dict[str, int]:
    return {
        "running": sum(cluster.running_tasks for cluster in clusters),
        "pending": sum(cluster.pending_tasks for cluster in clusters),
        "services": sum(cluster.active_services for cluster in clusters),
    }


def last_changes(me: Caller) -> dict[str, object]:
    """From the audit trail; for those who may not read it, the last deployments of what they may see."""
    if changes.may_look(me):
        return {"changes": changes.entries(changes.recent(me)[:MOST_CHANGES])}
    found = (
        Deployment.objects.filter(service__in=list_services(me).order_by().values("pk"))
        .select_related("service__cluster", "target__task_definition__family")
        .order_by("-created_at")[:MOST_CHANGES]
    )
    return {
        "deployments": [
            (
                deployment,
                links.service(deployment.service.cluster.name, deployment.service.name),
                person(deployment.created_by),
            )
            for deployment in found
        ]
    }
