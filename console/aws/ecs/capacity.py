"""Capacity providers, and which of them a cluster has."""

from __future__ import annotations

from collections.abc import Sequence

from access.caller import Caller
from access.registry import call
from base import here
from clusters.models import CapacityProvider
from console.aws.ecs.clusters import shape as cluster_shape
from console.aws.ecs.common import Document, missing, tags_of
from console.aws.handlers import answers, mechanical
from console.aws.paging import page


def shape(row: CapacityProvider, include: Sequence[str] = ("TAGS",)) -> Document:
    return {
        "capacityProviderArn": row.arn,
        "name": row.name,
        "status": row.status,
        "type": row.name if row.built_in else "EC2_AUTOSCALING",
        "autoScalingGroupProvider": row.configuration or None,
        **tags_of(row, include),
    }


def _one(row: CapacityProvider) -> Document:
    return {"capacityProvider": shape(row)}


mechanical("ecs", "CreateCapacityProvider", _one)
mechanical("ecs", "UpdateCapacityProvider", _one)
mechanical("ecs", "DeleteCapacityProvider", _one)
mechanical("ecs", "PutClusterCapacityProviders", lambda row: {"cluster": cluster_shape(row)})


@answers("ecs", "DescribeCapacityProviders", "describe_capacity_providers")
def describe_capacity_providers(
    caller: Caller,
    *,
    capacityProviders: Sequence[str] | None = None,
    cluster: str | None = None,
    include: Sequence[str] = (),
    maxResults: int = 10,
    nextToken: str = "",
) -> Document:
    rows = call("describe_capacity_providers", caller, capacity_providers=capacityProviders, cluster=cluster)
    found, following = page(
        rows,
        "DescribeCapacityProviders",
        ["name"],
        most=maxResults,
        token=nextToken,
        bound={"names": capacityProviders, "cluster": cluster},
    )
    known = {row.name for row in rows} if capacityProviders else set()
    names = [name.rsplit("/", 1)[-1] for name in capacityProviders or ()]
    return {
        "capacityProviders": [shape(row, include) for row in found],
        "failures": [missing(here.capacity_provider_arn(name)) for name in names if name not in known],
        "nextToken": following,
    }
