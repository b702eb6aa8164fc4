"""The forms that create a daemon and deploy another revision of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base.errors import AccessDenied, OperationError
from clusters.models import Cluster
from clusters.queries import describe_cluster
from clusters.strategies import BUILT_IN
from console.web import links
from console.web.commands import command
from console.web.daemon import may_update
from console.web.daemon_rows import may_create
from console.web.fields import TagsField
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.managed_tags_form import ManagedTagsForm
from console.web.page import caller, page
from console.web.parts import Crumb
from console.web.places import to_daemon
from console.web.terminal_form import TerminalForm
from services.daemons.configuration import DEFAULT_DRAIN, LONGEST_BAKE, provider_names
from services.daemons.lookup import wanted_revision
from services.daemons.operations import create_daemon, update_daemon
from services.daemons.queries import describe_daemon
from services.daemons.task_definitions import list_daemon_task_definitions
from services.models import Service

_MOST_OFFERED = 200
_PREFIX = "on-"
# What AWS's clients call the operations' parameters.
_OPTIONS = {
    "cluster": "cluster-arn",
    "daemon": "daemon-arn",
    "daemon_task_definition": "daemon-task-definition-arn",
    "capacity_providers": "capacity-provider-arns",
}


class DaemonForm(TerminalForm, ManagedTagsForm):
    """A checkbox for each capacity provider that the cluster has: fields `on-NAME`."""

    daemon_task_definition = forms.CharField(
        label=gettext_lazy("Daemon task definition"),
        max_length=400,
        help_text=gettext_lazy("family:revision, or the family for its newest one."),
        widget=forms.TextInput(attrs={"list": "definitions", "autocomplete": "off", "spellcheck": "false"}),
    )
    drain_percent = forms.FloatField(
        label=gettext_lazy("Drain percent"),
        min_value=0,
        max_value=100,
        initial=DEFAULT_DRAIN,
        help_text=gettext_lazy(
            "So many instances, and at least one, may be without it at a time in a deployment."
        ),
    )
    bake_minutes = forms.IntegerField(
        label=gettext_lazy("Bake time, minutes"),
        min_value=0,
        max_value=LONGEST_BAKE,
        initial=0,
        help_text=gettext_lazy("How long the new tasks are watched before the next instances follow."),
    )
    critical = forms.BooleanField(
        label=gettext_lazy("Critical: an instance without it takes no other tasks"),
        required=False,
        initial=True,
    )
    propagate_tags = forms.ChoiceField(
        label=gettext_lazy("Tags of its tasks"),
        choices=(("NONE", gettext_lazy("none")), ("DAEMON", gettext_lazy("those of the daemon"))),
        initial="NONE",
    )

    PATHS: ClassVar[dict[str, str]] = {
        "daemonName": "daemon_name",
        "daemonTaskDefinitionArn": "daemon_task_definition",
        "deploymentConfiguration.drainPercent": "drain_percent",
        "deploymentConfiguration.bakeTimeInMinutes": "bake_minutes",
        "propagateTags": "propagate_tags",
        "critical": "critical",
        "tags": "tags",
        **TerminalForm.TERMINAL_PATHS,
        **ManagedTagsForm.MANAGED_PATHS,
    }

    def __init__(self, cluster: Cluster, chosen: tuple[str, ...], *args: Any, **options: Any) -> None:
        """`chosen`: the capacity providers that are ticked to begin with."""
        super().__init__(*args, **options)
        own = [name for name in cluster.capacity_providers if name not in BUILT_IN]
        self.providers = list(dict.fromkeys([*own, *chosen]))
        for name in self.providers:
            self.fields[f"{_PREFIX}{name}"] = forms.BooleanField(
                label=name, required=False, initial=name in chosen or len(own) == 1
            )

    def boxes(self) -> list[forms.BoundField]:
        return [self[f"{_PREFIX}{name}"] for name in self.providers]

    @property
    def paths(self) -> dict[str, str]:
        first = {"capacityProviderArns": f"{_PREFIX}{self.providers[0]}"} if self.providers else {}
        return {**self.PATHS, **first}

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Those of CreateDaemon and UpdateDaemon alike."""
        return {
            "daemon_task_definition": given["daemon_task_definition"],
            "capacity_providers": [name for name in self.providers if given.get(f"{_PREFIX}{name}")],
            "deployment_configuration": {
                "drainPercent": given["drain_percent"],
                "bakeTimeInMinutes": given["bake_minutes"],
            },
            "critical": given["critical"],
            "propagate_tags": given["propagate_tags"],
            **self.terminal_parameters(given),
            **self.managed_parameters(given),
        }


