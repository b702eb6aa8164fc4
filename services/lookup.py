"""Finding rows by what callers give: names, ids or ARNs, whichever way AWS accepts them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from access.registry import Params
from base import here
from base.arn import is_arn
from base.errors import (
    ClientError,
    InvalidParameter,
    ServiceDeploymentNotFound,
    not_found,
    service_not_active,
    service_not_found,
)
from base.prepared import Given, Prepared
from clusters.models import Cluster
from clusters.queries import cluster_name, find_cluster
from services.models import Deployment, Service, ServiceRevision, Task, TaskDefinition


def service_name(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]


def cluster_of_service(service: str, cluster: str | None) -> str:
    """The cluster's name; a service ARN (long form) names it itself."""
    if is_arn(service) and service.count("/") >= 2:
        return service.split("/")[-2]
    return cluster_name(cluster)


def service_arn_of(params: Params) -> str:
    """The service's ARN to authorize, from params["service"] and params["cluster"]."""
    given = params["service"]
    return here.service_arn(cluster_of_service(given, params.get("cluster")), service_name(given))


def find_service(service: str, cluster: str | None = None, *, inactive: bool = False) -> Service:
    """The live service of that name (ACTIVE or DRAINING); with `inactive`, where there is none, the last deleted one.
    Raises ServiceNotFoundException."""
    named = _names(service, cluster)
    row = _LIVE.first(**named)
    if row is None and inactive:
        row = _LAST.first(**named)
    if row is None:
        raise _missing(service, cluster)
    return row


def find_active_service(service: str, cluster: str | None = None) -> Service:
    """As find_service, locked for the rest of the transaction, with its revisions and their task definitions, and
    refused while DRAINING."""
    locked = _LOCK.first(**_names(service, cluster))
    # Read by a statement of its own: whoever held the lock before may have given the service another deployment.
    row = _WHOLE.first(pk=locked) if locked is not None else None
    if row is None:
        raise _missing(service, cluster)
    if row.status != Service.Status.ACTIVE:
        raise service_not_active(row.name, row.status)
    return row


def _names(service: str, cluster: str | None) -> dict[str, Any]:
    """Of cluster and service, for the statements below."""
    return {"cluster": cluster_of_service(service, cluster), "name": service_name(service)}


def _missing(service: str, cluster: str | None) -> Exception:
    """Which of the two there is not. Raises ClusterNotFoundException."""
    find_cluster(cluster_of_service(service, cluster))
    return service_not_found(service)


def _named() -> QuerySet[Service]:
    return Service.objects.filter(
        cluster__name=Given("cluster"), cluster__status=Cluster.Status.ACTIVE, name=Given("name")
    )


def _live() -> QuerySet[Service]:
    return _named().exclude(status=Service.Status.INACTIVE).order_by()


_WITH = ("cluster", "deployment", "completed_revision")
_LIVE = Prepared(lambda: _live().select_related(*_WITH)[:1])
_LAST = Prepared(lambda: _named().select_related(*_WITH).order_by("-created_at", "-pk")[:1])
_LOCK: Prepared[int] = Prepared(lambda: _live().select_for_update(of=("self",)).values_list("pk", flat=True))
_WHOLE = Prepared(lambda: with_revisions(Service.objects.filter(pk=Given("pk")).order_by()))


def with_revisions(rows: QuerySet[Service]) -> QuerySet[Service]:
    """With what each has completed, deploys and would go back to, and the task definitions of these."""
    return rows.select_related(
        "cluster",
        "deployment__target__task_definition__family",
        "deployment__rollback__task_definition__family",
        "completed_revision__task_definition__family",
    )


def split_definition(text: str) -> tuple[str, int | None]:
    """("web", 12) from `web:12` or its ARN; (…, None) where no revision is given."""
    if ":daemon-task-definition/" in text:
        raise InvalidParameter(
            f"taskDefinition: {text} is a daemon task definition, which only daemons run.",
            fields={"taskDefinition": "is a daemon task definition"},
        )
    plain = text.rsplit("/", 1)[-1] if is_arn(text) else text
    family, colon, revision = plain.partition(":")
    if not colon:
        return family, None
    if not revision.isdigit():
        raise InvalidParameter(
            f"taskDefinition: {text} is not family, family:revision or an ARN.",
            fields={"taskDefinition": "not family, family:revision or an ARN"},
        )
    return family, int(revision)


