"""The part of forms that says where tasks are placed: strategies and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Strategy = list[dict[str, str]]

_ZONES = {"type": "spread", "field": "attribute:ecs.availability-zone"}
_TEMPLATES: dict[str, tuple[Any, Strategy]] = {
    "": (gettext_lazy("Spread over availability zones"), []),
    "instances": (gettext_lazy("Spread over instances"), [{"type": "spread", "field": "instanceId"}]),
    "zones-memory": (
        gettext_lazy("Spread over availability zones, then fill instances, by memory"),
        [_ZONES, {"type": "binpack", "field": "memory"}],
    ),
    "memory": (gettext_lazy("Fill instances, by memory"), [{"type": "binpack", "field": "memory"}]),
    "cpu": (gettext_lazy("Fill instances, by CPU"), [{"type": "binpack", "field": "cpu"}]),
    "random": (gettext_lazy("Anywhere, at random"), [{"type": "random"}]),
}
_CUSTOM = "custom"


class StrategiesField(forms.CharField):
    """`spread attribute:rack`, one a line, as placementStrategy. The operation checks the words."""

    widget = forms.Textarea(
        attrs={
            "rows": 2,
            "spellcheck": "false",
            "class": "mono",
            "placeholder": "spread attribute:rack\nbinpack memory",
        }
    )

    def to_python(self, value: Any) -> Any:
        found = []
        for line in (value or "").splitlines():
            words = line.split()
            if len(words) > 2:
                raise forms.ValidationError(_("One strategy a line: its type, then its field."))
            if words:
                found.append(dict(zip(("type", "field"), words, strict=False)))
        return found

    def run_validators(self, value: Any) -> None:
        """Those of CharField are for text."""


class PlacementForm(forms.Form):
    placement = forms.ChoiceField(
        label=gettext_lazy("Placement"),
        choices=[
            *((key, label) for key, (label, _strategy) in _TEMPLATES.items()),
            (_CUSTOM, gettext_lazy("My own strategies")),
        ],
        required=False,
    )
    strategies = StrategiesField(
        label=gettext_lazy("My own strategies"),
        required=False,
        help_text=gettext_lazy(
            "Type and field, one a line, the most important first: spread, binpack, random."
        ),
    )
    distinct = forms.BooleanField(label=gettext_lazy("At most one task on each instance"), required=False)
    member_of = forms.CharField(
        label=gettext_lazy("Only on instances that are"),
        required=False,
        widget=forms.Textarea(
            attrs={
                "rows": 2,
                "spellcheck": "false",
                "class": "mono",
                "placeholder": "attribute:ecs.availability-zone in [a, b]",
            }
        ),
        help_text=gettext_lazy(
            "Expressions of the cluster query language (memberOf), one a line; all of them must hold."
        ),
    )

    PLACEMENT_PATHS: ClassVar[dict[str, str]] = {
        "placementStrategy": "strategies",
        **{f"placementStrategy[{n}].{name}": "strategies" for n in range(6) for name in ("type", "field")},
        "placementConstraints": "member_of",
        **{f"placementConstraints[{n}].expression": "member_of" for n in range(11)},
    }

    @staticmethod
    def placement_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The form's first values, from a frozen configuration."""
        strategy = list(configuration.get("placementStrategy") or [])
        constraints = list(configuration.get("placementConstraints") or [])
        known = next((key for key, (_label, same) in _TEMPLATES.items() if same == strategy), _CUSTOM)
        lines = [f"{item['type']} {item.get('field', '')}".strip() for item in strategy]
        return {
            "placement": known,
            "strategies": "\n".join(lines) if known == _CUSTOM else "",
            "distinct": any(item["type"] == "distinctInstance" for item in constraints),
            "member_of": "\n".join(item["expression"] for item in constraints if item["type"] == "memberOf"),
        }

    @staticmethod
    def placement_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's parameters."""
        kind = given["placement"] or ""
        strategy = given["strategies"] if kind == _CUSTOM else _TEMPLATES[kind][1]
        expressions = [line.strip() for line in (given["member_of"] or "").splitlines() if line.strip()]
        return {
            "placement_strategy": strategy,
            "placement_constraints": [
                *([{"type": "distinctInstance"}] if given["distinct"] else []),
                *({"type": "memberOf", "expression": text} for text in expressions),
            ],
        }


class ServicePlacementForm(PlacementForm):
    """With what is asked of services alone."""

    rebalance = forms.BooleanField(
        label=gettext_lazy("Keep availability zones even"),
        required=False,
        initial=True,
        help_text=gettext_lazy(
            "Tasks of a steady service move until no zone has two more than another. Only for services that spread "
            "over zones first, may run more tasks than desired for a while, and are no daemons."
        ),
    )

    SERVICE_PATHS: ClassVar[dict[str, str]] = {
        "availabilityZoneRebalancing": "rebalance",
        **PlacementForm.PLACEMENT_PATHS,
    }

    @staticmethod
    def service_parameters(given: Mapping[str, Any], *, new: bool = False) -> dict[str, Any]:
        """The operation's parameters. `new`: a service that cannot have its zones kept even is created without."""
        wanted = None if new else "ENABLED"
        return {
            "availability_zone_rebalancing": wanted if given["rebalance"] else "DISABLED",
            **PlacementForm.placement_parameters(given),
        }
