"""Where task definitions run now, as far as a caller may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from access.authorization.visibility import visible
from access.registry import Caller
from services.condition_keys import SERVICE_KEYS, TASK_KEYS
from services.models import EXTERNAL, Service, Task, TaskDefinition

MOST_USES = 200


@dataclass(frozen=True, slots=True)
class Use:
    """Live tasks of one revision in one service; `service` is empty for standalone tasks."""

    cluster: str
    service: str
    count: int


@dataclass(frozen=True, slots=True)
class Total:
    """Live tasks of a family in all, and in how many services."""

    tasks: int
    services: int


def uses(caller: Caller, definitions: Iterable[TaskDefinition]) -> dict[int, list[Use]]:
    """By the definition's primary key, where the most tasks are first; the MOST_USES greatest of all. One query."""
    rows = _live(caller, Task.objects.filter(task_definition__in=[row.pk for row in definitions]))
    counted = rows.values_list("task_definition_id", "cluster__name", "service__name").annotate(
        count=Count("pk")
    )
    found: dict[int, list[Use]] = {}
    for key, cluster, service, count in counted.order_by("-count", "cluster__name", "service__name")[
        :MOST_USES
    ]:
        found.setdefault(key, []).append(Use(cluster, service or "", count))
    return found


def totals(caller: Caller, families: Iterable[int]) -> dict[int, Total]:
    """By the family's primary key; families without live tasks are left out. One query."""
    rows = _live(caller, Task.objects.filter(task_definition__family__in=list(families)))
    counted = rows.values_list("task_definition__family_id").annotate(
        tasks=Count("pk"), services=Count("service", distinct=True)
    )
    return {family: Total(tasks, services) for family, tasks, services in counted}


def _live(caller: Caller, rows: QuerySet[Task]) -> QuerySet[Task]:
    live = rows.exclude(status="STOPPED").order_by()
    return visible(live, caller, "ecs:DescribeTasks", owner_fields=["service__arn"], row_keys=TASK_KEYS)


def services_of_family(caller: Caller, family: int) -> QuerySet[Service]:
    """The live services that were ever given a revision of this family: where another one may be deployed."""
    rows = Service.objects.filter(status=Service.Status.ACTIVE, revisions__task_definition__family=family)
    rows = rows.exclude(deployment_controller=EXTERNAL)
    seen = visible(rows, caller, "ecs:DescribeServices", row_keys=SERVICE_KEYS)
    return seen.select_related("cluster").distinct().order_by("cluster__name", "name")


def task_groups(cluster_id: int | None) -> dict[str, dict[str, int]]:
    """Instance id -> task group -> how many tasks of it are on the instance (not STOPPED), of one cluster or of all.
    One query."""
    rows = Task.objects.filter(instance__isnull=False).exclude(status="STOPPED")
    if cluster_id is not None:
        rows = rows.filter(cluster_id=cluster_id)
    counted = rows.order_by().values_list("instance_id", "group").annotate(count=Count("pk"))
    found: dict[str, dict[str, int]] = {}
    for instance, group, count in counted:
        found.setdefault(instance, {})[group] = count
    return found
