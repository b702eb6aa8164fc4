"""The forms that make a scheduled task, change when it runs, and change or add what it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from access.identities.principals import pass_role_need
from access.identities.roles import list_roles
from access.identities.trust import trusts_service
from base import clock, ids
from base.errors import AccessDenied, NotFound, OperationError
from clusters.queries import DEFAULT_CLUSTER, list_clusters
from console.web import links
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.parts import Crumb
from console.web.rule_form import RuleForm, ScheduleForm, TargetForm
from console.web.rule_rows import may_create
from console.web.rules import SHOWN_TIMES
from console.web.schedule_words import in_words
from console.web.service_words import short_image
from services import queries
from services.models import Rule
from services.schedules.expression import ExpressionError, next_times, parse
from services.schedules.models import rule_arn
from services.schedules.operations import describe_rule, list_targets_by_rule, put_rule, put_targets
from services.schedules.targets import EVENTS

_MOST_OFFERED = 200
_FIRST_TARGET = "task"
_EXAMPLES = (
    "rate(5 minutes)",
    "rate(1 hour)",
    "cron(0 3 * * ? *)",
    "cron(0 10 ? * MON-FRI *)",
    "cron(0/15 8-17 ? * MON-FRI *)",
    "cron(0 0 1 * ? *)",
)


@page
def create(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    form = RuleForm(request.POST or None, initial=_asked_for(request))
    offered = _offer(request, form)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if me.may("events:PutRule", rule_arn(given["name"])).allowed and _taken(given["name"]):
            form.add_error("name", _("There is a scheduled task of this name already."))
        elif _done(form, lambda: _create(request, given), {"name": "name", "tags": "tags"}):
            messages.success(request, _("The scheduled task %(name)s was created.") % {"name": given["name"]})
            return redirect("rule", given["name"])
    context = {
        **offered,
        **preview(str(form["expression"].value() or "")),
        "form": form,
        "may_save": may_create(request),
        "crumbs": [Crumb(_("Scheduled tasks"), links.to("rules")), Crumb(_("Create"))],
        "back": links.to("rules"),
    }
    return render(request, "web/rule_new.html", context, status=400 if form.errors else 200)


def _asked_for(request: HttpRequest) -> dict[str, str]:
    asked = {name: request.GET.get(name, "") for name in ("cluster", "task_definition", "expression")}
    return {name: value for name, value in asked.items() if value}


def _taken(name: str) -> bool:
    return Rule.objects.filter(name=name).exists()


def _create(request: HttpRequest, given: dict[str, Any]) -> None:
    """Tags are always given, so that PutRule refuses a name that somebody took meanwhile instead of changing it."""
    put_rule(
        caller(request),
        name=given["name"],
        tags=given["tags"],
        targets=[TargetForm.target_document(given, _FIRST_TARGET)],
        **ScheduleForm.rule_parameters(given),
    )


@page
def edit(request: HttpRequest, name: str) -> HttpResponseBase:
    """When it runs, and what it is for."""
    row = describe_rule(caller(request), name=name)
    asked = {"expression": request.GET["expression"]} if "expression" in request.GET else {}
    form = ScheduleForm(request.POST or None, initial=ScheduleForm.schedule_of(row) | asked)
    if (
        request.method == "POST"
        and form.is_valid()
        and _done(
            form,
            lambda: put_rule(
                caller(request), name=row.name, **ScheduleForm.rule_parameters(form.cleaned_data)
            ),
        )
    ):
        messages.success(request, _("The schedule is saved."))
        return redirect("rule", row.name)
    context = {
        **preview(str(form["expression"].value() or ""), row),
        "form": form,
        "rule": row,
        "examples": _examples(),
        "may_save": may(request, "events:PutRule", row.arn),
        "crumbs": _crumbs(row, _("Schedule")),
        "back": links.rule(row.name),
    }
    return render(request, "web/rule_edit.html", context, status=400 if form.errors else 200)


@page
def target(request: HttpRequest, name: str) -> HttpResponseBase:
    """What it runs: `?id=` changes that target, without it another is added."""
    me = caller(request)
    row = describe_rule(me, name=name)
    present = None
    if "id" in request.GET:
        present = list_targets_by_rule(me, rule=name).filter(target_id=request.GET["id"]).first()
        if present is None:
            raise NotFound(f"Rule {name} has no target {request.GET['id']}.")
    initial = TargetForm.target_initial(present) if present is not None else _asked_for(request)
    form = TargetForm(request.POST or None, initial=initial)
    offered = _offer(request, form)
    target_id = present.target_id if present is not None else f"{_FIRST_TARGET}-{ids.hex_id(8)}"
    before = present.document if present is not None else None

    def put() -> None:
        document = TargetForm.target_document(form.cleaned_data, target_id, before)
        put_targets(me, rule=row.name, targets=[document])

    if request.method == "POST" and form.is_valid() and _done(form, put):
        messages.success(request, _("The target is saved. It counts from the next time on."))
        return redirect("rule", row.name)
    context = {
        **offered,
        "form": form,
        "rule": row,
        "target": present,
        "may_save": may(request, "events:PutTargets", row.arn),
        "crumbs": _crumbs(row, _("Target")),
        "back": links.rule(row.name),
    }
    return render(request, "web/rule_target.html", context, status=400 if form.errors else 200)


def _crumbs(row: Rule, last: str) -> list[Crumb]:
    return [
        Crumb(_("Scheduled tasks"), links.to("rules")),
        Crumb(row.name, links.rule(row.name)),
        Crumb(last),
    ]


def _done(form: forms.Form, work: Callable[[], object], names: dict[str, str] | None = None) -> bool:
    """Whether it is done; a refusal stands on the form then."""
    try:
        work()
    except AccessDenied:
        raise
    except OperationError as error:
        paths = {**(names or {}), **ScheduleForm.SCHEDULE_PATHS, **TargetForm.target_paths()}
        mark(form, error, {path: field for path, field in paths.items() if field in form.fields})
        return False
    return True


# ---- what the forms offer ----------------------------------------------------------------------


def _offer(request: HttpRequest, form: forms.Form) -> dict[str, Any]:
    """What may be chosen of clusters, task definitions and roles, as far as the person may list them."""
    me = caller(request)
    clusters = list(list_clusters(me).values_list("name", flat=True)[:_MOST_OFFERED])
    form.fields["cluster"].choices = [(name, name) for name in clusters]  # type: ignore[attr-defined]
    if DEFAULT_CLUSTER in clusters:
        form.initial.setdefault("cluster", DEFAULT_CLUSTER)
    roles = _roles(request)
    if len(roles) == 1:
        form.initial.setdefault("role", roles[0])
    rows = queries.list_task_definitions(me).order_by("-registered_at")[:_MOST_OFFERED]
    definitions = [(str(row), ", ".join(short_image(c["image"]) for c in row.containers[:2])) for row in rows]
    return {
        "definitions": definitions,
        "roles": roles,
        "no_role": not roles and me.may("iam:ListRoles", "*").allowed,
        "examples": _examples(),
    }


def _roles(request: HttpRequest) -> list[str]:
    """Names of those that EventBridge may assume and this person may hand to it."""
    me = caller(request)
    if not me.may("iam:ListRoles", "*").allowed:
        return []
    trusting = [role for role in list_roles(me)[:_MOST_OFFERED] if trusts_service(role, EVENTS)]
    return [role.name for role in trusting if pass_role_need(role.arn, EVENTS).asked_of(me).allowed]


def _examples() -> list[tuple[str, str]]:
    return [(one, in_words(one)) for one in _EXAMPLES]


# ---- the preview -------------------------------------------------------------------------------


def preview(expression: str, row: Rule | None = None) -> dict[str, Any]:
    """Words, next times or what is wrong; while one types, the address has the expression (`data-choose`). An
    expression that stays counts from where it did."""
    if not expression.strip():
        return {"expression": ""}
    try:
        schedule = parse(expression)
    except ExpressionError as error:
        return {"expression": expression, "mistake": str(error)}
    now = clock.now()
    kept = row is not None and row.expression == expression.strip()
    since = row.since if row is not None and kept else now
    times = next_times(schedule, now, since=since, count=SHOWN_TIMES)
    return {
        "expression": expression,
        "words": in_words(expression),
        "times": times,
        "mistake": "" if times else _("It never fires."),
    }
