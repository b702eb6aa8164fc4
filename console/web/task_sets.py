"""Task sets on the page of a service with the deployment controller EXTERNAL: what is shown, and what a person does."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base.errors import invalid
from console.web.page import caller, may, page
from console.web.parts import May
from console.web.service_words import Badge
from services.models import Service, TaskSet
from services.task_sets import operations, queries

NO_DEPLOYMENTS = gettext_lazy("It has task sets instead of deployments: whoever deploys it decides.")
_TONES = {"PRIMARY": "ok", "ACTIVE": "new", "DRAINING": "old"}


@dataclass(frozen=True, slots=True)
class Row:
    """One task set. Buttons say why where they cannot be pressed."""

    row: TaskSet
    badge: Badge
    stability: Badge
    may_scale: May
    may_promote: May
    may_delete: May

    @property
    def number(self) -> str:
        return str(self.row.pk)

    @property
    def percent(self) -> str:
        return f"{self.row.scale:g}"


def rows(request: HttpRequest, service: Service) -> list[Row]:
    """Those the person may see. A constant number of queries."""
    found = queries.list_task_sets(caller(request), service=service.name, cluster=service.cluster.name)
    return [_row(request, service, one) for one in found]


def _row(request: HttpRequest, service: Service, one: TaskSet) -> Row:
    status = one.shown_status
    going = "" if status != "DRAINING" else _("The task set is being deleted.")
    primary = _("It is the primary task set already.") if status == "PRIMARY" else going
    owners = [service.arn]
    steady = one.stability == TaskSet.Stability.STEADY_STATE
    return Row(
        row=one,
        badge=Badge(status, _LABELS[status], _TONES[status], live=status == "DRAINING"),  # type: ignore[arg-type]
        stability=Badge("STEADY", _("Steady")) if steady else Badge("STARTING", _("Stabilizing"), live=True),
        may_scale=may(request, "ecs:UpdateTaskSet", one.arn, owners, going),
        may_promote=may(request, "ecs:UpdateServicePrimaryTaskSet", service.arn, reason=primary),
        may_delete=may(request, "ecs:DeleteTaskSet", one.arn, owners, going),
    )


_LABELS = {
    "PRIMARY": gettext_lazy("primary"),
    "ACTIVE": gettext_lazy("active"),
    "DRAINING": gettext_lazy("being deleted"),
}


@page
@require_POST
def scale(request: HttpRequest, cluster: str, service: str, task_set: str) -> HttpResponse:
    given = request.POST.get("percent", "").strip().replace(",", ".")
    try:
        percent = float(given)
    except ValueError:
        raise invalid("percent", _("a number from 0 to 100")) from None
    row = operations.update_task_set(
        caller(request), service=service, cluster=cluster, task_set=task_set, scale={"value": percent}
    )
    text = _("The task set scales to %(percent)s %%: tasks wanted: %(count)d.")
    messages.success(request, text % {"percent": f"{row.scale:g}", "count": row.desired_count})
    return redirect("service", cluster, service)


@page
@require_POST
def promote(request: HttpRequest, cluster: str, service: str, task_set: str) -> HttpResponse:
    row = operations.update_service_primary_task_set(
        caller(request), service=service, cluster=cluster, primary_task_set=task_set
    )
    messages.success(request, _("%(name)s is the primary task set now.") % {"name": row.id})
    return redirect("service", cluster, service)


@page
@require_POST
def delete(request: HttpRequest, cluster: str, service: str, task_set: str) -> HttpResponse:
    """With force: the dialog said what stops."""
    row = operations.delete_task_set(
        caller(request), service=service, cluster=cluster, task_set=task_set, force=True
    )
    messages.success(request, _("%(name)s is being deleted. Its tasks stop now.") % {"name": row.id})
    return redirect("service", cluster, service)
