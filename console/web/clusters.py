"""/clusters/, /clusters/<cluster>/ and what changes a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from django import forms
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base import here
from base.errors import AccessDenied, OperationError
from clusters.capacity import describe_capacity_providers
from clusters.models import Cluster, ContainerInstance
from clusters.network_operations import update_cluster_network
from clusters.operations import create_cluster, delete_cluster
from clusters.queries import describe_cluster, list_clusters, list_container_instances
from console.web import changes, daemon_rows, hosts, links, rule_rows, service_rows, task_rows
from console.web.cluster_settings import execute_command
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.overview import cluster_cards
from console.web.page import ListState, attempt, caller, may, page, wanted
from console.web.parts import Crumb, Tab
from services.models import ServiceEvent
from services.queries import list_services, list_tasks
from services.scheduler.model import AUTO_SCALING_GROUP

MOST_EVENTS = 100
TABS: Mapping[str, Callable[[HttpRequest, Cluster], dict[str, object]]]


@page
def clusters(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    state = ListState.of(request, {"name": ["name"]}, "name")
    found = list_clusters(me)
    shown = state.page_of(found.filter(name__icontains=state.q) if state.q else found)
    context = {
        "page": shown,
        "clusters": cluster_cards(me, list(shown)),
        "filtered": bool(state.q),
        "may_create": may(request, "ecs:CreateCluster", here.cluster_arn("*")),
    }
    return render(request, "web/clusters.html", context)


class ClusterForm(forms.Form):
    cluster_name = forms.CharField(
        label=gettext_lazy("Cluster name"),
        max_length=255,
        help_text=gettext_lazy("Letters, digits, hyphens and underscores. The name stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    tags = TagsField()


@page
def create(request: HttpRequest) -> HttpResponseBase:
    form = ClusterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cluster = create_cluster(caller(request), **form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"clusterName": "cluster_name", "tags": "tags"})
        else:
            return redirect("cluster", cluster.name)
    crumbs = [Crumb(_("Clusters"), links.to("clusters")), Crumb(_("Create a cluster"))]
    context = {
        "form": form,
        "crumbs": crumbs,
        "may_create": may(request, "ecs:CreateCluster", here.cluster_arn("*")),
        "cli": "aws ecs create-cluster --cluster-name production",
    }
    return render(request, "web/cluster_new.html", context, status=400 if form.errors else 200)


MOST_MEMBERS = 200


@page
def cluster(request: HttpRequest, cluster: str) -> HttpResponseBase:
    me = caller(request)
    found = describe_cluster(me, cluster=cluster)
    tab = request.GET.get("tab", "services")
    if tab not in TABS:
        tab = "services"
    [card] = cluster_cards(me, [found])
    context: dict[str, object] = {
        "cluster": found,
        "card": card,
        "tab": tab,
        "tabs": _tabs(found, card),
        "crumbs": [Crumb(_("Clusters"), links.to("clusters")), Crumb(found.name)],
        "topics": f"cluster:{found.name}",
        "tab_topics": f"cluster:{found.name} rules" if tab == "schedules" else f"cluster:{found.name}",
        "may_delete": may(request, "ecs:DeleteCluster", found.arn, reason=_held(found, card)),
        "may_register": may(request, "ecs:RegisterContainerInstance", found.arn),
        "summary": capacity(found, card),
        "gpus": lambda: hosts.gpus_of(list_container_instances(me, cluster=found.name)),
    }
    if wanted(request, "cluster-tab"):
        context |= TABS[tab](request, found)
    return render(request, "web/cluster.html", context)


@require_POST
@page
def delete(request: HttpRequest, cluster: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: delete_cluster(caller(request), cluster=cluster),
        _("Cluster %(name)s was deleted.") % {"name": cluster},
        done=links.to("clusters"),
        failed=links.cluster(cluster),
    )


@require_POST
@page
def set_network(request: HttpRequest, cluster: str) -> HttpResponseBase:
    back = f"{links.cluster(cluster)}?tab=configuration"
    driver = request.POST.get("driver", "")
    said = {
        "overlay": _("The engines are joining one network. New tasks use it as soon as their engine is in."),
        "bridge": _("New tasks use a network of their engine's own."),
    }.get(driver, "")
    return attempt(
        request,
        lambda: update_cluster_network(caller(request), cluster=cluster, driver=driver),
        said,
        done=back,
        failed=back,
    )


def _held(cluster: Cluster, card: Mapping[str, object]) -> str:
    """Why it cannot be deleted now; empty when it can."""
    if cluster.active_services:
        return _("The cluster still has services. Delete them first.")
    if cluster.running_tasks or cluster.pending_tasks:
        return _("Tasks are still running in the cluster. Stop them first.")
    if card["capacity"]:
        return _("The cluster still has instances. Deregister them first.")
    return ""


def _tabs(cluster: Cluster, card: Mapping[str, object]) -> list[Tab]:
    instances = card["capacity"]["instances"] if card["capacity"] else 0  # type: ignore[index]
    return [
        Tab("services", _("Services"), "?tab=services", cluster.active_services),
        Tab("tasks", _("Tasks"), "?tab=tasks", cluster.running_tasks + cluster.pending_tasks),
        Tab("daemons", _("Daemons"), "?tab=daemons"),
        Tab("schedules", _("Scheduled tasks"), "?tab=schedules"),
        Tab("instances", _("Instances"), "?tab=instances", instances),
        Tab("events", _("Events"), "?tab=events"),
        Tab("changes", _("Changes"), "?tab=changes"),
        Tab("configuration", _("Networks and capacity"), "?tab=configuration"),
    ]


def capacity(cluster: Cluster, card: Mapping[str, object]) -> dict[str, object]:
    """The sentence under the name."""
    found = card["capacity"] or {}
    return {"desired": card["desired"], "instances": found.get("instances", 0), "away": found.get("away", 0)}  # type: ignore[attr-defined]


# --- what each tab asks for ---------------------------------------------------------------------------


def _services(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    state = ListState.of(request, service_rows.SORTS, "name")
    visible = list_services(caller(request), cluster=cluster.name)
    shown = state.page_of(service_rows.searched(service_rows.prepared(visible), state.q, state.state))
    return {
        "page": shown,
        "rows": service_rows.rows(shown),
        "choices": service_rows.choices(visible),
        "filtered": bool(state.q or state.state),
    }


def _tasks(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    return task_rows.listed(request, list_tasks(caller(request), cluster=cluster.name, desired_status=None))


def _daemons(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    return daemon_rows.listed(request, cluster)


def _schedules(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    return rule_rows.listed(request, cluster)


def _instances(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    instances = list_container_instances(caller(request), cluster=cluster.name)
    return hosts.map_of(request, instances)


def _events(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    services = list_services(caller(request), cluster=cluster.name).order_by().values("pk")
    events = (
        ServiceEvent.objects.filter(service__in=services)
        .select_related("service")
        .order_by("-created_at", "-id")
    )
    return {
        "events": [(event, links.service(cluster.name, event.service.name)) for event in events[:MOST_EVENTS]]
    }


def _changes(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    me = caller(request)
    if not changes.may_look(me):
        return {"refused": may(request, "cloudtrail:LookupEvents", "*")}
    names = here.names()
    mine = Q()
    for kind in ("service", "task", "container-instance", "service-deployment", "service-revision", "daemon"):
        mine |= Q(resource__startswith=names.ecs(f"{kind}/{cluster.name}/"))
    rows = changes.recent(me).filter(mine | Q(resource=cluster.arn))
    return {"changes": changes.entries(rows[:MOST_EVENTS])}


def _members(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    """Who is in the overlay and who is not, those with a trouble first."""
    rows = list(
        list_container_instances(caller(request), cluster=cluster.name).order_by("name", "id")[:MOST_MEMBERS]
    )
    rows.sort(key=lambda row: row.connected and bool(row.overlay.get("in")))
    inside = sum(1 for row in rows if row.connected and row.overlay.get("in"))
    return {
        "rows": [(row, row.overlay, links.instance(cluster.name, row.pk)) for row in rows],
        "inside": inside,
        "total": len(rows),
        "whole": inside == len(rows),
    }


def _configuration(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    room = list_container_instances(caller(request), cluster=cluster.name).filter(
        status=ContainerInstance.Status.ACTIVE, connected=True
    )
    sums = room.order_by().aggregate(
        cpu=Sum("cpu"),
        cpu_reserved=Sum("cpu_reserved"),
        memory=Sum("memory"),
        memory_reserved=Sum("memory_reserved"),
    )
    return {
        "networks": cluster.networks.all(),
        "members": _members(request, cluster),
        "may_network": may(request, "slipway:UpdateClusterNetwork", cluster.arn),
        "providers": _providers(request, cluster),
        "sums": sums,
        "sum_gpus": hosts.gpus_of(room),
        "may_providers": may(request, "ecs:PutClusterCapacityProviders", cluster.arn),
        "may_configure": may(request, "ecs:UpdateCluster", cluster.arn),
        "exec": execute_command(cluster),
    }


def _providers(request: HttpRequest, cluster: Cluster) -> list[dict[str, object]]:
    """Those the cluster may use, with its share by default, their instances and tasks. Four queries."""
    rows = list(
        describe_capacity_providers(caller(request)).filter(
            Q(name__in=cluster.capacity_providers) | Q(built_in=True)
        )
    )
    running = dict(
        list_tasks(caller(request), cluster=cluster.name)
        .order_by()
        .values_list("capacity_provider")
        .annotate(count=Count("pk"))
    )
    attributes = list_container_instances(caller(request), cluster=cluster.name).values_list(
        "attributes", flat=True
    )
    groups = Counter(found.get(AUTO_SCALING_GROUP) for found in attributes)
    default = {item["capacityProvider"]: item for item in cluster.default_capacity_provider_strategy}
    return [
        {
            "row": row,
            "instances": sum(groups.values()) if row.built_in else groups[row.group],
            "tasks": running.get(row.name, 0),
            "share": default.get(row.name),
        }
        for row in rows
    ]


TABS = {
    "services": _services,
    "tasks": _tasks,
    "daemons": _daemons,
    "schedules": _schedules,
    "instances": _instances,
    "events": _events,
    "changes": _changes,
    "configuration": _configuration,
}
