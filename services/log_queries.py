"""Reads of what containers said: the lines that Slipway has kept. No engine is asked here; looking at a task that
runs has its newest lines fetched by a job, and whoever follows the topic `logs:task:<id>` hears when they are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.core.cache import cache

from access.registry import Caller, Params, operation
from base import jobs_by_name
from clusters.queries import DEFAULT_CLUSTER
from services.log_names import group_arn, group_of
from services.lookup import find_service, find_task, task_arn_of, task_owners
from services.models import Service, Task, TaskDefinition
from telemetry.models import LogStream
from telemetry.queries import Line, LogPage, everything, read, streams_of_service, streams_of_task

MOST_LOOKED_AT = 20  # tasks of one service whose newest lines are fetched because somebody looks
_PAUSE = 1  # seconds between two looks at one task


def _groups(definition: TaskDefinition) -> list[str]:
    """The ARNs of the log groups that this definition's containers write to."""
    groups = (group_of(container, definition.family.name) for container in definition.containers)
    return [group_arn(group) for group in dict.fromkeys(groups)]


def _task_groups(params: Params) -> list[str]:
    return _groups(find_task(params["task"], params["cluster"]).task_definition)


def _task_owners(params: Params) -> list[str]:
    return [task_arn_of(params), *task_owners(params)]


@operation("logs:GetLogEvents", resource=_task_groups, owners=_task_owners, writes=False)
def list_task_log(
    caller: Caller,
    *,
    task: str,
    cluster: str = DEFAULT_CLUSTER,
    container: str = "",
    query: str = "",
    before: str = "",
    after: str = "",
    limit: int = 500,
) -> LogPage:
    """The log of a task, running or stopped, its containers merged: the newest lines, or those just before or just
    after a cursor."""
    row = find_task(task, cluster)
    if row.status != "STOPPED":
        look([row.pk])
    streams = streams_of_task(row.pk, container)
    return read(streams, query=query, before=before, after=after, limit=limit)


def _service_groups(params: Params) -> list[str]:
    service = find_service(params["service"], params["cluster"])
    kept = LogStream.objects.filter(service_arn=service.arn).values_list("group", flat=True).distinct()
    groups = [group_arn(group) for group in kept]
    if not groups:
        newest = service.revisions.select_related("task_definition__family").order_by("-number").first()
        groups = _groups(newest.task_definition) if newest is not None else []
    return groups or [group_arn("*")]


def _service_owners(params: Params) -> list[str]:
    return [find_service(params["service"], params["cluster"]).arn]


@operation("logs:FilterLogEvents", resource=_service_groups, owners=_service_owners, writes=False)
def list_service_log(
    caller: Caller,
    *,
    service: str,
    cluster: str = DEFAULT_CLUSTER,
    task: str = "",
    container: str = "",
    query: str = "",
    before: str = "",
    after: str = "",
    limit: int = 500,
) -> LogPage:
    """The logs of a service's tasks merged, of the streams that were written to last: the newest lines, or those just
    before or just after a cursor."""
    row = find_service(service, cluster)
    task_id = task.rsplit("/", 1)[-1]
    _fetch_newest(row, task_id)
    streams = streams_of_service(row.arn, task_id, container)
    return read(streams, query=query, before=before, after=after, limit=limit)


@operation("logs:GetLogEvents", resource=_task_groups, owners=_task_owners, writes=False)
def download_task_log(
    caller: Caller, *, task: str, cluster: str = DEFAULT_CLUSTER, container: str = "", query: str = ""
) -> Iterator[Line]:
    """Every line kept of a task, oldest first."""
    return everything(streams_of_task(find_task(task, cluster).pk, container), query=query)


@operation("logs:FilterLogEvents", resource=_service_groups, owners=_service_owners, writes=False)
def download_service_log(
    caller: Caller,
    *,
    service: str,
    cluster: str = DEFAULT_CLUSTER,
    task: str = "",
    container: str = "",
    query: str = "",
) -> Iterator[Line]:
    """The newest 100,000 lines of a service's tasks, oldest first."""
    arn = find_service(service, cluster).arn
    return everything(streams_of_service(arn, task.rsplit("/", 1)[-1], container), query=query)


def _fetch_newest(service: Service, task: str = "") -> None:
    running = Task.objects.filter(service=service, status="RUNNING").order_by("-created_at")
    if task:
        running = running.filter(pk=task)
    look(running.values_list("pk", flat=True)[:MOST_LOOKED_AT])


def look(task_ids: Iterable[str]) -> None:
    """Have the newest lines of these running tasks fetched, of each at most once a second: however many pages are
    open on them, an engine is asked no more often."""
    for task_id in task_ids:
        if cache.add(f"look:{task_id}", True, timeout=_PAUSE):
            jobs_by_name.send("services.collect_logs", task_id)
