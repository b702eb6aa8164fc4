"""Writes of clusters and instances. Every function here is an operation: authorized, audited, one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation, system_caller
from access.trail import audit
from base import clock, here, ids, jobs_by_name, live, outbox
from base.cipher import encrypt
from base.errors import ClientError, InvalidParameter, ResourceInUse, invalid
from base.installation import installation_id
from base.tags import checked
from clusters.addresses import Credentials, checked_address
from clusters.attributes import checked_attributes
from clusters.capacity import checked_capacity
from clusters.configuration import check_settings, cluster_configuration
from clusters.models import CapacityProvider, Cluster, ContainerInstance, Network, instance_topics
from clusters.queries import (
    DEFAULT_CLUSTER,
    cluster_arn_of,
    cluster_name,
    find_cluster,
    find_instance,
    instance_arn_of,
)
from clusters.strategies import BUILT_IN

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,255}$")


class ClusterContains(ClientError):
    """The cluster still holds something; `code` is AWS's own for it."""


# What of a cluster keeps it from being deleted, in words; "" where nothing does.
InTheWay = Callable[[Cluster], str]
_deletion_guards: list[InTheWay] = []


def guard_deletion(check: InTheWay) -> None:
    """For the rooms above, of what they keep in clusters."""
    _deletion_guards.append(check)


# ---- clusters ----------------------------------------------------------------------------------


def _new_cluster_arn(params: Params) -> str:
    return here.cluster_arn(params.get("cluster_name") or DEFAULT_CLUSTER)


def _needs_of_registration(caller: Caller, params: Params) -> Iterator[Need]:
    anything = here.container_instance_arn(cluster_name(params["cluster"]), "*")
    yield from tagging_need("RegisterContainerInstance", anything, params["tags"])


