"""Collecting what containers say: when somebody looks, and always before a container is removed. Bounded."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from base import live
from clusters.engine.errors import EngineError, EngineRetryable
from clusters.engine.port import Engine, LogLine
from services import log_names
from services.control import specs
from services.models import Task, TaskContainer
from telemetry.models import LogEvent, LogStream

LONGEST_LINE = 16_384  # characters; longer ones are cut, and say so


def collect(task: Task, engine: Engine, *, final: bool = False) -> int:
    """Fetch the lines that came since the last time, for every container whose log is kept here. Answers how many."""
    documents = {container["name"]: container for container in task.task_definition.containers}
    fetched = 0
    for row in task.containers.all():
        if not row.runtime_id or not specs.collects_logs(documents[row.name]):
            continue
        stream = stream_of(task, row, documents[row.name])
        if stream.complete:
            continue
        try:
            fetched += _fetch(stream, row, engine)
        except EngineRetryable:
            raise
        except EngineError:
            pass  # the container is gone, or its driver keeps nothing to read
        if final:
            LogStream.objects.filter(pk=stream.pk).update(complete=True)
    if fetched:
        live.publish(f"logs:task:{task.id}", *_service_topics(task))
    return fetched


def _service_topics(task: Task) -> list[str]:
    return [f"logs:service:{task.cluster.name}/{task.service.name}"] if task.service is not None else []


def stream_of(task: Task, row: TaskContainer, container: dict) -> LogStream:
    """Group and name as awslogs has them: awslogs-group, prefix/container/task id."""
    stream, _ = LogStream.objects.get_or_create(
        task_id=task.id,
        container=row.name,
        defaults={
            "group": log_names.group_of(container, task.task_definition.family.name),
            "name": log_names.stream_of(container, task.id),
            "service_arn": task.service.arn if task.service is not None else "",
        },
    )
    return stream


def _fetch(stream: LogStream, row: TaskContainer, engine: Engine) -> int:
    most = settings.SLIPWAY_LOG_LINES
    lines = list(engine.logs(row.runtime_id, since=stream.collected_until, limit=most))
    if stream.collected_until is not None:
        lines = _after(lines, stream.collected_until, stream.lines_at_newest)
    if not lines:
        return 0
    newest = lines[-1].time
    at_newest = sum(1 for line in lines if line.time == newest)
    if newest == stream.collected_until:
        at_newest += stream.lines_at_newest
    with transaction.atomic():
        # The guard makes two collectors of one stream harmless: the slower one's lines are dropped.
        moved = LogStream.objects.filter(
            pk=stream.pk, collected_until=stream.collected_until, lines_at_newest=stream.lines_at_newest
        ).update(collected_until=newest, lines_at_newest=at_newest, lines=F("lines") + len(lines))
        if not moved:
            return 0
        LogEvent.objects.bulk_create(
            (
                LogEvent(stream=stream, at=line.time, source=line.stream, message=_clean(line.message))
                for line in lines
            ),
            batch_size=500,
        )
        _trim(stream, most)
    return len(lines)


def _after(lines: list[LogLine], since: datetime, already: int) -> list[LogLine]:
    """Without those taken before: everything older, and the first `already` lines of exactly that time."""
    at = [line for line in lines if line.time == since][already:]
    return at + [line for line in lines if line.time > since]


def _clean(message: str) -> str:
    # PostgreSQL's text takes no NUL.
    message = message.replace("\x00", "�")
    return message if len(message) <= LONGEST_LINE else message[:LONGEST_LINE] + " … (cut)"


def _trim(stream: LogStream, most: int) -> None:
    stream.refresh_from_db(fields=["lines"])
    surplus = stream.lines - most
    if surplus <= 0:
        return
    oldest = (
        LogEvent.objects.filter(stream=stream).order_by("at", "id").values_list("pk", flat=True)[:surplus]
    )
    LogEvent.objects.filter(pk__in=list(oldest)).delete()
    LogStream.objects.filter(pk=stream.pk).update(lines=F("lines") - surplus, dropped=F("dropped") + surplus)
