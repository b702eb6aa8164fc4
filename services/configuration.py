"""Checking and completing what a service is configured with. AWS form in, AWS form out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from base.errors import InvalidParameter, invalid, invalid_fields, unsupported
from clusters.facts import compiled
from clusters.models import Cluster
from clusters.strategies import BUILT_IN, FARGATE, checked_strategy
from services import hooks
from services.models import TaskDefinition

Document = dict[str, Any]

DEFAULT_BREAKER: Document = {
    "enable": False,
    "rollback": False,
    "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}
_DEPLOYMENT_KEYS = {
    *("deploymentCircuitBreaker", "lifecycleHooks", "maximumPercent", "minimumHealthyPercent", "strategy")
}
_BREAKER_KEYS = set(DEFAULT_BREAKER)
_STRATEGIES = ("spread", "binpack", "random")
MOST_TASKS = 5000  # of one service, as ECS


def _object(value: Any, where: str) -> Mapping[str, Any]:
    """What is an object in AWS's form; None is an empty one."""
    if value is not None and not isinstance(value, Mapping):
        raise invalid(where, "must be an object")
    return value or {}


def flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(where, "true or false")
    return value


def desired_count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TASKS:
        raise invalid("desiredCount", f"a whole number from 0 to {MOST_TASKS}")
    return value


