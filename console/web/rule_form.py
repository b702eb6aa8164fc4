"""The forms of scheduled tasks: when (a rule) and what (a target), from and to the operations' own shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base import here
from base.arn import is_arn
from clusters.queries import cluster_name
from console.web.fields import TagsField
from console.web.placement_form import PlacementForm
from console.web.rule_rows import target_of
from console.web.terminal_form import TerminalForm
from services.models import Rule, RuleTarget
from services.task_requests import MOST_AT_ONCE

_STRATEGY = "strategy"
_MOST_TAGS = 50


class ScheduleForm(forms.Form):
    expression = forms.CharField(
        label=gettext_lazy("Schedule"),
        max_length=256,
        help_text=gettext_lazy(
            "rate(value unit), or cron(minutes hours day-of-month month day-of-week year). Times are UTC."
        ),
        widget=forms.TextInput(attrs={"list": "schedules", "autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=512)
    enabled = forms.BooleanField(
        label=gettext_lazy("Enabled"),
        required=False,
        initial=True,
        help_text=gettext_lazy("While it is not, nothing starts, and nothing is made up for afterwards."),
    )

    SCHEDULE_PATHS: ClassVar[dict[str, str]] = {
        "scheduleExpression": "expression",
        "description": "description",
        "state": "enabled",
    }

    @staticmethod
    def schedule_of(rule: Rule) -> dict[str, Any]:
        return {"expression": rule.expression, "description": rule.description, "enabled": rule.enabled}

    @staticmethod
    def rule_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
        """PutRule's, its name aside."""
        return {
            "schedule_expression": given["expression"],
            "description": given["description"],
            "state": "ENABLED" if given["enabled"] else "DISABLED",
        }


class SharesField(forms.CharField):
    """`fast weight=2 base=1`, one a line, as capacityProviderStrategy. The operation checks names and figures."""

    widget = forms.Textarea(
        attrs={"rows": 2, "spellcheck": "false", "class": "mono", "placeholder": "fast weight=1 base=1"}
    )

    def to_python(self, value: Any) -> Any:
        found = []
        for line in (value or "").splitlines():
            name, *words = line.split() or [""]
            share: dict[str, Any] = {"capacityProvider": name}
            for word in words:
                key, _equals, figure = word.partition("=")
                if key not in ("weight", "base") or not figure.isdigit():
                    raise forms.ValidationError(_("One provider a line: its name, then weight=1 and base=0."))
                share[key] = int(figure)
            if name:
                found.append(share)
        return found

    def run_validators(self, value: Any) -> None:
        """Those of CharField are for text."""


class OverridesField(forms.CharField):
    """RunTask's overrides as JSON text; the operation checks what is in it."""

    widget = forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "mono"})

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip()
        try:
            found = json.loads(text or "{}")
        except ValueError as error:
            raise forms.ValidationError(_("Not JSON: %(why)s") % {"why": error}) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("Must be a JSON object: {…}"))
        return json.dumps(found, ensure_ascii=False) if found else ""


