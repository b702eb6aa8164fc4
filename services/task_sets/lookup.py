"""Finding task sets by what callers give, and the rules that hold for all of their operations."""

from __future__ import annotations

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from access.registry import Params
from base import here
from base.arn import is_arn
from base.errors import InvalidParameter, TaskSetNotFound
from services.lookup import cluster_of_service, service_arn_of, service_name
from services.models import Service, Task
from services.task_sets.models import TaskSet

_NOT_EXTERNAL = (
    "Amazon ECS only supports task set management on services configured to use external deployment "
    "controllers."
)


def task_set_arn_of(params: Params) -> str:
    """The ARN to authorize; every one of the service's where the parameters name none."""
    service, cluster = params["service"], params["cluster"]
    name = _number(params["task_set"]) if params.get("task_set") else "*"
    return arn_of(cluster_of_service(service, cluster), service_name(service), name)


def arn_of(cluster: str, service: str, number: str) -> str:
    return here.task_set_arn(cluster, service, "*" if number == "*" else f"ecs-svc/{number}")


def task_set_owners(params: Params) -> list[str]:
    return [service_arn_of(params)]


def _number(task_set: str) -> str:
    """Of "ecs-svc/123…", its ARN, or the number itself."""
    return task_set.rsplit("/", 1)[-1]


def find_task_set(service: Service, task_set: str) -> TaskSet:
    """Of this service. Raises TaskSetNotFoundException."""
    row = shown(TaskSet.objects.filter(service=service, pk=_number(task_set))).first()
    if row is None or (is_arn(task_set) and row.arn != task_set):
        raise TaskSetNotFound(f"Task set not found: {task_set}.", fields={"taskSet": "not found"})
    row.service = row.revision.service = service
    return row


def shown(rows: QuerySet[TaskSet]) -> QuerySet[TaskSet]:
    """With all that is shown of them: `running_count` and `pending_count` are counted by the database. Oldest first."""
    with_counts = rows.annotate(
        running_count=_counted("RUNNING"), pending_count=_counted("PROVISIONING", "PENDING", "ACTIVATING")
    )
    with_service = with_counts.select_related("service__cluster", "revision__task_definition__family")
    return with_service.order_by("created_at", "pk")


def _counted(*statuses: str) -> Coalesce:
    own = Task.objects.filter(revision=OuterRef("pk"), status__in=statuses).order_by()
    return Coalesce(Subquery(own.values("revision").annotate(count=Count("pk")).values("count")), 0)


def check_external(service: Service) -> None:
    if not service.is_external:
        raise InvalidParameter(_NOT_EXTERNAL, fields={"service": "its deploymentController is not EXTERNAL"})
