"""/search/?q=: what the command palette jumps to. A bounded number of bounded queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from access.identities.roles import list_roles
from access.queries import list_groups, list_policies, list_users
from access.registry import Caller
from clusters.queries import list_clusters, list_container_instances
from console.web import links
from console.web.page import caller, page
from console.web.parts import Hit
from services.queries import list_services, list_task_definition_families, list_task_definitions, list_tasks
from services.schedules.operations import list_rules

MOST = 6


@page
def search(request: HttpRequest) -> HttpResponseBase:
    q = request.GET.get("q", "").strip()[:200]
    results = [hit.as_json() for hit in hits(caller(request), q) if hit.url] if q else []
    return JsonResponse({"results": results}, headers={"Cache-Control": "no-store"})


def hits(me: Caller, q: str) -> Iterator[Hit]:
    """Kind by kind, each only if the reader may list it. `q` may be an ARN: its last part is searched for."""
    if q.startswith("arn:"):
        q = q.rsplit("/", 1)[-1]
    if me.may("ecs:ListServices", "*").allowed:
        yield from _services(me, q)
    if me.may("ecs:ListClusters", "*").allowed:
        for cluster in list_clusters(me).filter(name__icontains=q)[:MOST]:
            yield Hit(_("Clusters"), cluster.name, links.cluster(cluster.name), "hexagons")
    if me.may("ecs:ListTaskDefinitionFamilies", "*").allowed:
        yield from _definitions(me, q)
    if me.may("ecs:ListTasks", "*").allowed:
        yield from _tasks(me, q)
    if me.may("ecs:ListContainerInstances", "*").allowed:
        found = list_container_instances(me).filter(Q(name__icontains=q) | Q(pk__startswith=q.lower()))
        for instance in found[:MOST]:
            url = links.instance(instance.cluster.name, instance.pk)
            yield Hit(_("Instances"), str(instance), url, "server", instance.cluster.name)
    if me.may("events:ListRules", "*").allowed:
        for rule in list_rules(me).prefetch_related(None).filter(name__icontains=q)[:MOST]:
            yield Hit(
                _("Scheduled tasks"), rule.name, links.rule(rule.name), "calendar-time", rule.expression
            )
    yield from _identities(me, q)


def _identities(me: Caller, q: str) -> Iterator[Hit]:
    """Users, groups, roles and policies: four queries at most."""
    if me.may("iam:ListUsers", "*").allowed:
        for name in list_users(me).filter(username__icontains=q).values_list("username", flat=True)[:MOST]:
            yield Hit(_("Users"), name, links.to("user", name), "users")
    for kind, action, rows, page_name, icon in (
        (_("Groups"), "iam:ListGroups", list_groups, "group", "users-group"),
        (_("Roles"), "iam:ListRoles", list_roles, "role", "key"),
        (_("Policies"), "iam:ListPolicies", list_policies, "policy", "shield-check"),
    ):
        if me.may(action, "*").allowed:
            found: QuerySet[Any] = rows(me)  # type: ignore[operator]
            for name in found.filter(name__icontains=q).values_list("name", flat=True)[:MOST]:
                yield Hit(kind, name, links.to(page_name, name), icon)


def _services(me: Caller, q: str) -> Iterator[Hit]:
    for service in list_services(me).filter(name__icontains=q).order_by("name", "cluster__name")[:MOST]:
        url = links.service(service.cluster.name, service.name)
        yield Hit(_("Services"), service.name, url, "stack-2", service.cluster.name)


def _definitions(me: Caller, q: str) -> Iterator[Hit]:
    name, colon, number = q.partition(":")
    if colon and number.isdigit():
        found = list_task_definitions(me, family=name, status=None).filter(revision=int(number))
        for definition in found.defer("document")[:MOST]:
            url = links.revision(definition.family.name, definition.revision)
            yield Hit(_("Task definitions"), str(definition), url, "versions", definition.status)
        return
    for family in list_task_definition_families(me).filter(name__icontains=q)[:MOST]:
        yield Hit(
            _("Task definitions"),
            family.name,
            links.family(family.name),
            "versions",
            f"{family.name}:{family.newest}",
        )


def _tasks(me: Caller, q: str) -> Iterator[Hit]:
    """By the beginning of an id, at least four of its characters, so that words do not find tasks."""
    if len(q) < 4 or not set(q.lower()) <= set("0123456789abcdef"):
        return
    found = list_tasks(me, desired_status=None).filter(pk__startswith=q.lower()).prefetch_related(None)
    for task in found.defer("task_definition__document")[:MOST]:
        owner = task.service.name if task.service is not None else str(task.task_definition)
        yield Hit(
            _("Tasks"), task.pk, links.task(task.cluster.name, task.pk), "box", f"{owner} · {task.status}"
        )
