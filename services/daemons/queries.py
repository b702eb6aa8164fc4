"""Reads of daemons, their deployments, revisions and events."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, operation
from clusters.queries import DEFAULT_CLUSTER, find_cluster
from services.daemons.configuration import provider_names
from services.daemons.lookup import (
    daemon_arn_of,
    daemons,
    deployment_arn_of,
    deployment_owners,
    find_daemon,
    find_daemon_deployment,
    find_daemon_revision,
    revision_arn_of,
    revision_owners,
    wanted_revision,
    with_configuration,
)
from services.models import Deployment, Service, ServiceEvent, ServiceRevision


@operation("ecs:ListDaemons", resource=lambda params: "*", writes=False)
def list_daemons(
    caller: Caller, *, cluster: str = DEFAULT_CLUSTER, capacity_providers: Sequence[str] | None = None
) -> QuerySet[Service]:
    """The daemons of a cluster, by name; with `capacity_providers`, those that are to run on one of them."""
    rows = with_configuration(daemons()).filter(cluster=find_cluster(cluster))
    if capacity_providers:
        names = {name.rsplit("/", 1)[-1] for name in capacity_providers}
        found = ((row.pk, wanted_revision(row)) for row in rows)
        rows = rows.filter(
            pk__in=[
                pk
                for pk, revision in found
                if revision is not None and names.intersection(provider_names(revision.configuration))
            ]
        )
    return visible(
        rows.order_by("name"), caller, "ecs:DescribeDaemon", row_keys={"ecs:cluster": "cluster__arn"}
    )


@operation("ecs:DescribeDaemon", resource=daemon_arn_of, writes=False)
def describe_daemon(caller: Caller, *, daemon: str, cluster: str = DEFAULT_CLUSTER) -> Service:
    """One daemon, by name or ARN."""
    return find_daemon(daemon, cluster)


@operation("ecs:ListDaemonDeployments", resource=daemon_arn_of, writes=False)
def list_daemon_deployments(
    caller: Caller, *, daemon: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[Deployment]:
    """Deployments of a daemon, newest first."""
    rows = find_daemon(daemon, cluster).deployments.select_related(
        "service__cluster", "target__task_definition__family", "source", "rollback"
    )
    return rows.order_by("-number")


@operation(
    "ecs:DescribeDaemonDeployments", resource=deployment_arn_of, owners=deployment_owners, writes=False
)
def describe_daemon_deployment(caller: Caller, *, daemon_deployment: str) -> Deployment:
    """One deployment of a daemon, by id or ARN."""
    return find_daemon_deployment(daemon_deployment)


@operation("ecs:DescribeDaemonRevisions", resource=revision_arn_of, owners=revision_owners, writes=False)
def describe_daemon_revision(caller: Caller, *, daemon_revision: str) -> ServiceRevision:
    """One frozen configuration of a daemon, by id or ARN."""
    return find_daemon_revision(daemon_revision)


@operation("ecs:DescribeDaemonRevisions", resource=daemon_arn_of, writes=False)
def list_daemon_revisions(
    caller: Caller, *, daemon: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[ServiceRevision]:
    """The frozen configurations of a daemon, newest first."""
    rows = find_daemon(daemon, cluster).revisions.select_related(
        "service__cluster", "task_definition__family"
    )
    return rows.order_by("-number")


@operation("ecs:DescribeDaemon", resource=daemon_arn_of, writes=False)
def list_daemon_events(
    caller: Caller, *, daemon: str, cluster: str = DEFAULT_CLUSTER
) -> QuerySet[ServiceEvent]:
    """The newest 100 events of a daemon, newest first."""
    return find_daemon(daemon, cluster).events.order_by("-created_at", "-id")