def find_definition(text: str, *, active: bool = False) -> TaskDefinition:
    """A revision by family:revision or ARN; the newest ACTIVE one by family alone."""
    family, revision = split_definition(text)
    rows = TaskDefinition.objects.select_related("family").filter(family__name=family)
    if revision is None:
        row = rows.filter(status=TaskDefinition.Status.ACTIVE).order_by("-revision").first()
    else:
        row = rows.filter(revision=revision).first()
    if row is None:
        raise ClientError(
            f"Unable to describe task definition {text}: there is no such revision.",
            fields={"taskDefinition": "no such revision"},
        )
    if active and row.status != TaskDefinition.Status.ACTIVE:
        raise ClientError(f"TaskDefinition is inactive: {row}.", fields={"taskDefinition": "is INACTIVE"})
    return row


def definition_arn(text: str) -> str:
    """The ARN to authorize for a task definition, its newest revision resolved first."""
    family, revision = split_definition(text)
    if revision is None:
        newest = (
            TaskDefinition.objects.filter(family__name=family, status=TaskDefinition.Status.ACTIVE)
            .order_by("-revision")
            .values_list("revision", flat=True)
            .first()
        )
        return here.task_definition_arn(family, newest if newest is not None else "*")
    return here.task_definition_arn(family, revision)


def find_deployment(id_or_arn: str) -> Deployment:
    row = (
        Deployment.objects.select_related("service__cluster", "target__task_definition__family", "rollback")
        .filter(pk=id_or_arn.rsplit("/", 1)[-1], service__daemon=False)
        .first()
    )
    if row is None:
        raise ServiceDeploymentNotFound(f"Service deployment not found: {id_or_arn}.")
    return row


def deployment_arn_of(params: Params) -> str:
    return find_deployment(params["service_deployment"]).arn


def deployment_owners(params: Params) -> list[str]:
    """The service it is of."""
    return [find_deployment(params["service_deployment"]).service.arn]


def find_revision(service: Service, id_or_arn: str) -> ServiceRevision:
    """A revision of this service, by id, ARN or number."""
    plain = str(id_or_arn).rsplit("/", 1)[-1]
    rows = service.revisions.select_related("task_definition__family")
    row = rows.filter(pk=plain).first()
    if row is None and plain.isdigit() and len(plain) < 10:
        row = rows.filter(number=int(plain)).first()
    if row is None:
        raise not_found("service revision", str(id_or_arn))
    return row


def find_revision_by_arn(id_or_arn: str) -> ServiceRevision:
    """A revision of any service."""
    plain = id_or_arn.rsplit("/", 1)[-1]
    rows = ServiceRevision.objects.select_related("service__cluster", "task_definition__family")
    row = rows.filter(pk=plain, service__daemon=False).first()
    if row is None:
        raise not_found("service revision", id_or_arn)
    return row


def revision_arn_of(params: Params) -> str:
    return find_revision_by_arn(params["service_revision"]).arn


def revision_owners(params: Params) -> list[str]:
    return [find_revision_by_arn(params["service_revision"]).service.arn]


def task_arn_of(params: Params) -> str:
    given = params["task"]
    return given if is_arn(given) else here.task_arn(cluster_name(params.get("cluster")), given)


def task_owners(params: Params) -> list[str]:
    """The service it is of, or nothing; for one that is not there too, so that this tells nobody."""
    return owners_of_task(pk=str(params["task"]).rsplit("/", 1)[-1])


def owners_of_task(**which: str) -> list[str]:
    arn = Task.objects.filter(**which).values_list("service__arn", flat=True).first()
    return [arn] if arn is not None else []


def find_task(task: str, cluster: str | None = None) -> Task:
    row = (
        Task.objects.select_related("cluster", "instance", "service", "task_definition__family")
        .filter(pk=task.rsplit("/", 1)[-1])
        .first()
    )
    wanted: Cluster = row.cluster if is_arn(task) and row else find_cluster(cluster)
    if row is None or row.cluster_id != wanted.pk:
        raise InvalidParameter(
            f"The referenced task was not found: {task}.", fields={"task": "not found"}, status=404
        )
    return row
