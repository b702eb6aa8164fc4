"""The part of forms that says how deployments run: percentages, circuit breaker, grace period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from services.models import Service

_BREAKER = (
    ("rollback", gettext_lazy("On: stop a failing deployment and roll back")),
    ("stop", gettext_lazy("On: stop a failing deployment")),
    ("off", gettext_lazy("Off: keep trying")),
)


class DeploymentForm(forms.Form):
    minimum_healthy_percent = forms.IntegerField(
        label=gettext_lazy("Minimum healthy percent"),
        min_value=0,
        max_value=1000,
        initial=100,
        help_text=gettext_lazy(
            "Of the desired tasks, rounded up: never fewer healthy ones during a deployment."
        ),
    )
    maximum_percent = forms.IntegerField(
        label=gettext_lazy("Maximum percent"),
        min_value=0,
        max_value=1000,
        initial=200,
        help_text=gettext_lazy("Of the desired tasks, rounded down: never more of both revisions together."),
    )
    circuit_breaker = forms.ChoiceField(
        label=gettext_lazy("Circuit breaker"), choices=_BREAKER, initial="rollback"
    )
    grace_period = forms.IntegerField(
        label=gettext_lazy("Health check grace period, seconds"),
        min_value=0,
        max_value=2_147_483_647,
        initial=0,
        help_text=gettext_lazy("For so long after its start a task that fails its checks is not stopped."),
    )

    PATHS: ClassVar[dict[str, str]] = {
        "deploymentConfiguration.minimumHealthyPercent": "minimum_healthy_percent",
        "deploymentConfiguration.maximumPercent": "maximum_percent",
        "deploymentConfiguration.deploymentCircuitBreaker": "circuit_breaker",
        "healthCheckGracePeriodSeconds": "grace_period",
    }

    @staticmethod
    def initial_of(service: Service) -> dict[str, Any]:
        configured = service.deployment_configuration
        breaker = configured.get("deploymentCircuitBreaker") or {}
        kind = "off" if not breaker.get("enable") else "rollback" if breaker.get("rollback") else "stop"
        return {
            "minimum_healthy_percent": configured.get("minimumHealthyPercent", 100),
            "maximum_percent": configured.get("maximumPercent", 200),
            "circuit_breaker": kind,
            "grace_period": service.health_grace,
        }

    @staticmethod
    def parameters_of(given: Mapping[str, Any], breaker: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The operation's parameters. `breaker`: the one there is, whose threshold the form does not show."""
        kind = given["circuit_breaker"]
        return {
            "deployment_configuration": {
                "minimumHealthyPercent": given["minimum_healthy_percent"],
                "maximumPercent": given["maximum_percent"],
                "deploymentCircuitBreaker": {
                    **(breaker or {}),
                    "enable": kind != "off",
                    "rollback": kind == "rollback",
                },
            },
            "health_check_grace_period_seconds": given["grace_period"],
        }
