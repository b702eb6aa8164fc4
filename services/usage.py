"""Where task definitions run now, as far as a caller may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from access.registry import Caller
from access.visibility import visible
from services.models import Service, Task, TaskDefinition


@dataclass(frozen=True, slots=True)
class Use:
    """Live tasks of one revision in one service; `service` is empty for standalone tasks."""

    cluster: str
    service: str
    count: int


def uses(caller: Caller, definitions: Iterable[TaskDefinition]) -> dict[int, list[Use]]:
    """By the definition's primary key, where the most tasks are first. One query."""
    rows = Task.objects.filter(task_definition__in=[row.pk for row in definitions])
    return _counted(caller, rows, "task_definition_id")


def uses_of_families(caller: Caller, families: Iterable[int]) -> dict[int, list[Use]]:
    """The same by the family's primary key, all revisions together. One query."""
    rows = Task.objects.filter(task_definition__family__in=list(families))
    return _counted(caller, rows, "task_definition__family_id")


def _counted(caller: Caller, rows: QuerySet[Task], by: str) -> dict[int, list[Use]]:
    live = rows.exclude(status="STOPPED").order_by()
    seen = visible(live, caller, "ecs:DescribeTasks", owner_fields=["service__arn"])
    counted = seen.values_list(by, "cluster__name", "service__name").annotate(count=Count("pk"))
    found: dict[int, list[Use]] = {}
    for key, cluster, service, count in counted.order_by("-count", "cluster__name", "service__name"):
        found.setdefault(key, []).append(Use(cluster, service or "", count))
    return found


def services_of_family(caller: Caller, family: int) -> QuerySet[Service]:
    """The live services that have ever been given a revision of this family: where another one may go."""
    rows = Service.objects.filter(status=Service.Status.ACTIVE, revisions__task_definition__family=family)
    seen = visible(rows, caller, "ecs:DescribeServices")
    return seen.select_related("cluster").distinct().order_by("cluster__name", "name")