class TargetForm(PlacementForm, TerminalForm):
    cluster = forms.ChoiceField(label=gettext_lazy("Cluster"))
    task_definition = forms.CharField(
        label=gettext_lazy("Task definition"),
        help_text=gettext_lazy("family:revision, or a family for its newest revision at each time."),
        widget=forms.TextInput(attrs={"list": "definitions", "autocomplete": "off", "spellcheck": "false"}),
    )
    count = forms.IntegerField(
        label=gettext_lazy("Tasks"),
        min_value=1,
        max_value=MOST_AT_ONCE,
        initial=1,
        help_text=gettext_lazy("1 to 10, each time."),
    )
    capacity = forms.ChoiceField(
        label=gettext_lazy("Launch type"),
        choices=[
            ("EC2", "EC2"),
            ("FARGATE", "FARGATE"),
            ("", gettext_lazy("The cluster's default capacity provider strategy")),
            (_STRATEGY, gettext_lazy("My own capacity provider strategy")),
        ],
        initial="EC2",
        required=False,
    )
    shares = SharesField(
        label=gettext_lazy("My own capacity provider strategy"),
        required=False,
        help_text=gettext_lazy("Capacity providers with weight and base, one a line."),
    )
    role = forms.CharField(
        label=gettext_lazy("Role"),
        max_length=1600,
        help_text=gettext_lazy(
            "It runs the tasks: it trusts events.amazonaws.com and is allowed ecs:RunTask, and iam:PassRole on the "
            "tasks' own roles."
        ),
        widget=forms.TextInput(attrs={"list": "roles", "autocomplete": "off", "spellcheck": "false"}),
    )
    group = forms.CharField(
        label=gettext_lazy("Group"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("family:NAME where it is left empty."),
    )
    overrides = OverridesField(
        label=gettext_lazy("Overrides"),
        required=False,
        max_length=8192,
        help_text=gettext_lazy(
            "As JSON, as RunTask takes them: commands, variables, sizes, roles. Empty: as the task definition says."
        ),
    )
    task_tags = TagsField(label=gettext_lazy("Tags of the tasks"))
    propagate = forms.BooleanField(label=gettext_lazy("Tags of the task definition too"), required=False)

    @staticmethod
    def target_paths() -> dict[str, str]:
        """Path of what the operation refuses -> the field that it stands on."""
        ecs = {
            "TaskDefinitionArn": "task_definition",
            "TaskCount": "count",
            "LaunchType": "capacity",
            "Group": "group",
            "Tags": "task_tags",
            **{f"Tags[{n}]": "task_tags" for n in range(_MOST_TAGS + 1)},
            **{f"CapacityProviderStrategy[{n}]": "shares" for n in range(21)},
            "CapacityProviderStrategy": "shares",
            "PlacementStrategy": "strategies",
            **{f"PlacementStrategy[{n}]": "strategies" for n in range(6)},
            "PlacementConstraints": "member_of",
            **{f"PlacementConstraints[{n}]": "member_of" for n in range(11)},
        }
        of_run = {
            **PlacementForm.PLACEMENT_PATHS,
            "cluster": "cluster",
            "taskDefinition": "task_definition",
            "launchType": "capacity",
            "capacityProviderStrategy": "shares",
            **{f"capacityProviderStrategy[{n}]": "shares" for n in range(21)},
            "group": "group",
            "tags": "task_tags",
            "overrides": "overrides",
            "Input": "overrides",
            "taskRoleArn": "overrides",
            "executionRoleArn": "overrides",
            "Arn": "cluster",
            "RoleArn": "role",
        }
        found = {f"EcsParameters.{path}": name for path, name in ecs.items()} | of_run
        return {f"targets[0].{path}": name for path, name in found.items()}

    @staticmethod
    def target_initial(target: RuleTarget) -> dict[str, Any]:
        ecs = target.document["EcsParameters"]
        shares = ecs.get("CapacityProviderStrategy", [])
        placement = {
            "placementStrategy": ecs.get("PlacementStrategy"),
            "placementConstraints": ecs.get("PlacementConstraints"),
        }
        text = target.document.get("Input")
        return {
            **PlacementForm.placement_of(placement),
            "cluster": cluster_name(target.document["Arn"]),
            "task_definition": target_of(target).definition,
            "count": ecs["TaskCount"],
            "capacity": _STRATEGY if shares else ecs.get("LaunchType", ""),
            "shares": "\n".join(_line(share) for share in shares),
            "role": target.document["RoleArn"].removeprefix(here.role_arn("")),
            "group": ecs.get("Group", ""),
            "overrides": json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text else "",
            "task_tags": "\n".join(f"{one['Key']}={one['Value']}" for one in ecs.get("Tags", [])),
            "propagate": ecs.get("PropagateTags") == "TASK_DEFINITION",
            "terminals": TerminalForm.terminals_of(allowed=ecs.get("EnableExecuteCommand", False)),
        }

    @staticmethod
    def target_document(
        given: Mapping[str, Any], target_id: str, before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """In EventBridge's form. What `before` has and the form does not show (the network, say) stays."""
        placement = PlacementForm.placement_parameters(given)
        own = {
            "TaskDefinitionArn": _definition_arn(given["task_definition"].strip()),
            "TaskCount": given["count"],
            "LaunchType": given["capacity"] if given["capacity"] != _STRATEGY else None,
            "CapacityProviderStrategy": given["shares"] if given["capacity"] == _STRATEGY else None,
            "Group": given["group"].strip(),
            "PlacementStrategy": placement["placement_strategy"],
            "PlacementConstraints": placement["placement_constraints"],
            "PropagateTags": "TASK_DEFINITION" if given["propagate"] else None,
            "Tags": [{"Key": key, "Value": value} for key, value in given["task_tags"].items()],
            "EnableExecuteCommand": TerminalForm.terminal_parameters(given).get("enable_execute_command"),
        }
        kept = dict((before or {}).get("EcsParameters", {}))
        ecs = {name: value for name, value in {**kept, **own}.items() if value not in (None, "", [])}
        document = {
            "Id": target_id,
            "Arn": here.cluster_arn(given["cluster"]),
            "RoleArn": given["role"].strip(),
            "EcsParameters": ecs,
            "Input": given["overrides"],
        }
        return {name: value for name, value in document.items() if value}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("capacity") == _STRATEGY and not given.get("shares") and "shares" not in self.errors:
            self.add_error("shares", _("Name at least one capacity provider."))
        return given


def _line(share: Mapping[str, Any]) -> str:
    figures = [f"{name}={share[name]}" for name in ("weight", "base") if name in share]
    return " ".join([share["capacityProvider"], *figures])


def _definition_arn(text: str) -> str:
    return text if is_arn(text) else here.names().ecs(f"task-definition/{text}")


class RuleForm(ScheduleForm, TargetForm):
    """A rule with its first target."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        help_text=gettext_lazy("Letters, digits, dots, hyphens and underscores. The name stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    tags = TagsField(label=gettext_lazy("Tags of the scheduled task"))
