"""Reads of clusters and instances."""

from __future__ import annotations

from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, Params, operation
from base import here
from base.arn import is_arn
from base.errors import cluster_not_found, invalid, not_found
from base.prepared import Given, Prepared
from clusters.facts import matching
from clusters.models import Cluster, ContainerInstance

DEFAULT_CLUSTER = "default"


def cluster_name(name_or_arn: str | None) -> str:
    """The cluster's name, whichever way it was given; none means `default`."""
    return (name_or_arn or DEFAULT_CLUSTER).rsplit("/", 1)[-1]


def cluster_arn_of(params: Params) -> str:
    """The ARN to authorize: params["cluster"], a name or an ARN."""
    return here.cluster_arn(cluster_name(params.get("cluster")))


def instance_arn_of(params: Params) -> str:
    given = params["container_instance"]
    if is_arn(given):
        return given
    return here.container_instance_arn(cluster_name(params.get("cluster")), given)


def find_cluster(name_or_arn: str | None) -> Cluster:
    """An ACTIVE cluster. Raises ClusterNotFoundException."""
    name = cluster_name(name_or_arn)
    cluster = _ACTIVE.first(name=name)
    if cluster is None:
        raise cluster_not_found(name)
    return cluster


# Asked by nearly every operation.
_ACTIVE = Prepared(
    lambda: Cluster.objects.filter(name=Given("name"), status=Cluster.Status.ACTIVE).order_by()[:1]
)


def find_instance(cluster: Cluster, id_or_arn: str) -> ContainerInstance:
    """A registered instance of this cluster."""
    instance = (
        ContainerInstance.objects.select_related("cluster")
        .filter(cluster=cluster, pk=id_or_arn.rsplit("/", 1)[-1])
        .exclude(status=ContainerInstance.Status.INACTIVE)
        .first()
    )
    if instance is None:
        raise not_found("container instance", id_or_arn)
    return instance


@operation("ecs:ListClusters", resource=lambda params: "*", writes=False)
def list_clusters(caller: Caller) -> QuerySet[Cluster]:
    """The active clusters this caller may see, by name."""
    clusters = Cluster.objects.filter(status=Cluster.Status.ACTIVE)
    return visible(clusters, caller, "ecs:DescribeClusters", row_keys={"ecs:cluster": "arn"})


@operation("ecs:DescribeClusters", resource=cluster_arn_of, writes=False)
def describe_cluster(caller: Caller, *, cluster: str = DEFAULT_CLUSTER) -> Cluster:
    """One active cluster, by name or ARN."""
    return find_cluster(cluster)


@operation("ecs:ListContainerInstances", resource=lambda params: "*", writes=False)
def list_container_instances(
    caller: Caller, *, cluster: str | None = None, filter: str | None = None, status: str | None = None
) -> QuerySet[ContainerInstance]:
    """The registered instances this caller may see, of one cluster or of all. `filter`: an expression of the cluster
    query language; `status`: ACTIVE or DRAINING."""
    if status is not None and status not in (
        ContainerInstance.Status.ACTIVE,
        ContainerInstance.Status.DRAINING,
    ):
        raise invalid("status", "ACTIVE or DRAINING")
    instances = ContainerInstance.objects.select_related("cluster").exclude(
        status=ContainerInstance.Status.INACTIVE
    )
    owner = find_cluster(cluster) if cluster is not None else None
    if owner is not None:
        instances = instances.filter(cluster=owner)
    if status is not None:
        instances = instances.filter(status=status)
    keys = {"ecs:cluster": "cluster__arn"}
    seen = visible(instances, caller, "ecs:DescribeContainerInstances", row_keys=keys)
    return matching(seen, filter, owner.pk if owner is not None else None) if filter else seen


@operation("ecs:DescribeContainerInstances", resource=instance_arn_of, writes=False)
def describe_container_instance(
    caller: Caller, *, container_instance: str, cluster: str = DEFAULT_CLUSTER
) -> ContainerInstance:
    """One registered instance, by id or ARN."""
    return find_instance(find_cluster(cluster), container_instance)
