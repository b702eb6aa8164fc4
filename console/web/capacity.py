"""/capacity-providers/ and the forms that create and change one. Which of them a cluster has: cluster_capacity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base import here
from base.errors import AccessDenied, OperationError, not_found
from clusters.capacity import (
    create_capacity_provider,
    delete_capacity_provider,
    describe_capacity_providers,
    update_capacity_provider,
)
from clusters.models import CapacityProvider
from clusters.queries import list_clusters, list_container_instances
from console.web import links
from console.web.commands import command
from console.web.fields import TagsField
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.page import ListState, attempt, caller, may, page
from console.web.parts import Crumb
from services.queries import list_tasks
from services.scheduler.model import AUTO_SCALING_GROUP

_PROVIDER = "autoScalingGroupProvider"
_SCALING = {
    "target_capacity": "targetCapacity",
    "minimum_step": "minimumScalingStepSize",
    "maximum_step": "maximumScalingStepSize",
    "warmup": "instanceWarmupPeriod",
}


class ScalingForm(forms.Form):
    """managedScaling, which is kept and answered but DISABLED: nothing here scales groups yet."""

    target_capacity = forms.IntegerField(
        label=gettext_lazy("Target capacity, percent"), min_value=1, max_value=100, initial=100
    )
    minimum_step = forms.IntegerField(
        label=gettext_lazy("Minimum scaling step"), min_value=1, max_value=10_000, initial=1
    )
    maximum_step = forms.IntegerField(
        label=gettext_lazy("Maximum scaling step"), min_value=1, max_value=10_000, initial=10_000
    )
    warmup = forms.IntegerField(
        label=gettext_lazy("Instance warm-up, seconds"), min_value=0, max_value=10_000, initial=300
    )

    PATHS = {
        "name": "name",
        "tags": "tags",
        f"{_PROVIDER}.autoScalingGroupArn": "group",
        **{f"{_PROVIDER}.managedScaling.{theirs}": ours for ours, theirs in _SCALING.items()},
    }

    @staticmethod
    def scaling_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The form's first values."""
        found = configuration.get("managedScaling") or {}
        return {ours: found[theirs] for ours, theirs in _SCALING.items() if theirs in found}

    @staticmethod
    def scaling(given: Mapping[str, Any]) -> dict[str, Any]:
        """managedScaling, in AWS form."""
        return {"status": "DISABLED", **{theirs: given[ours] for ours, theirs in _SCALING.items()}}


