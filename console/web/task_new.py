"""The form that runs standalone tasks, with what they may have differently from their task definition."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access.registry import call
from base.errors import AccessDenied, OperationError
from clusters.queries import DEFAULT_CLUSTER, list_clusters, list_container_instances
from console.web.capacity_form import OWN, CapacityForm
from console.web.commands import command
from console.web.fields import TagsField
from console.web.following import begin_with_address, given_so_far
from console.web.forms import mark
from console.web.managed_tags_form import ManagedTagsForm
from console.web.page import caller, may, page
from console.web.parts import Crumb
from console.web.placement_form import PlacementForm
from console.web.places import place
from console.web.service_words import short_image
from console.web.terminal_form import TerminalForm
from services import queries
from services.lookup import definition_arn
from services.models import TaskDefinition
from services.task_requests import MOST_AT_ONCE, RunResult
from services.taskdef import form_text

_MOST_OFFERED = 200
_NUMBERS = ("cpu", "memory")


class RunForm(CapacityForm, PlacementForm, TerminalForm, ManagedTagsForm):
    """Beside these fields it has some for each container of the task definition, see `_add_containers`."""

    cluster = forms.ChoiceField(label=gettext_lazy("Cluster"))
    task_definition = forms.ChoiceField(label=gettext_lazy("Task definition"))
    count = forms.IntegerField(
        label=gettext_lazy("Tasks"),
        min_value=1,
        max_value=MOST_AT_ONCE,
        initial=1,
        help_text=gettext_lazy("1 to 10. On a named instance one starts."),
    )
    instance = forms.ChoiceField(
        label=gettext_lazy("On the instance"),
        required=False,
        help_text=gettext_lazy("Names it instead of leaving it to the placement."),
    )
    group = forms.CharField(
        label=gettext_lazy("Group"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("family:NAME where it is left empty."),
    )
    started_by = forms.CharField(
        label=gettext_lazy("Started by"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("Your name where it is left empty."),
    )
    propagate = forms.BooleanField(label=gettext_lazy("Tags of the task definition too"), required=False)
    tags = TagsField()
    task_role = forms.CharField(label=gettext_lazy("Task role"), required=False)
    execution_role = forms.CharField(label=gettext_lazy("Execution role"), required=False)

    PATHS = {
        **PlacementForm.PLACEMENT_PATHS,
        **TerminalForm.TERMINAL_PATHS,
        **CapacityForm.CAPACITY_PATHS,
        **ManagedTagsForm.MANAGED_PATHS,
        "cluster": "cluster",
        "taskDefinition": "task_definition",
        "count": "count",
        "group": "group",
        "startedBy": "started_by",
        "tags": "tags",
        "overrides.taskRoleArn": "task_role",
        "taskRoleArn": "task_role",
        "overrides.executionRoleArn": "execution_role",
        "executionRoleArn": "execution_role",
    }

    def containers(self) -> list[dict[str, Any]]:
        """For the template: each container with its bound fields."""
        return [
            {
                "name": name,
                "fields": [self[f"{kind}-{name}"] for kind in ("command", "environment", *_NUMBERS)],
            }
            for name in self.names
        ]

    names: Sequence[str] = ()

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("instance") and given.get("launch_type") == OWN:
            self.add_error("instance", _("A capacity provider strategy chooses the instances by itself."))
        return given


@page
def run(request: HttpRequest) -> HttpResponse:
    me = caller(request)
    clusters = {row.name: row for row in list_clusters(me)[:_MOST_OFFERED]}
    offered = list(queries.list_task_definitions(me).order_by("-registered_at")[:_MOST_OFFERED])
    cluster = _asked(request, "cluster", DEFAULT_CLUSTER if DEFAULT_CLUSTER in clusters else "")
    chosen = _chosen(offered, _asked(request, "task_definition", ""))
    instances = [("", _("Wherever it fits")), *_instances(request, cluster, clusters)]

    def make(data: Mapping[str, Any] | None) -> RunForm:
        form = RunForm(data, initial={"cluster": cluster, "task_definition": str(chosen or "")})
        _offer(form, "cluster", [(name, name) for name in clusters])
        _offer(form, "task_definition", [(str(row), _label(row)) for row in offered])
        _offer(form, "instance", instances)
        form.offer_capacity(clusters.get(cluster))
        if chosen is not None:
            _add_containers(form, chosen)
        return form

    form = make(request.POST or None)
    begin_with_address(form, request)
    form.initial["task_definition"] = str(chosen or "")
    if request.method == "POST" and form.is_valid():
        try:
            operation, parameters = _asks(form, form.cleaned_data)
            result: RunResult = call(operation, me, **parameters)
        except AccessDenied:
            raise
        except OperationError as error:
            shares = form.share_paths(form.cleaned_data, "capacityProviderStrategy")
            mark(form, error, {**shares, **RunForm.PATHS, **_paths(form)})
        else:
            return _answer(request, form, result)
    values = {
        "form": form,
        "chosen": chosen,
        "may_run": may(request, "ecs:RunTask", definition_arn(str(chosen)) if chosen else "*"),
        "crumbs": [Crumb(_("Tasks"), place("tasks")), Crumb(_("Run"))],
        "cli": lambda: _command(*given_so_far(form, make)),
    }
    return render(request, "web/task_new.html", values, status=400 if form.errors else 200)


def _asked(request: HttpRequest, name: str, default: str) -> str:
    return str(request.POST.get(name) or request.GET.get(name) or default)


def _chosen(offered: Sequence[TaskDefinition], asked: str) -> TaskDefinition | None:
    """The one asked for, by family:revision or by family alone; else the newest registered."""
    for row in offered:
        if asked in (str(row), row.family.name):
            return row
    return offered[0] if offered else None


def _offer(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]


def _label(row: TaskDefinition) -> str:
    return f"{row} · {', '.join(short_image(container['image']) for container in row.containers[:3])}"


def _instances(request: HttpRequest, cluster: str, clusters: Container[str]) -> list[tuple[str, str]]:
    if cluster not in clusters:
        return []
    rows = list_container_instances(caller(request), cluster=cluster).filter(status="ACTIVE")
    return [(row.pk, str(row)) for row in rows[:_MOST_OFFERED]]


class _TextField(forms.CharField):
    """A text that `read` makes something of; its ValueError is shown on the field."""

    def __init__(self, read: Callable[[str], Any], **options: Any) -> None:
        super().__init__(required=False, strip=False, **options)
        self.read = read

    def clean(self, value: Any) -> Any:
        try:
            return self.read(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def _add_containers(form: RunForm, definition: TaskDefinition) -> None:
    """What each container may have differently. Empty: as the task definition says, which stands as the example."""
    form.names = [container["name"] for container in definition.containers]
    for container in definition.containers:
        name = container["name"]
        command = shlex.join(container.get("command") or [])
        form.fields[f"command-{name}"] = _TextField(
            form_text.read_command,
            label=_("Command"),
            widget=forms.TextInput(attrs={"placeholder": command, "spellcheck": "false"}),
        )
        form.fields[f"environment-{name}"] = _TextField(
            form_text.read_environment,
            label=_("Variables"),
            help_text=_("NAME=value, one a line: added, or in the place of its own."),
            widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        )
        for kind, label in zip(_NUMBERS, (_("CPU units"), _("Memory, MiB")), strict=True):
            form.fields[f"{kind}-{name}"] = forms.IntegerField(
                label=label,
                required=False,
                min_value=0,
                widget=forms.NumberInput(attrs={"placeholder": str(container.get(kind) or "")}),
            )


def _overrides(given: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    containers = []
    for name in names:
        own = {
            kind: value
            for kind in ("command", "environment", *_NUMBERS)
            if (value := given.get(f"{kind}-{name}")) not in (None, [], "")
        }
        if own:
            containers.append({"name": name, **own})
    roles = {
        "taskRoleArn": _text(given, "task_role"),
        "executionRoleArn": _text(given, "execution_role"),
    }
    found: dict[str, Any] = {name: value for name, value in roles.items() if value}
    return {**found, **({"containerOverrides": containers} if containers else {})}


def _text(given: dict[str, Any], name: str) -> str:
    return (given[name] or "").strip()


def _paths(form: RunForm) -> dict[str, str]:
    """Where the operation's words for what is wrong belong: the overrides it got, in their order, -> fields."""
    changed = [
        item["name"] for item in _overrides(form.cleaned_data, form.names).get("containerOverrides", [])
    ]
    return {
        f"overrides.containerOverrides[{index}].{kind}": f"{kind}-{name}"
        for index, name in enumerate(changed)
        for kind in ("command", "environment", *_NUMBERS)
    }