def health_grace(value: object) -> int:
    """Seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2_147_483_647:
        raise invalid("healthCheckGracePeriodSeconds", "a whole number of seconds, 0 or more")
    return value


def _texts(value: Any, where: str) -> list[str]:
    if value is None:
        return []
    if (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not all(isinstance(x, str) for x in value)
    ):
        raise invalid(where, "must be a list of texts")
    return list(value)


def _unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise unsupported(f"{where}.{key}")


def _percent(value: Any, field: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(field, f"a whole number from {low} to {high}")
    return value


def deployment_configuration(
    given: Mapping[str, Any] | None, before: Mapping[str, Any] | None = None, *, daemon: bool = False
) -> Document:
    """The complete deployment configuration: what is given, over what was, over ECS's defaults (100 % and 200 %; of a
    daemon service 0 % and 100 %, beyond which no daemon goes: it never has two tasks on an instance)."""
    least, most = (0, 100) if daemon else (100, 200)
    given = _object(given, "deploymentConfiguration")
    _unknown(given, _DEPLOYMENT_KEYS, "deploymentConfiguration")
    if given.get("strategy", "ROLLING") != "ROLLING":
        raise unsupported(f"deploymentConfiguration.strategy {given['strategy']}", "Use ROLLING.")
    before = before or {}
    result: Document = {
        "strategy": "ROLLING",
        "minimumHealthyPercent": _percent(
            given.get("minimumHealthyPercent", before.get("minimumHealthyPercent", least)),
            "deploymentConfiguration.minimumHealthyPercent",
            0,
            1000,
        ),
        "maximumPercent": _percent(
            given.get("maximumPercent", before.get("maximumPercent", most)),
            "deploymentConfiguration.maximumPercent",
            0,
            1000,
        ),
        "deploymentCircuitBreaker": _breaker(
            given.get("deploymentCircuitBreaker"), before.get("deploymentCircuitBreaker") or DEFAULT_BREAKER
        ),
    }
    paused = given.get("lifecycleHooks")
    paused = before.get("lifecycleHooks") if paused is None else hooks.checked(paused)
    if paused:
        result["lifecycleHooks"] = paused
    if daemon and result["maximumPercent"] != 100:
        raise invalid("deploymentConfiguration.maximumPercent", "100 for a daemon service")
    if daemon and result["minimumHealthyPercent"] > 100:
        raise invalid("deploymentConfiguration.minimumHealthyPercent", "0 to 100 for a daemon service")
    if result["maximumPercent"] <= result["minimumHealthyPercent"] and result["maximumPercent"] < 100:
        raise invalid_fields(
            {"deploymentConfiguration.maximumPercent": "must leave room to run every task: 100 or more"}
        )
    return result


def _breaker(given: Mapping[str, Any] | None, before: Mapping[str, Any]) -> Document:
    if given is None:
        return dict(before)
    where = "deploymentConfiguration.deploymentCircuitBreaker"
    given = _object(given, where)
    _unknown(given, _BREAKER_KEYS, where)
    for name in ("enable", "rollback", "resetOnHealthyTask"):
        if name in given and not isinstance(given[name], bool):
            raise invalid(f"{where}.{name}", "true or false")
    threshold = _object(given.get("thresholdConfiguration"), f"{where}.thresholdConfiguration")
    _unknown(threshold, {"type", "value"}, f"{where}.thresholdConfiguration")
    kind = threshold.get("type", "BOUNDED_PERCENT")
    if kind not in ("COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT"):
        raise invalid(f"{where}.thresholdConfiguration.type", "COUNT, BOUNDED_PERCENT or UNBOUNDED_PERCENT")
    value = _percent(
        threshold.get("value", 50),
        f"{where}.thresholdConfiguration.value",
        1,
        10000 if kind == "COUNT" else 100,
    )
    return {
        "enable": given.get("enable", False),
        "rollback": given.get("rollback", False),
        "resetOnHealthyTask": given.get("resetOnHealthyTask", True),
        "thresholdConfiguration": {"type": kind, "value": value},
    }


def network_configuration(
    cluster: Cluster, definition: TaskDefinition, given: Mapping[str, Any] | None
) -> Document:
    """awsvpcConfiguration for awsvpc tasks, filled from the cluster's default network; ids must be the cluster's."""
    awsvpc = definition.document.get("networkMode") == "awsvpc"
    if not awsvpc:
        if given:
            raise invalid("networkConfiguration", "only for task definitions in network mode awsvpc")
        return {}
    network = cluster.networks.order_by("id").first()
    assert network is not None  # every cluster is created with one
    given = _object(given, "networkConfiguration")
    _unknown(given, {"awsvpcConfiguration"}, "networkConfiguration")
    where = "networkConfiguration.awsvpcConfiguration"
    given = _object(given.get("awsvpcConfiguration"), where)
    _unknown(given, {"subnets", "securityGroups", "assignPublicIp"}, where)
    subnets = _texts(given.get("subnets"), f"{where}.subnets") or [network.subnet_id]
    groups = _texts(given.get("securityGroups"), f"{where}.securityGroups") or [network.security_group_id]
    known_subnets = set(cluster.networks.values_list("subnet_id", flat=True))
    known_groups = set(cluster.networks.values_list("security_group_id", flat=True))
    problems = {}
    for subnet in subnets:
        if subnet not in known_subnets:
            problems["networkConfiguration.awsvpcConfiguration.subnets"] = (
                f"{subnet} is not a subnet of cluster {cluster}"
            )
    for group in groups:
        if group not in known_groups:
            problems["networkConfiguration.awsvpcConfiguration.securityGroups"] = (
                f"{group} is not a security group of cluster {cluster}"
            )
    if given.get("assignPublicIp", "DISABLED") not in ("ENABLED", "DISABLED"):
        problems["networkConfiguration.awsvpcConfiguration.assignPublicIp"] = "ENABLED or DISABLED"
    if given.get("assignPublicIp") == "ENABLED":
        raise unsupported("networkConfiguration.awsvpcConfiguration.assignPublicIp ENABLED", "Use DISABLED.")
    if problems:
        raise invalid_fields(problems)
    return {
        "awsvpcConfiguration": {"subnets": subnets, "securityGroups": groups, "assignPublicIp": "DISABLED"}
    }


def capacity(
    cluster: Cluster,
    definition: TaskDefinition,
    launch_type: str | None,
    strategy: Sequence[Mapping[str, Any]] | None,
) -> Document:
    """`launchType` or `capacityProviderStrategy`; without either the cluster's default strategy, if it has one. FARGATE
    needs a task definition that has it."""
    if launch_type and strategy:
        raise InvalidParameter(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            fields={"launchType": "not together with capacityProviderStrategy"},
        )
    if launch_type not in (None, "", "EC2", "FARGATE"):
        raise unsupported(f"launchType {launch_type}", "Use EC2 or FARGATE.")
    if not strategy and not launch_type:
        strategy = cluster.default_capacity_provider_strategy
    result: Document = {"launchType": launch_type or "EC2"}
    if strategy:
        usable = cluster.capacity_providers
        result = {
            "capacityProviderStrategy": checked_strategy(strategy, "capacityProviderStrategy", usable=usable)
        }
    if launch_type_of(result) == FARGATE and FARGATE not in definition.document.get(
        "requiresCompatibilities", []
    ):
        raise InvalidParameter(
            f"Task definition {definition} does not support launch_type FARGATE.",
            fields={"launchType": "the task definition does not require the compatibility FARGATE"},
        )
    return result


def launch_type_of(frozen: Mapping[str, Any]) -> str:
    """EC2 or FARGATE; of a strategy, that of its providers, which never mix."""
    strategy = frozen.get("capacityProviderStrategy") or []
    if any(item["capacityProvider"] in BUILT_IN for item in strategy):
        return FARGATE
    return str(frozen.get("launchType") or "EC2")


def _check_expression(text: Any, where: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise invalid(where, "memberOf needs an expression of the cluster query language")
    compiled(text, where)


def placement(
    strategy: Sequence[Mapping[str, Any]] | None, constraints: Sequence[Mapping[str, Any]] | None
) -> Document:
    """placementStrategy (spread, binpack, random; at most 5) and placementConstraints (distinctInstance, memberOf; at
    most 10)."""
    strategy, constraints = list(strategy or []), list(constraints or [])
    if len(strategy) > 5:
        raise invalid("placementStrategy", "at most 5")
    for position, item in enumerate(strategy):
        where = f"placementStrategy[{position}]"
        _unknown(_object(item, where), {"type", "field"}, where)
        kind, field = item.get("type"), str(item.get("field", ""))
        if kind not in _STRATEGIES:
            raise invalid(f"{where}.type", "spread, binpack or random")
        if kind == "binpack" and field.lower() not in ("cpu", "memory"):
            raise invalid(f"{where}.field", "cpu or memory")
        if kind == "spread" and not (field in ("instanceId", "host") or field.startswith("attribute:")):
            raise invalid(f"{where}.field", "instanceId, host or attribute:NAME")
    if len(constraints) > 10:
        raise invalid("placementConstraints", "at most 10")
    for position, item in enumerate(constraints):
        where = f"placementConstraints[{position}]"
        _unknown(_object(item, where), {"type", "expression"}, where)
        if item.get("type") == "memberOf":
            _check_expression(item.get("expression"), f"{where}.expression")
        elif item.get("type") != "distinctInstance":
            raise invalid(f"{where}.type", "distinctInstance or memberOf")
        elif item.get("expression"):
            raise invalid(f"{where}.expression", "not with distinctInstance")
    return {"placementStrategy": strategy, "placementConstraints": constraints}
