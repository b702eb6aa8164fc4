"""The form that creates a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base import here
from base.errors import AccessDenied, OperationError
from clusters.queries import DEFAULT_CLUSTER, list_clusters
from console.web.capacity_form import CapacityForm
from console.web.commands import command
from console.web.deployment_form import DeploymentForm
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.managed_tags_form import ManagedTagsForm
from console.web.page import caller, may, page
from console.web.parts import Crumb
from console.web.pause_form import PauseForm
from console.web.placement_form import ServicePlacementForm
from console.web.places import place
from console.web.service_words import short_image
from console.web.terminal_form import TerminalForm
from services import configuration, operations, queries

_MOST_OFFERED = 200


class CreateForm(
    CapacityForm, DeploymentForm, PauseForm, ServicePlacementForm, TerminalForm, ManagedTagsForm
):
    cluster = forms.ChoiceField(label=gettext_lazy("Cluster"))
    service_name = forms.CharField(
        label=gettext_lazy("Service name"),
        max_length=255,
        help_text=gettext_lazy("Letters, digits, hyphens and underscores. It cannot be changed later."),
    )
    task_definition = forms.CharField(
        label=gettext_lazy("Task definition"),
        help_text=gettext_lazy("family:revision, or a family for its newest revision."),
        widget=forms.TextInput(attrs={"list": "definitions"}),
    )
    scheduling_strategy = forms.ChoiceField(
        label=gettext_lazy("Scheduling strategy"),
        choices=[
            ("REPLICA", gettext_lazy("REPLICA: so many tasks")),
            ("DAEMON", gettext_lazy("DAEMON: one task on each instance")),
        ],
        required=False,
    )
    desired_count = forms.IntegerField(
        label=gettext_lazy("Desired tasks"),
        min_value=0,
        max_value=configuration.MOST_TASKS,
        initial=1,
        required=False,
        help_text=gettext_lazy("Of a daemon the instances say how many."),
    )

    FIELDS = {
        "cluster": "cluster",
        "serviceName": "service_name",
        "service_name": "service_name",
        "taskDefinition": "task_definition",
        "desiredCount": "desired_count",
        "schedulingStrategy": "scheduling_strategy",
        **CapacityForm.CAPACITY_PATHS,
        **ServicePlacementForm.SERVICE_PATHS,
        **DeploymentForm.PATHS,
        **PauseForm.PAUSE_PATHS,
        **TerminalForm.TERMINAL_PATHS,
        **ManagedTagsForm.MANAGED_PATHS,
    }


@page
def create(request: HttpRequest) -> HttpResponse:
    me = caller(request)
    clusters = {row.name: row for row in list_clusters(me)[:_MOST_OFFERED]}
    first = DEFAULT_CLUSTER if DEFAULT_CLUSTER in clusters else next(iter(clusters), "")
    asked = request.POST.get("cluster") or request.GET.get("cluster") or first

    def make(data: Mapping[str, Any] | None) -> CreateForm:
        form = CreateForm(data, initial={"cluster": asked, "service_name": _named(request)})
        form.fields["cluster"].choices = [(name, name) for name in clusters]  # type: ignore[attr-defined]
        form.offer_capacity(clusters.get(asked))
        return form

    form = make(request.POST or None)
    begin_with_address(form, request)
    if request.method == "POST" and form.is_valid():
        try:
            made = operations.create_service(me, **_parameters(form, form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            shares = form.share_paths(form.cleaned_data, "capacityProviderStrategy")
            mark(form, error, {**shares, **CreateForm.FIELDS})
        else:
            messages.success(
                request,
                _("The service %(name)s is created; its first deployment has begun.") % {"name": made},
            )
            return redirect("service", made.cluster.name, made.name)
    values = {
        "form": form,
        "definitions": _definitions(request),
        "may_create": may(request, "ecs:CreateService", here.service_arn(asked or "*", "*")),
        "cli": lambda: command("create_service", _shown(*given_so_far(form, make))),
        "crumbs": [Crumb(_("Services"), place("services")), Crumb(_("Create"))],
    }
    return render(request, "web/service/create.html", values, status=400 if form.errors else 200)


def _definitions(request: HttpRequest) -> list[tuple[str, str]]:
    """Offered while one types: the newest registrations first."""
    rows = queries.list_task_definitions(caller(request)).order_by("-registered_at")[:_MOST_OFFERED]
    return [(str(row), ", ".join(short_image(c["image"]) for c in row.containers[:2])) for row in rows]


def _named(request: HttpRequest) -> str:
    """As the family, until it is given another name."""
    return request.GET.get("task_definition", "").partition(":")[0]


def _parameters(form: CreateForm, given: dict[str, Any]) -> dict[str, Any]:
    deployment = DeploymentForm.parameters_of(given)
    if hooks := PauseForm.pause_parameters(given).get("lifecycleHooks"):
        deployment["deployment_configuration"]["lifecycleHooks"] = hooks
    parameters = {
        "cluster": given["cluster"],
        "service_name": given["service_name"],
        "task_definition": given["task_definition"].strip(),
        "desired_count": given["desired_count"],
        **form.capacity_parameters(given),
        **ServicePlacementForm.service_parameters(given, new=True),
        **deployment,
        **TerminalForm.terminal_parameters(given),
        **ManagedTagsForm.managed_parameters(given),
    }
    return _of_daemon(parameters) if given["scheduling_strategy"] == "DAEMON" else parameters


def _shown(form: CreateForm, given: dict[str, Any]) -> dict[str, Any]:
    """For the command line: with names to begin with, and without what asks for nothing."""
    names = {"cluster": DEFAULT_CLUSTER, "service_name": "web", "task_definition": "web:1"}
    found = _parameters(form, {**given, **{name: given[name] or example for name, example in names.items()}})
    return {name: value for name, value in found.items() if value not in ([], "")}


def _of_daemon(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without the number of tasks; percentages that were left as they are for others are a daemon's own."""
    deployment = dict(parameters["deployment_configuration"])
    if (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200):
        del deployment["minimumHealthyPercent"], deployment["maximumPercent"]
    return {
        **parameters,
        "scheduling_strategy": "DAEMON",
        "desired_count": None,
        "deployment_configuration": deployment,
    }
