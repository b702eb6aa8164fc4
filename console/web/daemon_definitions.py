"""Daemon task definitions: their revisions, one of them, registering by JSON and deleting."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from access.authorization.visibility import visible
from base import here
from base.errors import AccessDenied, OperationError
from console.web import links
from console.web.definitions import facts_of, task_facts
from console.web.page import ListState, attempt, caller, may, page
from console.web.parts import Choice, Crumb, May
from console.web.register import json_object
from services.daemons.document import described
from services.daemons.lookup import daemons
from services.daemons.task_definitions import (
    delete_daemon_task_definition,
    describe_daemon_task_definition,
    list_daemon_task_definitions,
    register_daemon_task_definition,
)
from services.models import Service, TaskDefinition

_SORTS = {"name": ["family__name", "-revision"], "registered": ["registered_at", "pk"]}
_NEW = {
    "family": "agent",
    "containerDefinitions": [{"name": "agent", "image": "", "memory": 128, "essential": True}],
}


@page
def revisions(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, _SORTS, "name")
    status = "DELETE_IN_PROGRESS" if state.state == "deleting" else "ACTIVE"
    found = list_daemon_task_definitions(caller(request), status=status)
    shown = state.page_of(found.filter(family__name__icontains=state.q) if state.q else found)
    context = {
        "page": shown,
        "rows": [(row, links.daemon_definition(row)) for row in shown],
        "choices": [Choice("", _("Active")), Choice("deleting", _("Being deleted"))],
        "filtered": bool(state.q or state.state),
        "may_register": _may_register(request),
    }
    return render(request, "web/daemon/definitions.html", context)


def _may_register(request: HttpRequest, family: str = "*") -> May:
    return may(request, "ecs:RegisterDaemonTaskDefinition", here.daemon_task_definition_arn(family, "*"))


def _crumbs(*last: str) -> list[Crumb]:
    first = Crumb(_("Daemon task definitions"), links.to("daemon-task-definitions"))
    return [first, *(Crumb(one) for one in last)]


@page
def revision(request: HttpRequest, family: str, revision: int) -> HttpResponseBase:
    me = caller(request)
    row = describe_daemon_task_definition(me, daemon_task_definition=f"{family}:{revision}")
    gone = "" if row.status == "ACTIVE" else _("It is being deleted already.")
    context = {
        "row": row,
        "family": family,
        "containers": [facts_of(container) for container in row.containers],
        "task": task_facts(row.document),
        "json": _written(described(row.document)),
        "daemons": _daemons(request, row),
        "duplicate": f"{links.to('daemon-task-definition-new')}?from={row}",
        "may_register": _may_register(request, family),
        "may_delete": may(request, "ecs:DeleteDaemonTaskDefinition", row.arn, reason=gone),
        "cli": shlex.join(
            ["aws", "ecs", "describe-daemon-task-definition", "--daemon-task-definition", row.arn]
        ),
        "crumbs": _crumbs(str(row)),
    }
    return render(request, "web/daemon/definition.html", context)


def _daemons(request: HttpRequest, row: TaskDefinition) -> list[tuple[Service, str]]:
    """Those that have it now and that the person may see."""
    found = daemons().filter(completed_revision__task_definition=row).select_related("cluster")
    shown = visible(
        found.order_by("cluster__name", "name"),
        caller(request),
        "ecs:DescribeDaemon",
        row_keys={"ecs:cluster": "cluster__arn"},
    )
    return [(one, links.daemon(one.cluster.name, one.name)) for one in shown]


def _written(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


class RegisterForm(forms.Form):
    document = forms.CharField(
        label=gettext_lazy("Daemon task definition as JSON"),
        help_text=gettext_lazy("As RegisterDaemonTaskDefinition takes it."),
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "mono code"}),
    )

    def clean_document(self) -> Any:
        found, unread = json_object(self.cleaned_data["document"])
        if found is None:
            raise forms.ValidationError(unread)
        return found


@page
def register(request: HttpRequest) -> HttpResponseBase:
    me, origin = caller(request), request.GET.get("from", "")
    begin: Any = _NEW
    if origin:
        begin = described(
            describe_daemon_task_definition(me, daemon_task_definition=origin).document,
        )
    form = RegisterForm(request.POST or None, initial={"document": _written(begin)})
    if request.method == "POST" and form.is_valid():
        try:
            row = register_daemon_task_definition(me, document=form.cleaned_data["document"])
        except AccessDenied:
            raise
        except OperationError as error:
            for path, reason in error.fields.items() or [("", str(error))]:
                form.add_error("document", f"{path}: {reason}" if path else reason)
        else:
            messages.success(request, _("%(name)s is registered.") % {"name": row})
            return redirect(links.daemon_definition(row))
    context = {
        "form": form,
        "origin": origin,
        "may_register": _may_register(request),
        "crumbs": _crumbs(_("Register")),
        "back": links.to("daemon-task-definitions"),
        "cli": "aws ecs register-daemon-task-definition --cli-input-json file://daemon-task-definition.json",
    }
    return render(request, "web/daemon/register.html", context, status=400 if form.errors else 200)


@require_POST
@page
def delete(request: HttpRequest, family: str, revision: int) -> HttpResponseBase:
    name = f"{family}:{revision}"
    return attempt(
        request,
        lambda: delete_daemon_task_definition(caller(request), daemon_task_definition=name),
        _("%(name)s is deleted. Daemons that have it keep it.") % {"name": name},
        done=links.to("daemon-task-definitions"),
        failed=links.to("daemon-task-definition", family, revision),
    )
