"""Capacity providers: named groups of instances that strategies share tasks out to.

An instance belongs to the provider whose Auto Scaling group it is a member of, and says so by its attribute
`slipway.auto-scaling-group`. Until Slipway scales such groups itself, managed scaling is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from access.authorization.creation_tags import tagging_need
from access.authorization.visibility import visible
from access.registry import Caller, Params, operation
from access.trail import audit
from base import clock, here, live
from base.errors import ClientError, InvalidParameter, NotFound, ResourceInUse, invalid, unsupported
from base.tags import checked
from clusters.models import CapacityProvider, Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_arn_of, find_cluster
from clusters.strategies import BUILT_IN, checked_strategy

MOST = 20  # of one cluster
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESERVED = re.compile(r"(aws|ecs|fargate)", re.IGNORECASE)
_WHERE = "autoScalingGroupProvider"

# (cluster, provider's name) -> what of the cluster still uses the provider, in words; "" where nothing does.
InUse = Callable[[Cluster, str], str]
_guards: list[InUse] = []


def guard(check: InUse) -> None:
    """For the rooms above that use providers."""
    _guards.append(check)


class ProviderNotFound(NotFound, InvalidParameter):
    """AWS answers InvalidParameterException: "The specified capacity provider does not exist." """

    code = "InvalidParameterException"
    status = 404


def find_provider(name_or_arn: str) -> CapacityProvider:
    name = name_or_arn.rsplit("/", 1)[-1]
    row = CapacityProvider.objects.filter(name=name, status=CapacityProvider.Status.ACTIVE).first()
    if row is None:
        raise ProviderNotFound(
            "The specified capacity provider does not exist. Specify a valid name or ARN and try again.",
            fields={"capacityProvider": "does not exist"},
        )
    return row


def _arn_of(params: Params) -> str:
    given = str(params.get("capacity_provider") or params.get("name"))
    return here.capacity_provider_arn(given.rsplit("/", 1)[-1])


# ---- writes ------------------------------------------------------------------------------------


@operation(
    "ecs:CreateCapacityProvider",
    resource=_arn_of,
    extra=lambda caller, params: tagging_need("CreateCapacityProvider", _arn_of(params), params["tags"]),
    writes=True,
)
def create_capacity_provider(
    caller: Caller,
    *,
    name: str,
    auto_scaling_group_provider: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
) -> CapacityProvider:
    """Create a capacity provider for the instances of an Auto Scaling group. Clusters use it once it is put to them."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _RESERVED.match(name):
        raise invalid("name", "1 to 255 letters, digits, _ and -, and not beginning with aws, ecs or fargate")
    if CapacityProvider.objects.filter(name=name, status=CapacityProvider.Status.ACTIVE).exists():
        raise ClientError(
            f"A capacity provider with the name {name} already exists.", fields={"name": "exists already"}
        )
    found = _checked_provider(auto_scaling_group_provider, {})
    taken = CapacityProvider.objects.filter(
        group=_group(found), status=CapacityProvider.Status.ACTIVE
    ).first()
    if taken is not None:
        raise ClientError(
            f"The Auto Scaling group is used by the capacity provider {taken} already.",
            fields={f"{_WHERE}.autoScalingGroupArn": f"is used by {taken}"},
        )
    row, _ = CapacityProvider.objects.update_or_create(
        name=name,
        defaults={
            "arn": here.capacity_provider_arn(name),
            "status": CapacityProvider.Status.ACTIVE,
            "group": _group(found),
            "configuration": found,
            "tags": checked(tags),
            "created_at": clock.now(),
            "created_by": caller.arn,
        },
    )
    live.publish("clusters")
    return row


@operation("ecs:UpdateCapacityProvider", resource=_arn_of, writes=True)
def update_capacity_provider(
    caller: Caller, *, name: str, auto_scaling_group_provider: Mapping[str, Any]
) -> CapacityProvider:
    """Change the settings of a capacity provider; its Auto Scaling group stays."""
    row = CapacityProvider.objects.select_for_update().get(pk=find_provider(name).pk)
    _refuse_built_in(row, "updated")
    given = _object(auto_scaling_group_provider, _WHERE, _SETTINGS)
    kept = {"autoScalingGroupArn": row.configuration["autoScalingGroupArn"]}
    found = _checked_provider({**given, **kept}, row.configuration)
    audit.note_change("autoScalingGroupProvider", row.configuration, found)
    row.configuration = found
    row.save(update_fields=["configuration"])
    live.publish("clusters")
    return row


@operation("ecs:DeleteCapacityProvider", resource=_arn_of, writes=True)
def delete_capacity_provider(caller: Caller, *, capacity_provider: str) -> CapacityProvider:
    """Delete a capacity provider that no cluster has any more. Its instances stay."""
    row = CapacityProvider.objects.select_for_update().get(pk=find_provider(capacity_provider).pk)
    _refuse_built_in(row, "deleted")
    for cluster in Cluster.objects.filter(status=Cluster.Status.ACTIVE):
        if row.name in cluster.capacity_providers:
            raise ClientError(
                f"The capacity provider {row} cannot be deleted because it is associated with the cluster {cluster}. "
                "Remove it from the cluster and try again.",
                fields={"capacityProvider": f"is associated with {cluster}"},
            )
    row.status = CapacityProvider.Status.INACTIVE
    row.save(update_fields=["status"])
    live.publish("clusters")
    return row