def _asks(form: RunForm, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation that the form calls, and its parameters."""
    common: dict[str, Any] = {
        "cluster": given["cluster"],
        "task_definition": given["task_definition"],
        "overrides": _overrides(given, form.names) or None,
        "group": _text(given, "group") or None,
        "started_by": _text(given, "started_by") or None,
        "propagate_tags": "TASK_DEFINITION" if given["propagate"] else None,
        "tags": given["tags"] or None,
        **TerminalForm.terminal_parameters(given),
        **ManagedTagsForm.managed_parameters(given),
    }
    if given["instance"]:
        return "start_task", {**common, "container_instances": [given["instance"]]}
    own = {"count": given["count"], **form.capacity_parameters(given)}
    return "run_task", {**common, **own, **PlacementForm.placement_parameters(given)}


def _command(form: RunForm, given: dict[str, Any]) -> str:
    operation, found = _asks(form, {**given, "task_definition": given["task_definition"] or "migrate"})
    return command(operation, {name: value for name, value in found.items() if value not in ([], "")})


def _answer(request: HttpRequest, form: RunForm, result: RunResult) -> HttpResponse:
    for failure in dict.fromkeys(result.failures):
        messages.error(request, _("Not placed: %(why)s") % {"why": failure.detail})
    cluster = form.cleaned_data["cluster"]
    if not result.tasks:
        return redirect(
            f"{place('task-run')}?cluster={cluster}&task_definition={form.cleaned_data['task_definition']}"
        )
    count = len(result.tasks)
    messages.success(
        request, ngettext("%(count)d task starts.", "%(count)d tasks start.", count) % {"count": count}
    )
    if count == 1:
        return redirect("task", cluster, result.tasks[0].pk)
    return redirect("tasks")
