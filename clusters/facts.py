"""Cluster queries asked of instances' rows: for filters of lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from base.errors import invalid
from clusters.cql import Query, QueryError, compile_query
from clusters.models import ContainerInstance

# Cluster's primary key (None: of every cluster) -> instance id -> task groups with the number of their tasks.
TaskGroups = Callable[[int | None], Mapping[str, Mapping[str, int]]]
_task_groups: list[TaskGroups] = []


def provide_task_groups(find: TaskGroups) -> None:
    """For the room above that knows of tasks."""
    _task_groups[:] = [find]


@dataclass(frozen=True, slots=True)
class RowFacts:
    """One instance as it stands in its row."""

    row: ContainerInstance
    groups: Collection[str] = ()

    @property
    def attributes(self) -> Mapping[str, str]:
        return self.row.all_attributes

    @property
    def connected(self) -> bool:
        return self.row.connected

    @property
    def agent_version(self) -> str:
        return self.row.agent_version

    @property
    def ec2_instance_id(self) -> str:
        return self.row.ec2_instance_id

    @property
    def registered_at(self) -> datetime | None:
        return self.row.registered_at

    @property
    def running_tasks(self) -> int:
        return self.row.running_tasks


def compiled(text: str, field: str) -> Query:
    """Raises InvalidParameter that names the field and the place."""
    try:
        return compile_query(text)
    except QueryError as error:
        raise invalid(field, str(error)) from None


def matching(
    rows: QuerySet[ContainerInstance], text: str, cluster_id: int | None = None
) -> QuerySet[ContainerInstance]:
    """Those of `rows` that the query means. One query, two where it asks for task groups."""
    query = compiled(text, "filter")
    groups = _task_groups[0](cluster_id) if query.asks_groups and _task_groups else {}
    asked = rows.select_related(None).order_by()
    asked = asked.only(
        "id", "info", "attributes", "capabilities", "connected", "registered_at", "running_tasks"
    )
    keys = [row.pk for row in asked if query.matches(RowFacts(row, groups.get(row.pk, ())))]
    return rows.filter(pk__in=keys)
