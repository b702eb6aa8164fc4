"""Task definitions: the families, a family's revisions, one revision, any two compared, and deregistering."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from base import here
from console.web import terms
from console.web.page import ListState, caller, may, page
from console.web.parts import Choice, May
from console.web.places import to_family
from services import definitions, queries, usage
from services.models import TaskDefinition
from services.taskdef.diff import diff
from services.taskdef.facts import facts

_MOST_CHOICES = 200  # revisions offered to compare with


@page
def families(request: HttpRequest) -> HttpResponse:
    me = caller(request)
    sorts = {"name": ["name"], "newest": ["-newest_at", "name"]}
    state = ListState.of(request, sorts, "name")
    newest = TaskDefinition.objects.filter(family=OuterRef("pk")).order_by("-revision")
    rows = queries.list_task_definition_families(me).annotate(
        by=Subquery(newest.values("registered_by")[:1]), revision=Subquery(newest.values("revision")[:1])
    )
    if state.q:
        rows = rows.filter(name__icontains=state.q)
    if state.state != "all":
        rows = rows.filter(active__gt=0)  # type: ignore[misc]  # annotated by the query
    found = state.page_of(rows)
    running = usage.totals(me, [row.pk for row in found])
    values = {
        "page": found,
        "rows": [{"family": row, "total": running.get(row.pk)} for row in found],
        "may_register": _may_register(request),
        "choices": [Choice("", _("Active")), Choice("all", _("All"))],
        "searching": bool(state.q),
    }
    return render(request, "web/definitions/families.html", values)


def _may_register(request: HttpRequest, family: str = "*") -> May:
    return may(request, "ecs:RegisterTaskDefinition", here.task_definition_arn(family, "*"))


@page
def family(request: HttpRequest, family: str) -> HttpResponse:
    me = caller(request)
    sorts = {"revision": ["revision"], "registered": ["registered_at", "revision"]}
    state = ListState.of(request, sorts, "-revision")
    rows = queries.list_task_definitions(me, family=family, status=None)
    newest = queries.describe_task_definition(me, task_definition=_newest(family))
    if state.state != "all":
        rows = rows.filter(status="ACTIVE" if state.state != "inactive" else "INACTIVE")
    if state.q:
        rows = rows.filter(Q(registered_by__icontains=state.q) | Q(document__icontains=state.q))
    found = state.page_of(rows)
    running = usage.uses(me, found)
    values = {
        "family": family,
        "page": found,
        "rows": [{"row": row, "uses": running.get(row.pk, [])} for row in found],
        "newest": newest,
        "new_url": f"{reverse('task-definition-new')}?from={newest}",
        "may_register": _may_register(request, family),
        "choices": [Choice("", _("Active")), Choice("inactive", _("Inactive")), Choice("all", _("All"))],
        "numbers": _numbers(request, family),
        "crumbs": to_family(family),
    }
    return render(request, "web/definitions/family.html", values)


def _newest(family: str) -> str:
    """`family:12`, whatever its status; the family alone where there is none, which then says so."""
    revision = (
        TaskDefinition.objects.filter(family__name=family)
        .order_by("-revision")
        .values_list("revision", flat=True)
        .first()
    )
    return f"{family}:{revision}" if revision is not None else family


def _numbers(request: HttpRequest, family: str) -> list[int]:
    rows = queries.list_task_definitions(caller(request), family=family, status=None)
    return list(rows.order_by("-revision").values_list("revision", flat=True)[:_MOST_CHOICES])


@page
def revision(request: HttpRequest, family: str, revision: int) -> HttpResponse:
    me = caller(request)
    found = queries.describe_task_definition(me, task_definition=f"{family}:{revision}")
    numbers = _numbers(request, family)
    earlier = next((number for number in numbers if number < revision), None)
    values = {
        "row": found,
        "family": family,
        "containers": [facts_of(container) for container in found.containers],
        "task": task_facts(found.document),
        "uses": usage.uses(me, [found]).get(found.pk, []),
        "targets": list(usage.services_of_family(me, found.family_id)[:50]),
        "numbers": [number for number in numbers if number != revision],
        "earlier": earlier,
        "duplicate": f"{reverse('task-definition-new')}?from={found}",
        "compare": f"{reverse('task-definition-compare')}?from={family}:{earlier}&to={found}",
        "json": json.dumps(found.document, indent=2, ensure_ascii=False),
        "may_register": _may_register(request, family),
        "may_create": may(request, "ecs:CreateService", here.service_arn("*", "*")),
        "may_deregister": _may_deregister(request, found),
        "crumbs": to_family(family, str(revision)),
    }
    return render(request, "web/definitions/revision.html", values)


def _may_deregister(request: HttpRequest, row: TaskDefinition) -> May:
    gone = "" if row.status == "ACTIVE" else _("It is INACTIVE already.")
    return may(request, "ecs:DeregisterTaskDefinition", row.arn, reason=gone)


def facts_of(container: dict[str, Any]) -> dict[str, Any]:
    """A container as people read it: each fact the difference of it to an empty one would tell."""
    document = {"containerDefinitions": [container]}
    told = [fact for fact in facts(document) if fact.term not in ("Container", "Image") and not fact.usual]
    environment = [fact for fact in told if fact.term == "env"]
    others = [fact for fact in told if fact.term != "env"]
    return {
        "name": container["name"],
        "image": container["image"],
        "essential": container.get("essential", True),
        "facts": [(f"{terms.term(fact.term)} {fact.item}".strip(), fact.text) for fact in others],
        "environment": [(fact.item, fact.text) for fact in environment],
    }


def task_facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    told = facts({**document, "containerDefinitions": []})
    return [
        (f"{terms.term(fact.term)} {fact.item}".strip(), fact.text) for fact in told if fact.term != "Family"
    ]


@page
def compare(request: HttpRequest) -> HttpResponse:
    """`?from=web:11&to=web:12`: any two, of one family or of two."""
    me = caller(request)
    left, right = request.GET.get("from", ""), request.GET.get("to", "")
    before = queries.describe_task_definition(me, task_definition=left) if left else None
    after = queries.describe_task_definition(me, task_definition=right) if right else None
    changes = terms.drawn(diff(before.document, after.document)) if before and after else []
    offered = queries.list_task_definitions(me, status=None).order_by("family__name", "-revision")
    names = list(offered.values_list("family__name", "revision")[:_MOST_CHOICES])
    values = {
        "before": before,
        "after": after,
        "changes": changes,
        "names": [f"{name}:{number}" for name, number in names],
        "sides": [_side(before), _side(after)] if before and after else [],
        "crumbs": to_family(after.family.name, _("Compare")) if after else to_family("", _("Compare")),
    }
    return render(request, "web/definitions/compare.html", values)


def _side(row: TaskDefinition) -> dict[str, Any]:
    return {"row": row, "json": json.dumps(row.document, indent=2, ensure_ascii=False)}


@page
@require_POST
def deregister(request: HttpRequest, family: str, revision: int) -> HttpResponse:
    name = f"{family}:{revision}"
    definitions.deregister_task_definition(caller(request), task_definition=name)
    messages.success(request, _("%(name)s is INACTIVE now.") % {"name": name})
    return redirect(reverse("task-definition", args=[family, revision]))