class CreateForm(DaemonForm):
    daemon_name = forms.CharField(
        label=gettext_lazy("Daemon name"),
        max_length=255,
        help_text=gettext_lazy("Letters, digits, hyphens and underscores. The name stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    tags = TagsField()


@page
def create(request: HttpRequest, cluster: str) -> HttpResponseBase:
    me = caller(request)
    owner = describe_cluster(me, cluster=cluster)
    form = CreateForm(owner, (), request.POST or None)
    begin_with_address(form, request)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = create_daemon(me, **_created(owner, form, given))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, form.paths)
        else:
            messages.success(request, _("The daemon %(name)s is created.") % {"name": made.name})
            return redirect("daemon", owner.name, made.name)

    def cli() -> str:
        bound, given = given_so_far(form, lambda data: CreateForm(owner, (), data))
        names = {"daemon_name": given["daemon_name"] or "agent"}
        return _command("create_daemon", {**_created(owner, bound, given), **names}, owner)

    context = {
        **_offered(request, owner),
        "form": form,
        "may_save": may_create(request, owner),
        "cli": cli,
        "crumbs": to_daemon(owner.name, Crumb(_("Create"))),
        "back": f"{links.cluster(owner.name)}?tab=daemons",
    }
    return render(request, "web/daemon/create.html", context, status=400 if form.errors else 200)


def _created(owner: Cluster, form: DaemonForm, given: Mapping[str, Any]) -> dict[str, Any]:
    own = {"daemon_name": given["daemon_name"], "cluster": owner.name, "tags": given["tags"] or None}
    return {**own, **form.parameters(given)}


@page
def update(request: HttpRequest, cluster: str, daemon: str) -> HttpResponseBase:
    me = caller(request)
    row = describe_daemon(me, daemon=daemon, cluster=cluster)
    chosen, initial = _as_it_is(row)
    form = DaemonForm(row.cluster, chosen, request.POST or None, initial=initial)
    begin_with_address(form, request)
    if request.method == "POST" and form.is_valid():
        try:
            update_daemon(me, daemon=row.name, cluster=cluster, **form.parameters(form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, form.paths)
        else:
            messages.success(request, _("%(name)s is being deployed.") % {"name": row.name})
            return redirect("daemon", cluster, row.name)

    def cli() -> str:
        bound, given = given_so_far(form, lambda data: DaemonForm(row.cluster, chosen, data))
        return _command("update_daemon", {"daemon": row.arn, **bound.parameters(given)}, row.cluster)

    context = {
        **_offered(request, row.cluster),
        "form": form,
        "daemon": row,
        "may_save": may_update(request, row),
        "cli": cli,
        "crumbs": to_daemon(cluster, Crumb(row.name, links.daemon(cluster, row.name)), Crumb(_("Deploy"))),
        "back": links.daemon(cluster, row.name),
    }
    return render(request, "web/daemon/update.html", context, status=400 if form.errors else 200)


def _as_it_is(row: Service) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What the form begins with: UpdateDaemon takes everything anew, so nothing is lost by leaving it as it is."""
    deployment = {
        "drain_percent": row.deployment_configuration["drainPercent"],
        "bake_minutes": row.deployment_configuration["bakeTimeInMinutes"],
    }
    revision = wanted_revision(row)
    if revision is None:  # the first deployment failed: nothing is to run
        revision = row.revisions.select_related("task_definition__family").order_by("-number").first()
    if revision is None:
        return (), deployment
    frozen = revision.configuration
    return tuple(provider_names(frozen)), {
        **deployment,
        "daemon_task_definition": str(revision.task_definition),
        "critical": frozen["critical"],
        "propagate_tags": frozen["propagateTags"],
        "terminals": TerminalForm.terminals_of(allowed=frozen["enableExecuteCommand"]),
        "managed_tags": ManagedTagsForm.managed_of(on=frozen["enableECSManagedTags"]),
    }


# ---- what the forms offer ----------------------------------------------------------------------


def _offered(request: HttpRequest, cluster: Cluster) -> dict[str, Any]:
    me = caller(request)
    definitions: list[str] = []
    if me.may("ecs:ListDaemonTaskDefinitions", "*").allowed:
        definitions = [str(row) for row in list_daemon_task_definitions(me)[:_MOST_OFFERED]]
    return {"definitions": definitions, "cluster": cluster}


def _command(operation: str, parameters: Mapping[str, Any], cluster: Cluster) -> str:
    given = dict(parameters)
    given["daemon_task_definition"] = given["daemon_task_definition"] or "agent"
    given["capacity_providers"] = given["capacity_providers"] or ["fast"]
    if "cluster" in given:
        given["cluster"] = cluster.arn
    if given["deployment_configuration"] == {"drainPercent": DEFAULT_DRAIN, "bakeTimeInMinutes": 0}:
        given["deployment_configuration"] = None
    return command(operation, given, _OPTIONS)