@operation(
    "ecs:CreateCluster",
    resource=_new_cluster_arn,
    extra=lambda caller, params: tagging_need("CreateCluster", _new_cluster_arn(params), params["tags"]),
    writes=True,
)
def create_cluster(
    caller: Caller,
    *,
    cluster_name: str = DEFAULT_CLUSTER,
    configuration: Mapping[str, Any] | None = None,
    settings: Sequence[Mapping[str, str]] | None = None,
    capacity_providers: Sequence[str] | None = None,
    default_capacity_provider_strategy: Sequence[Mapping[str, Any]] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Cluster:
    """Create a cluster with its default network, and its capacity providers as PutClusterCapacityProviders says them.
    An active one of that name is answered as it is, as ECS does."""
    if not _NAME.match(cluster_name):
        raise invalid("clusterName", "1 to 255 letters, digits, hyphens and underscores")
    check_settings(settings)
    providers, strategy = checked_capacity(capacity_providers or (), default_capacity_provider_strategy or ())
    given: dict[str, Any] = {
        "tags": checked(tags),
        "created_by": caller.arn,
        "configuration": cluster_configuration(configuration),
        "capacity_providers": providers,
        "default_capacity_provider_strategy": strategy,
    }
    cluster, created = Cluster.objects.get_or_create(
        name=cluster_name, defaults={"arn": here.cluster_arn(cluster_name), **given}
    )
    if not created and cluster.status != Cluster.Status.ACTIVE:
        anew = {"status": Cluster.Status.ACTIVE, "created_at": clock.now(), **given}
        for name, value in anew.items():
            setattr(cluster, name, value)
        cluster.save(update_fields=list(anew))
    if not cluster.networks.exists():
        Network.objects.create(
            cluster=cluster,
            vpc_id=ids.resource_id("vpc"),
            subnet_id=ids.resource_id("subnet"),
            security_group_id=ids.resource_id("sg"),
            engine_name=f"slipway-{installation_id()}-{cluster_name}"[:120],
        )
    live.publish("overview", "clusters")
    return cluster


@operation("ecs:UpdateCluster", resource=cluster_arn_of, writes=True)
def update_cluster(
    caller: Caller,
    *,
    cluster: str,
    configuration: Mapping[str, Any] | None = None,
    settings: Sequence[Mapping[str, str]] | None = None,
) -> Cluster:
    """Change a cluster's configuration; what is not given stays. executeCommandConfiguration counts for sessions
    opened from now on."""
    row = Cluster.objects.select_for_update().get(pk=find_cluster(cluster).pk)
    check_settings(settings)
    if configuration is not None:
        configured = cluster_configuration(configuration)
        audit.note_change("configuration", row.configuration, configured)
        row.configuration = configured
        row.save(update_fields=["configuration"])
        live.publish("clusters", f"cluster:{row.name}")
    return row


@operation("ecs:UpdateClusterSettings", resource=cluster_arn_of, writes=True)
def update_cluster_settings(
    caller: Caller, *, cluster: str, settings: Sequence[Mapping[str, str]]
) -> Cluster:
    """Change a cluster's settings. containerInsights is always disabled: any other value is refused."""
    row = find_cluster(cluster)
    check_settings(settings)
    return row


@operation("ecs:DeleteCluster", resource=cluster_arn_of, writes=True)
def delete_cluster(caller: Caller, *, cluster: str) -> Cluster:
    """Delete an empty cluster: no services, daemons, tasks, instances. It becomes INACTIVE; its name is free again."""
    row = Cluster.objects.select_for_update().get(pk=find_cluster(cluster).pk)
    if row.active_services:
        raise ClusterContains(
            "The Cluster cannot be deleted while Services are active.",
            code="ClusterContainsServicesException",
        )
    if row.running_tasks or row.pending_tasks:
        raise ClusterContains(
            "The Cluster cannot be deleted while Tasks are active.", code="ClusterContainsTasksException"
        )
    if row.instances.exclude(status=ContainerInstance.Status.INACTIVE).exists():
        raise ClusterContains(
            "The Cluster cannot be deleted while Container Instances are active or draining.",
            code="ClusterContainsContainerInstancesException",
        )
    for check in _deletion_guards:
        if words := check(row):
            raise ClusterContains(f"The Cluster cannot be deleted while it has {words}.")
    row.status = Cluster.Status.INACTIVE
    row.save(update_fields=["status"])
    live.publish("overview", "clusters")
    return row


# ---- instances ---------------------------------------------------------------------------------


@operation(
    "ecs:RegisterContainerInstance",
    resource=cluster_arn_of,
    extra=_needs_of_registration,
    writes=True,
    redact=("tls_key", "ssh_key"),
)
def register_container_instance(
    caller: Caller,
    *,
    cluster: str = DEFAULT_CLUSTER,
    url: str,
    name: str = "",
    tls_ca: str = "",
    tls_certificate: str = "",
    tls_key: str = "",
    ssh_key: str = "",
    ssh_host_key: str = "",
    attributes: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> ContainerInstance:
    """Register a Docker Engine. It shows as not connected until the engine has answered, a moment later.

    `url`: unix:///path, tcp://host:port or ssh://user@host[:port]; `tls_*`: PEM texts, all three for tcp; `ssh_key`: a
    private key without passphrase, `ssh_host_key`: the host's public key, as ssh-keyscan prints it, both for ssh.
    """
    url = url.strip()
    credentials = checked_address(url, Credentials(tls_ca, tls_certificate, tls_key, ssh_key, ssh_host_key))
    if len(name) > 255:
        raise invalid("name", "at most 255 characters")
    row = find_cluster(cluster)
    twin = ContainerInstance.objects.filter(url=url).exclude(status=ContainerInstance.Status.INACTIVE).first()
    if twin is not None:
        raise ResourceInUse(
            f"The engine at {url} is registered already, as {twin} in cluster {twin.cluster.name}.",
            fields={"url": "registered already"},
        )
    instance_id = ids.hex_id()
    instance = ContainerInstance.objects.create(
        id=instance_id,
        cluster=row,
        arn=here.container_instance_arn(row.name, instance_id),
        name=name,
        url=url,
        tls_ca=credentials.tls_ca,
        tls_certificate=credentials.tls_certificate,
        tls_key=encrypt(credentials.tls_key) if credentials.tls_key else "",
        ssh_key=encrypt(credentials.ssh_key) if credentials.ssh_key else "",
        ssh_host_key=credentials.ssh_host_key,
        attributes={"ecs.availability-zone": f"{settings.SLIPWAY_REGION}a"} | checked_attributes(attributes),
        tags=checked(tags),
        registered_by=caller.arn,
        connection_error="Not reached yet.",
    )
    jobs_by_name.send_on_commit("clusters.probe_instance", instance_id)
    live.publish(*instance_topics(instance))
    return instance


@operation("ecs:UpdateContainerInstancesState", resource=instance_arn_of, writes=True)
def update_container_instance_state(
    caller: Caller, *, container_instance: str, status: str, cluster: str = DEFAULT_CLUSTER
) -> ContainerInstance:
    """ACTIVE takes new tasks; DRAINING takes none, and its services' tasks are replaced elsewhere."""
    if status not in (ContainerInstance.Status.ACTIVE, ContainerInstance.Status.DRAINING):
        raise invalid("status", "ACTIVE or DRAINING")
    instance = find_instance(find_cluster(cluster), container_instance)
    if instance.status != status:
        instance.status = status
        instance.save(update_fields=["status"])
        outbox.publish("instance.state", {"instance": instance.pk, "status": status})
        live.publish(*instance_topics(instance))
    return instance


@operation("ecs:DeregisterContainerInstance", resource=instance_arn_of, writes=True)
def deregister_container_instance(
    caller: Caller, *, container_instance: str, cluster: str = DEFAULT_CLUSTER, force: bool = False
) -> ContainerInstance:
    """Take an engine out of its cluster. With tasks on it only by `force`: they are stopped first, and what cannot
    be stopped now (the engine is away) is cleaned up when the engine answers again."""
    instance = find_instance(find_cluster(cluster), container_instance)
    if not force and (instance.running_tasks or instance.pending_tasks):
        raise InvalidParameter(
            f"Found running tasks on the instance {instance}. Drain it first, or use force.",
            fields={"force": "the instance has tasks"},
        )
    instance.status = ContainerInstance.Status.INACTIVE
    instance.deregistered_at = clock.now()
    instance.save(update_fields=["status", "deregistered_at"])
    outbox.publish("instance.deregistered", {"instance": instance.pk})
    live.publish(*instance_topics(instance))
    return instance


# ---- what every installation starts with ------------------------------------------------------


def ensure_defaults(engine_url: str = "") -> ContainerInstance | None:
    """FARGATE and FARGATE_SPOT, the cluster `default`, and the local engine in it. Idempotent: run at every start.

    A local engine that somebody deregistered on purpose is not registered again.
    """
    with transaction.atomic():
        for name in BUILT_IN:
            CapacityProvider.objects.get_or_create(
                name=name, defaults={"arn": here.capacity_provider_arn(name), "built_in": True}
            )
    setup = system_caller("setup")
    if not Cluster.objects.filter(name=DEFAULT_CLUSTER).exists():
        create_cluster(setup, cluster_name=DEFAULT_CLUSTER)
    if engine_url and not ContainerInstance.objects.filter(url=engine_url).exists():
        try:
            return register_container_instance(setup, cluster=DEFAULT_CLUSTER, url=engine_url)
        except (ResourceInUse, IntegrityError):
            return None
    return ContainerInstance.objects.filter(url=engine_url).first() if engine_url else None


__all__ = [
    "cluster_name",
    "create_cluster",
    "delete_cluster",
    "deregister_container_instance",
    "ensure_defaults",
    "register_container_instance",
    "update_cluster",
    "update_cluster_settings",
    "update_container_instance_state",
]