@operation("ecs:PutClusterCapacityProviders", resource=cluster_arn_of, writes=True)
def put_cluster_capacity_providers(
    caller: Caller,
    *,
    cluster: str,
    capacity_providers: Sequence[str],
    default_capacity_provider_strategy: Sequence[Mapping[str, Any]],
) -> Cluster:
    """Say which capacity providers a cluster uses, and the strategy of services and tasks that name neither
    one of their own nor a launch type. Both lists replace what was; one that is still used cannot be taken away."""
    row = Cluster.objects.select_for_update().get(pk=find_cluster(cluster).pk)
    names, strategy = checked_capacity(capacity_providers, default_capacity_provider_strategy)
    for name in sorted(set(row.capacity_providers) - set(names)):
        used = next((words for check in _guards if (words := check(row, name))), "")
        if used:
            raise ResourceInUse(
                f"The specified capacity provider is in use and cannot be removed: {name} ({used}).",
                fields={"capacityProviders": f"{name} is in use"},
            )
    audit.note_change("capacityProviders", row.capacity_providers, names)
    audit.note_change("defaultCapacityProviderStrategy", row.default_capacity_provider_strategy, strategy)
    row.capacity_providers, row.default_capacity_provider_strategy = names, strategy
    row.save(update_fields=["capacity_providers", "default_capacity_provider_strategy"])
    live.publish("clusters", f"cluster:{row.name}")
    return row


def checked_capacity(names: Any, strategy: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """capacityProviders and defaultCapacityProviderStrategy of a cluster: CreateCluster's as well."""
    usable = _checked_names(names)
    where = "defaultCapacityProviderStrategy"
    return usable, checked_strategy(strategy, where, usable=usable, mine=True)


def _checked_names(given: Any) -> list[str]:
    """Names of ACTIVE providers, each once."""
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise invalid("capacityProviders", "a list of names")
    if len(given) > MOST:
        raise invalid("capacityProviders", f"at most {MOST}")
    names = list(dict.fromkeys(name.rsplit("/", 1)[-1] for name in given))
    known = CapacityProvider.objects.filter(name__in=names, status=CapacityProvider.Status.ACTIVE)
    missing = set(names) - set(known.values_list("name", flat=True))
    if missing:
        raise invalid("capacityProviders", f"{sorted(missing)[0]} is not a capacity provider")
    return names


# ---- reads -------------------------------------------------------------------------------------


@operation("ecs:DescribeCapacityProviders", resource=lambda params: "*", writes=False)
def describe_capacity_providers(
    caller: Caller, *, capacity_providers: Sequence[str] | None = None, cluster: str | None = None
) -> QuerySet[CapacityProvider]:
    """The capacity providers this caller may see, by name: all, those named, or those of a cluster."""
    rows = CapacityProvider.objects.filter(status=CapacityProvider.Status.ACTIVE)
    if capacity_providers is not None:
        rows = rows.filter(name__in=[name.rsplit("/", 1)[-1] for name in capacity_providers])
    if cluster is not None:
        rows = rows.filter(name__in=find_cluster(cluster or DEFAULT_CLUSTER).capacity_providers)
    return visible(rows.order_by("name"), caller, "ecs:DescribeCapacityProviders")


# ---- checking ----------------------------------------------------------------------------------

_SETTINGS = {"managedScaling", "managedTerminationProtection", "managedDraining"}
_SCALING = {
    "status",
    "targetCapacity",
    "minimumScalingStepSize",
    "maximumScalingStepSize",
    "instanceWarmupPeriod",
}


def _object(given: Any, where: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise invalid(where, "must be an object")
    for key in given:
        if key not in known:
            raise unsupported(f"{where}.{key}")
    return given


def _checked_provider(given: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """autoScalingGroupProvider, complete. What only a scaler could do is refused until there is one."""
    found = _object(given, _WHERE, {"autoScalingGroupArn", *_SETTINGS})
    group = found.get("autoScalingGroupArn")
    if not isinstance(group, str) or not 1 <= len(group) <= 400 or not group.isprintable():
        raise invalid(f"{_WHERE}.autoScalingGroupArn", "the group's name or ARN, 1 to 400 characters")
    scaling = _object(found.get("managedScaling") or {}, f"{_WHERE}.managedScaling", _SCALING)
    for where, value in (
        ("managedScaling.status", scaling.get("status")),
        ("managedTerminationProtection", found.get("managedTerminationProtection")),
        ("managedDraining", found.get("managedDraining")),
    ):
        if value == "ENABLED":
            raise unsupported(
                f"{_WHERE}.{where} ENABLED", "Auto Scaling groups are not scaled yet: use DISABLED."
            )
        if value not in (None, "DISABLED"):
            raise invalid(f"{_WHERE}.{where}", "ENABLED or DISABLED")
    kept = before.get("managedScaling") or {}
    return {
        "autoScalingGroupArn": group,
        "managedScaling": {
            "status": "DISABLED",
            **{
                name: _whole(scaling.get(name, kept.get(name, default)), name, most)
                for name, default, most in (
                    ("targetCapacity", 100, 100),
                    ("minimumScalingStepSize", 1, 10_000),
                    ("maximumScalingStepSize", 10_000, 10_000),
                    ("instanceWarmupPeriod", 300, 10_000),
                )
            },
        },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "DISABLED",
    }


def _whole(value: Any, name: str, most: int) -> int:
    least = 0 if name == "instanceWarmupPeriod" else 1
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(f"{_WHERE}.managedScaling.{name}", f"a whole number from {least} to {most}")
    return value


def _group(provider: Mapping[str, Any]) -> str:
    """The group's name: an ARN ends with autoScalingGroupName/NAME."""
    return str(provider["autoScalingGroupArn"]).rsplit("/", 1)[-1]


def _refuse_built_in(row: CapacityProvider, what: str) -> None:
    if row.name in BUILT_IN:
        raise ClientError(
            f"The capacity provider {row} is reserved and cannot be {what}.",
            fields={"capacityProvider": "is reserved"},
        )
