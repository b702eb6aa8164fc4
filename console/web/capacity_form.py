"""The part of forms that says what tasks run on: a launch type, or capacity providers that share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.models import Cluster
from clusters.strategies import BUILT_IN

Strategy = Sequence[Mapping[str, Any]]
OWN, DEFAULT = "strategy", ""
_LAUNCH_TYPES = (("EC2", gettext_lazy("Launch type EC2")), ("FARGATE", gettext_lazy("Launch type FARGATE")))


class SharesForm(forms.Form):
    """A row for each capacity provider: fields `base-NAME` and `weight-NAME`. One with neither has no share."""

    providers: Sequence[str] = ()

    def offer_providers(self, names: Iterable[str], strategy: Strategy) -> None:
        """`strategy`: what the rows begin with."""
        self.providers = list(dict.fromkeys(names))
        shares = {item["capacityProvider"]: item for item in strategy}
        for name in self.providers:
            share = shares.get(name)
            for kind, label, most in (("base", _("Base"), 100_000), ("weight", _("Weight"), 1000)):
                initial = None if share is None else share.get(kind, 0)
                self.fields[f"{kind}-{name}"] = forms.IntegerField(
                    label=label, required=False, min_value=0, max_value=most, initial=initial
                )

    def shares(self) -> list[dict[str, Any]]:
        """For the template."""
        return [
            {"name": name, "base": self[f"base-{name}"], "weight": self[f"weight-{name}"]}
            for name in self.providers
        ]

    def strategy(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The strategy that the rows say, in AWS form."""
        rows = [
            (name, {kind: given.get(f"{kind}-{name}") for kind in ("base", "weight")})
            for name in self.providers
        ]
        return [
            {"capacityProvider": name, **{kind: value or 0 for kind, value in row.items()}}
            for name, row in rows
            if any(value is not None for value in row.values())
        ]

    def share_paths(self, given: Mapping[str, Any], parameter: str) -> dict[str, str]:
        """Where the operation's words for what is wrong with its strategy belong. `parameter`: its name for it."""
        found: dict[str, str] = {}
        for position, item in enumerate(self.strategy(given)):
            name, where = item["capacityProvider"], f"{parameter}[{position}]"
            found |= {f"{where}.base": f"base-{name}", f"{where}.weight": f"weight-{name}"}
            found[f"{where}.capacityProvider"] = f"weight-{name}"
        return found


class CapacityForm(SharesForm):
    """With the choice between launch types, the cluster's default strategy and one of its own."""

    launch_type = forms.ChoiceField(label=gettext_lazy("Compute options"), choices=[], required=False)

    CAPACITY_PATHS: ClassVar[dict[str, str]] = {
        "launchType": "launch_type",
        "capacityProviderStrategy": "launch_type",
    }

    def offer_capacity(self, cluster: Cluster | None) -> None:
        """Of a cluster: preselected is its default strategy, as in ECS's console, or else the launch type EC2."""
        default = [] if cluster is None else cluster.default_capacity_provider_strategy
        usable = [] if cluster is None else cluster.capacity_providers
        self.offer_providers([*usable, *BUILT_IN], default)
        field = self.fields["launch_type"]
        field.choices = [  # type: ignore[attr-defined]
            *(
                [(DEFAULT, _("The cluster's default: %(shares)s") % {"shares": told(default)})]
                if default
                else []
            ),
            *_LAUNCH_TYPES,
            (OWN, _("Capacity provider strategy")),
        ]
        field.initial = DEFAULT if default else "EC2"

    def has_own(self) -> bool:
        """Whether the rows are to be shown."""
        return self["launch_type"].value() == OWN

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        shares_fine = not any(name.startswith(("base-", "weight-")) for name in self.errors)
        if given.get("launch_type") == OWN and shares_fine and not self.strategy(given):
            self.add_error("launch_type", _("Give at least one capacity provider a base or a weight."))
        return given

    def capacity_parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """CreateService's and RunTask's."""
        if self.has_own():
            return {"capacity_provider_strategy": self.strategy(given)}
        return {"launch_type": given.get("launch_type") or None}


class ServiceCapacityForm(CapacityForm):
    """Of a service that is there: what it has may stay, and is preselected."""

    KEEP = "keep"

    def offer_of_service(self, cluster: Cluster, frozen: Mapping[str, Any], *, daemon: bool) -> None:
        """`frozen`: the service's configuration, in AWS form. UpdateService takes no launch type: an empty strategy is
        how a service leaves its own, for the cluster's default or else EC2."""
        own = frozen.get("capacityProviderStrategy") or []
        default = cluster.default_capacity_provider_strategy
        now = told(own) if own else _("launch type %(name)s") % {"name": frozen.get("launchType", "EC2")}
        choices = [(self.KEEP, _("As it is: %(what)s") % {"what": now})]
        if not daemon:
            if own or default:
                after = _("The cluster's default: %(shares)s") % {"shares": told(default)} if default else ""
                choices.append((DEFAULT, after or str(_LAUNCH_TYPES[0][1])))
            choices.append((OWN, _("Capacity provider strategy")))
            self.offer_providers([*cluster.capacity_providers, *BUILT_IN], own or default)
        self.fields["launch_type"].choices = choices  # type: ignore[attr-defined]
        self.fields["launch_type"].initial = self.KEEP
        self.own, self.default = own, default

    def update_parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """UpdateService's; none where the form did not ask or it stays."""
        if self.has_own():
            strategy = self.strategy(given)
            same = _shares_of(strategy) == _shares_of(self.own)
            return {} if same else {"capacity_provider_strategy": strategy}
        if given.get("launch_type") == DEFAULT and "launch_type" in self.data:
            return {"capacity_provider_strategy": self.default}
        return {}


def _shares_of(strategy: Strategy) -> dict[str, tuple[int, int]]:
    return {item["capacityProvider"]: (item.get("base", 0), item.get("weight", 0)) for item in strategy}


def told(strategy: Strategy) -> str:
    """`fast 2 + 1, cheap 3`: base + weight of each."""
    words = []
    for item in strategy:
        base, weight = item.get("base", 0), item.get("weight", 0)
        words.append(f"{item['capacityProvider']} {f'{base} + ' if base else ''}{weight}")
    return ", ".join(words)
