"""What a daemon is configured with, checked and complete. AWS form in, AWS form out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from base.errors import InvalidParameter, invalid, unsupported
from clusters.models import Cluster
from clusters.strategies import BUILT_IN
from services.configuration import DEFAULT_BREAKER, Document, flag

DEFAULT_DRAIN = 25.0  # percent, as ECS
LONGEST_BAKE = 1440  # minutes, as for services
_WHERE = "deploymentConfiguration"


def deployment_configuration(given: Mapping[str, Any] | None) -> Document:
    """drainPercent and bakeTimeInMinutes, beside what every deployment has: the circuit breaker is always on, and rolls
    back. Alarms are refused: there are none yet."""
    if given is not None and not isinstance(given, Mapping):
        raise invalid(_WHERE, "must be an object")
    given = given or {}
    for key in given:
        if key not in ("drainPercent", "bakeTimeInMinutes", "alarms"):
            raise unsupported(f"{_WHERE}.{key}")
    if any((given.get("alarms") or {}).values()):
        raise unsupported(f"{_WHERE}.alarms", "The circuit breaker alone watches a deployment.")
    drain = given.get("drainPercent", DEFAULT_DRAIN)
    if isinstance(drain, bool) or not isinstance(drain, int | float) or not 0 <= drain <= 100:
        raise invalid(f"{_WHERE}.drainPercent", "a number from 0.0 to 100.0")
    bake = given.get("bakeTimeInMinutes", 0)
    if isinstance(bake, bool) or not isinstance(bake, int) or not 0 <= bake <= LONGEST_BAKE:
        raise invalid(f"{_WHERE}.bakeTimeInMinutes", f"a whole number of minutes from 0 to {LONGEST_BAKE}")
    return {
        "strategy": "ROLLING",
        "minimumHealthyPercent": 0,
        "maximumPercent": 100,
        "deploymentCircuitBreaker": {**DEFAULT_BREAKER, "enable": True, "rollback": True},
        "drainPercent": float(drain),
        "bakeTimeInMinutes": bake,
    }


def shown(configuration: Mapping[str, Any]) -> Document:
    """Of it, what AWS's shape has."""
    return {name: configuration[name] for name in ("drainPercent", "bakeTimeInMinutes")}


def frozen(
    cluster: Cluster,
    capacity_providers: Sequence[str],
    *,
    propagate_tags: object,
    enable_ecs_managed_tags: object,
    enable_execute_command: object,
    critical: object,
) -> Document:
    """What a daemon's revision freezes beside its daemon task definition."""
    if propagate_tags not in ("NONE", "DAEMON"):
        raise invalid("propagateTags", "NONE or DAEMON")
    names = _providers(cluster, capacity_providers)
    return {
        "capacityProviderStrategy": [{"capacityProvider": name, "base": 0, "weight": 1} for name in names],
        "networkConfiguration": {},
        "placementStrategy": [],
        "placementConstraints": [],
        "propagateTags": propagate_tags,
        "enableECSManagedTags": flag(enable_ecs_managed_tags, "enableECSManagedTags"),
        "enableExecuteCommand": flag(enable_execute_command, "enableExecuteCommand"),
        "critical": flag(critical, "critical"),
    }


def provider_names(configuration: Mapping[str, Any]) -> list[str]:
    """The capacity providers of a daemon's revision."""
    return [item["capacityProvider"] for item in configuration["capacityProviderStrategy"]]


def _providers(cluster: Cluster, given: object) -> list[str]:
    """Names of capacity providers that the cluster has, each once."""
    field = "capacityProviderArns"
    if (
        not isinstance(given, Sequence)
        or isinstance(given, str)
        or not given
        or not all(isinstance(one, str) and one for one in given)
    ):
        raise invalid(field, "one or more names or ARNs of capacity providers")
    names = list(dict.fromkeys(one.rsplit("/", 1)[-1] for one in given))
    for name in names:
        if name in BUILT_IN:
            raise unsupported(
                f"{field} {name}", "It has no container instances of its own to run daemons on."
            )
        if name not in cluster.capacity_providers:
            raise InvalidParameter(
                f"The capacity provider {name} is not associated with the cluster. "
                "Associate it with PutClusterCapacityProviders and try again.",
                fields={field: f"{name} is not associated with the cluster"},
            )
    return names
