"""The form that deploys a revision to a service, with what it would change beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base.errors import AccessDenied, OperationError
from console.web.capacity_form import ServiceCapacityForm
from console.web.commands import command
from console.web.deployment_form import DeploymentForm
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.managed_tags_form import ManagedTagsForm
from console.web.page import caller, may, page
from console.web.pause_form import PauseForm
from console.web.placement_form import ServicePlacementForm
from console.web.places import to_service
from console.web.service_words import short_image
from console.web.terminal_form import TerminalForm
from console.web.terms import drawn
from services import queries, revisions, strategy, updating
from services.lookup import split_definition
from services.models import Service, ServiceRevision, TaskDefinition
from services.taskdef.diff import diff

_MOST_REVISIONS = 60  # offered; older ones by `?task_definition=`


class DeployForm(
    ServiceCapacityForm, DeploymentForm, PauseForm, ServicePlacementForm, TerminalForm, ManagedTagsForm
):
    task_definition = forms.ChoiceField(label=gettext_lazy("Revision"))
    force = forms.BooleanField(
        label=gettext_lazy("Force a new deployment"),
        required=False,
        help_text=gettext_lazy(
            "Replaces every task even when nothing differs, and looks up the image's name anew."
        ),
    )

    field_order = ("task_definition", "force")


_PATHS = {
    "taskDefinition": "task_definition",
    **ServiceCapacityForm.CAPACITY_PATHS,
    **ManagedTagsForm.MANAGED_PATHS,
    **DeploymentForm.PATHS,
    **PauseForm.PAUSE_PATHS,
    **ServicePlacementForm.SERVICE_PATHS,
    **TerminalForm.TERMINAL_PATHS,
}


@page
def deploy(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    me = caller(request)
    found = queries.describe_service(me, service=service, cluster=cluster)
    current = _current(found)
    asked = request.POST.get("task_definition") or request.GET.get("task_definition", "")
    offered = _offered(request, current, asked)
    chosen = next((row for row in offered if str(row) == asked), None) or (
        offered[0] if offered else current.task_definition
    )
    pauses = found.deployment_configuration.get("lifecycleHooks") or []
    initial: dict[str, Any] = {
        "task_definition": str(chosen),
        **DeploymentForm.initial_of(found),
        **PauseForm.pauses_of(pauses),
        **ServicePlacementForm.placement_of(current.configuration),
        "terminals": TerminalForm.terminals_of(allowed=found.enable_execute_command),
        "managed_tags": ManagedTagsForm.managed_of(on=found.enable_ecs_managed_tags),
        "rebalance": found.availability_zone_rebalancing == "ENABLED",
    }
    labels = [(str(row), _label(row, current)) for row in offered]

    def make(data: Mapping[str, Any] | None) -> DeployForm:
        form = DeployForm(data, initial=dict(initial))
        form.fields["task_definition"].choices = labels  # type: ignore[attr-defined]
        daemon = found.scheduling_strategy == strategy.DAEMON
        form.offer_of_service(found.cluster, current.configuration, daemon=daemon)
        form.offer(pauses)
        return form

    form = make(request.POST or None)
    begin_with_address(form, request)
    form.initial["task_definition"] = str(chosen)
    if request.method == "POST" and form.is_valid():
        try:
            parameters = _parameters(found, form, form.cleaned_data)
            updating.update_service(me, service=service, cluster=cluster, **parameters)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {**form.share_paths(form.cleaned_data, "capacityProviderStrategy"), **_PATHS})
        else:
            messages.success(
                request,
                _("%(revision)s is on its way to %(name)s.") % {"name": service, "revision": chosen},
            )
            return redirect("service", cluster, service)
    values = {
        "form": form,
        "service": found,
        "current": current,
        "chosen": chosen,
        "may_update": may(request, "ecs:UpdateService", found.arn),
        "pause_now": form.place_in_words(),
        "changes": drawn(diff(current.task_definition.document, chosen.document)),
        "crumbs": to_service(cluster, service, _("Deploy")),
        "cli": lambda: command("update_service", _shown(found, make, form)),
    }
    return render(request, "web/service/deploy.html", values, status=400 if form.errors else 200)


def _current(service: Service) -> ServiceRevision:
    return ServiceRevision.objects.select_related("task_definition__family").get(
        pk=revisions.current_revision(service).pk
    )


def _offered(request: HttpRequest, current: ServiceRevision, asked: str) -> list[TaskDefinition]:
    """ACTIVE revisions of the family asked for, or else of the one that runs; newest first."""
    family = split_definition(asked)[0] if asked else current.task_definition.family.name
    rows = queries.list_task_definitions(caller(request), family=family).order_by("-revision")
    offered = list(rows[:_MOST_REVISIONS])
    if asked and all(str(row) != asked for row in offered):
        revision = split_definition(asked)[1]
        offered += list(rows.filter(revision=revision)) if revision is not None else []
    return offered


def _label(row: TaskDefinition, current: ServiceRevision) -> str:
    images = ", ".join(short_image(container["image"]) for container in row.containers[:3])
    label = f"{row} · {images}"
    # Outside the f-string: the extractor of translations does not look into those.
    runs = _("runs now")
    return f"{label} · {runs}" if row.pk == current.task_definition_id else label


def _shown(
    service: Service, make: Callable[[Mapping[str, Any] | None], DeployForm], form: DeployForm
) -> dict[str, Any]:
    """For the command line: what the form asks for, without what is so already."""
    begun, before = given_so_far(make(None), make)
    asks, given = given_so_far(form, make)
    now = _parameters(service, begun, before)
    revision = given["task_definition"] or form["task_definition"].value()
    asked = {
        name: value for name, value in _parameters(service, asks, given).items() if now.get(name) != value
    }
    where = {"cluster": service.cluster.name, "service": service.name, "task_definition": revision}
    return {**where, **asked}


def _parameters(service: Service, form: DeployForm, given: dict[str, Any]) -> dict[str, Any]:
    """What the form did not show stays as it is."""
    deployment = DeploymentForm.parameters_of(
        given, service.deployment_configuration.get("deploymentCircuitBreaker")
    )
    deployment["deployment_configuration"] |= PauseForm.pause_parameters(given)
    return {
        **form.update_parameters(given),
        **ManagedTagsForm.managed_parameters(given),
        **(ServicePlacementForm.service_parameters(given) if "placement" in form.data else {}),
        "task_definition": given["task_definition"],
        "force_new_deployment": given["force"],
        **TerminalForm.terminal_parameters(given),
        **deployment,
    }