class CreateForm(ScalingForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=255,
        help_text=gettext_lazy("Letters, digits, _ and -, not beginning with aws, ecs or fargate. It stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    group = forms.CharField(
        label=gettext_lazy("Auto Scaling group"),
        max_length=400,
        help_text=gettext_lazy(
            "Name or ARN. Its instances are those whose attribute slipway.auto-scaling-group says its name."
        ),
        widget=forms.TextInput(attrs={"list": "groups", "autocomplete": "off", "spellcheck": "false"}),
    )
    tags = TagsField()


@page
def providers(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    state = ListState.of(request, {"name": ["name"]}, "name")
    found = describe_capacity_providers(me)
    shown = state.page_of(found.filter(name__icontains=state.q) if state.q else found)
    context = {
        "page": shown,
        "rows": lambda: _rows(request, list(shown)),
        "filtered": bool(state.q),
        "may_create": may(request, "ecs:CreateCapacityProvider", here.capacity_provider_arn("*")),
    }
    return render(request, "web/capacity/providers.html", context)


def _rows(request: HttpRequest, shown: list[CapacityProvider]) -> list[dict[str, object]]:
    """Each with its instances, its tasks that are not STOPPED and the clusters that have it. Three queries."""
    me = caller(request)
    groups = Counter(_groups(request))
    tasks = dict(list_tasks(me).order_by().values_list("capacity_provider").annotate(count=Count("pk")))
    clusters = list(list_clusters(me).values_list("name", "capacity_providers"))
    return [
        {
            "row": row,
            "instances": None if row.built_in else groups[row.group],
            "tasks": tasks.get(row.name, 0),
            "clusters": [(name, links.cluster(name)) for name, of in clusters if row.name in of],
        }
        for row in shown
    ]


def _groups(request: HttpRequest) -> list[str]:
    """The Auto Scaling group of each instance that is of one."""
    found = list_container_instances(caller(request)).values_list("attributes", flat=True)
    return [group for attributes in found if (group := attributes.get(AUTO_SCALING_GROUP))]


@page
def create(request: HttpRequest) -> HttpResponseBase:
    form = CreateForm(request.POST or None)
    begin_with_address(form, request)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_capacity_provider(caller(request), **_parameters(form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, CreateForm.PATHS)
        else:
            messages.success(request, _("The capacity provider %(name)s is created.") % {"name": made})
            return redirect("capacity-providers")
    context = {
        "form": form,
        "groups": sorted(set(_groups(request))),
        "crumbs": [Crumb(_("Capacity providers"), links.to("capacity-providers")), Crumb(_("Create"))],
        "may_create": may(request, "ecs:CreateCapacityProvider", here.capacity_provider_arn("*")),
        "cli": lambda: _created_by(given_so_far(form, CreateForm)[1]),
    }
    return render(request, "web/capacity/create.html", context, status=400 if form.errors else 200)


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    provider = {"autoScalingGroupArn": given["group"], "managedScaling": ScalingForm.scaling(given)}
    return {"name": given["name"], "auto_scaling_group_provider": provider, "tags": given["tags"]}


def _created_by(given: Mapping[str, Any]) -> str:
    """The command, with names to begin with and without what is so by itself."""
    found = _parameters({**given, "name": given["name"] or "fast", "group": given["group"] or "fast-hosts"})
    if ScalingForm.scaling(given) == ScalingForm.scaling(_BY_ITSELF):
        del found["auto_scaling_group_provider"]["managedScaling"]
    return command("create_capacity_provider", {**found, "tags": found["tags"] or None})


_BY_ITSELF = {name: field.initial for name, field in ScalingForm.base_fields.items()}


@page
def edit(request: HttpRequest, provider: str) -> HttpResponseBase:
    found = _found(request, provider)
    initial = ScalingForm.scaling_of(found.configuration)
    form = ScalingForm(request.POST or None, initial=dict(initial))
    begin_with_address(form, request)
    if request.method == "POST" and form.is_valid():
        try:
            update_capacity_provider(caller(request), name=found.name, **_settings(form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, ScalingForm.PATHS)
        else:
            messages.success(request, _("The capacity provider %(name)s is saved.") % {"name": found})
            return redirect("capacity-providers")
    [facts] = _rows(request, [found])
    held = _("A cluster has it: take it away there first.") if facts["clusters"] else ""
    reserved = _("It is there for every cluster.") if found.built_in else ""
    context = {
        "form": form,
        "provider": found,
        "facts": facts,
        "crumbs": [Crumb(_("Capacity providers"), links.to("capacity-providers")), Crumb(found.name)],
        "may_update": may(request, "ecs:UpdateCapacityProvider", found.arn),
        "may_delete": may(request, "ecs:DeleteCapacityProvider", found.arn, reason=reserved or held),
        "cli": lambda: command(
            "update_capacity_provider", {"name": found.name, **_settings(given_so_far(form, ScalingForm)[1])}
        ),
    }
    return render(request, "web/capacity/provider.html", context, status=400 if form.errors else 200)


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"auto_scaling_group_provider": {"managedScaling": ScalingForm.scaling(given)}}


def _found(request: HttpRequest, name: str) -> CapacityProvider:
    row = describe_capacity_providers(caller(request), capacity_providers=[name]).first()
    if row is None:
        raise not_found("Capacity provider", name)
    return row


@require_POST
@page
def delete(request: HttpRequest, provider: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: delete_capacity_provider(caller(request), capacity_provider=provider),
        _("The capacity provider %(name)s was deleted.") % {"name": provider},
        done=links.to("capacity-providers"),
        failed=links.capacity_provider(provider),
    )
