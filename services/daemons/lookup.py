"""Finding daemons, their deployments and revisions by what callers give. A daemon is a row of services of its own
kind: docs/adr/0023."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from access.registry import Params
from base import here
from base.errors import DaemonNotActive, daemon_not_found, not_found
from clusters.queries import find_cluster
from services.lookup import cluster_of_service, service_name
from services.models import Deployment, Service, ServiceRevision

_WITH = (
    "cluster",
    "deployment__target__task_definition__family",
    "deployment__rollback__task_definition__family",
    "completed_revision__task_definition__family",
)


def daemons() -> QuerySet[Service]:
    """Those that are not gone, with `updated_at` and `deployment_arn`: of their newest deployment."""
    newest = Deployment.objects.filter(service=OuterRef("pk")).order_by("-number")
    return (
        Service.every.filter(daemon=True)
        .exclude(status=Service.Status.INACTIVE)
        .annotate(
            updated_at=Subquery(newest.values("created_at")[:1]),
            deployment_arn=Subquery(newest.values("arn")[:1]),
        )
    )


def with_configuration(rows: QuerySet[Service]) -> QuerySet[Service]:
    return rows.select_related(*_WITH)


def daemon_arn_of(params: Params) -> str:
    """From params["daemon"], a name or an ARN, and params["cluster"]."""
    given = params["daemon"]
    return here.daemon_arn(cluster_of_service(given, params.get("cluster")), service_name(given))


def find_daemon(daemon: str, cluster: str | None = None) -> Service:
    """By name or ARN. Raises DaemonNotFoundException."""
    owner = find_cluster(cluster_of_service(daemon, cluster))
    row = with_configuration(daemons()).filter(cluster=owner, name=service_name(daemon)).first()
    if row is None:
        raise daemon_not_found(daemon)
    return row


def find_active_daemon(daemon: str, cluster: str | None = None) -> Service:
    """The same, locked for the rest of the transaction, and refused while it is being deleted."""
    key = find_daemon(daemon, cluster).pk
    Service.every.select_for_update().filter(pk=key).values_list("pk", flat=True).first()
    row = find_daemon(daemon, cluster)
    if row.status != Service.Status.ACTIVE:
        raise DaemonNotActive(
            f"The daemon {row.name} is {status_of(row)}, not ACTIVE.",
            fields={"daemon": f"is {status_of(row)}"},
        )
    return row


def status_of(row: Service) -> str:
    """In the words that daemons have."""
    return "ACTIVE" if row.status == Service.Status.ACTIVE else "DELETE_IN_PROGRESS"


def find_daemon_deployment(id_or_arn: str) -> Deployment:
    rows = Deployment.objects.filter(service__daemon=True).select_related(
        "service__cluster", "target__task_definition__family", "source", "rollback"
    )
    row = rows.filter(pk=id_or_arn.rsplit("/", 1)[-1]).first()
    if row is None:
        raise not_found("daemon deployment", id_or_arn)
    return row


def find_daemon_revision(id_or_arn: str) -> ServiceRevision:
    rows = ServiceRevision.objects.filter(service__daemon=True).select_related(
        "service__cluster", "task_definition__family"
    )
    row = rows.filter(pk=id_or_arn.rsplit("/", 1)[-1]).first()
    if row is None:
        raise not_found("daemon revision", id_or_arn)
    return row


def deployment_arn_of(params: Params) -> str:
    return find_daemon_deployment(params["daemon_deployment"]).arn


def deployment_owners(params: Params) -> list[str]:
    return [find_daemon_deployment(params["daemon_deployment"]).service.arn]


def revision_arn_of(params: Params) -> str:
    return find_daemon_revision(params["daemon_revision"]).arn


def revision_owners(params: Params) -> list[str]:
    return [find_daemon_revision(params["daemon_revision"]).service.arn]


def wanted_revision(row: Service) -> ServiceRevision | None:
    """What the daemon is to run: None where its first deployment failed."""
    found: Any = row.deployment.effective if row.deployment is not None else row.completed_revision
    return found  # type: ignore[no-any-return]
