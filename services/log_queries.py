"""Reads of what containers said: the lines that Slipway has kept. No engine is asked here; looking at a task that
runs has its newest lines fetched by a job, and whoever follows the topic `logs:task:<id>` hears when they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from access.registry import Caller, Params, operation
from base import jobs_by_name
from base.errors import InvalidParameter, invalid
from clusters.queries import DEFAULT_CLUSTER
from services.log_names import group_arn, group_of
from services.lookup import find_service, find_task
from services.models import Service, Task, TaskDefinition
from telemetry.models import LogEvent, LogStream

MOST_LINES = 1000
DEFAULT_LINES = 500
# Of one service: those that were written to last. More could not be merged in bounded time.
MOST_STREAMS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LogLine:
    """`cursor` is opaque and increases; `source` is stdout or stderr."""

    cursor: str
    at: datetime
    message: str
    source: str
    container: str
    task_id: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Oldest line first. `older`, `newer`: whether lines are known before the first and after the last of them."""

    lines: tuple[LogLine, ...]
    older: bool
    newer: bool


def _groups(definition: TaskDefinition) -> list[str]:
    """The ARNs of the log groups that this definition's containers write to."""
    groups = (group_of(container, definition.family.name) for container in definition.containers)
    return [group_arn(group) for group in dict.fromkeys(groups)]


def _task_groups(params: Params) -> list[str]:
    return _groups(find_task(params["task"], params["cluster"]).task_definition)


def _task_owners(params: Params) -> list[str]:
    task = find_task(params["task"], params["cluster"])
    return [task.arn, *([task.service.arn] if task.service is not None else [])]


@operation("logs:GetLogEvents", resource=_task_groups, owners=_task_owners, writes=False)
def list_task_log(
    caller: Caller,
    *,
    task: str,
    cluster: str = DEFAULT_CLUSTER,
    container: str | None = None,
    contains: str = "",
    before: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_LINES,
) -> LogPage:
    """The log of a task, running or stopped, its containers merged: the newest lines, or those before or after a
    cursor."""
    row = find_task(task, cluster)
    streams = LogStream.objects.filter(task_id=row.pk)
    if container is not None:
        if container not in {known["name"] for known in row.task_definition.containers}:
            raise invalid("container", f"{container} is not a container of task {row.pk}")
        streams = streams.filter(container=container)
    if row.status != "STOPPED":
        jobs_by_name.send("services.collect_logs", row.pk)
    return _page(streams, contains, before, after, limit)


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
    task: str | None = None,
    container: str | None = None,
    contains: str = "",
    before: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_LINES,
) -> LogPage:
    """The logs of a service's tasks merged, those of its 100 streams that were written to last: the newest lines, or
    those before or after a cursor."""
    row = find_service(service, cluster)
    streams = LogStream.objects.filter(service_arn=row.arn)
    if task is not None:
        streams = streams.filter(task_id=task.rsplit("/", 1)[-1])
    if container is not None:
        streams = streams.filter(container=container)
    _fetch_newest(row)
    return _page(streams, contains, before, after, limit)


def _fetch_newest(service: Service) -> None:
    running = Task.objects.filter(service=service, status="RUNNING").order_by("-created_at")
    for task_id in running.values_list("pk", flat=True)[:MOST_STREAMS]:
        jobs_by_name.send("services.collect_logs", task_id)


# ---- pages of lines ----------------------------------------------------------------------------


def _page(
    streams: QuerySet[LogStream], contains: str, before: str | None, after: str | None, limit: int
) -> LogPage:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LINES:
        raise invalid("limit", f"a whole number from 1 to {MOST_LINES}")
    if before is not None and after is not None:
        raise InvalidParameter("before and after exclude each other.", fields={"after": "not with before"})
    by_id = {stream.pk: stream for stream in streams.order_by("-collected_until", "-id")[:MOST_STREAMS]}
    rows = LogEvent.objects.filter(stream__in=by_id)
    if contains:
        rows = rows.filter(message__icontains=contains)
    if after is not None:
        at, key = _cursor("after", after)
        found = list(rows.filter(Q(at__gt=at) | Q(at=at, id__gt=key)).order_by("at", "id")[: limit + 1])
        return LogPage(_lines(found[:limit], by_id), older=True, newer=len(found) > limit)
    if before is not None:
        at, key = _cursor("before", before)
        rows = rows.filter(Q(at__lt=at) | Q(at=at, id__lt=key))
    found = list(rows.order_by("-at", "-id")[: limit + 1])
    older = len(found) > limit
    return LogPage(_lines(found[:limit][::-1], by_id), older=older, newer=before is not None)


def _lines(rows: Sequence[LogEvent], streams: dict[int, LogStream]) -> tuple[LogLine, ...]:
    found = []
    for row in rows:
        stream = streams[row.stream_id]
        micros = (row.at - _EPOCH) // timedelta(microseconds=1)
        found.append(
            LogLine(f"{micros}-{row.pk}", row.at, row.message, row.source, stream.container, stream.task_id)
        )
    return tuple(found)


def _cursor(name: str, text: str) -> tuple[datetime, int]:
    micros, dash, key = text.partition("-")
    # Within what a moment and a row's id can be, so that no made-up cursor overflows either.
    if not (dash and micros.isascii() and micros.isdigit() and len(micros) <= 17):
        raise invalid(name, "is not a cursor of this log")
    if not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise invalid(name, "is not a cursor of this log")
    return _EPOCH + timedelta(microseconds=int(micros)), int(key)
