"""Reads of log lines, paged by a cursor. Whether somebody may read them is decided above: services.log_queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from base.errors import invalid
from telemetry.models import LogEvent, LogStream

LONGEST_PAGE = 1000
MOST_STREAMS = 50  # read together, the newest: a service's tasks of the last days are many
# The newest lines are looked for in growing spans of time, so that a long log is not sorted for its last page.
_SPANS = (timedelta(minutes=5), timedelta(hours=6), None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `cursor` is opaque; later lines have later ones. `source`: stdout or stderr."""

    cursor: str
    at: datetime
    message: str
    task_id: str
    container: str
    source: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """`lines` oldest first; `older`: there are lines before the first one; `open`: more may still come."""

    lines: tuple[Line, ...]
    older: bool
    open: bool = True


def streams_of_task(task_id: str, container: str = "") -> QuerySet[LogStream]:
    rows = LogStream.objects.filter(task_id=task_id)
    return rows.filter(container=container) if container else rows


def streams_of_service(service_arn: str, task_id: str = "", container: str = "") -> QuerySet[LogStream]:
    rows = LogStream.objects.filter(service_arn=service_arn)
    if task_id:
        rows = rows.filter(task_id=task_id)
    return rows.filter(container=container) if container else rows


def read(
    streams: QuerySet[LogStream], *, query: str = "", before: str = "", after: str = "", limit: int = 500
) -> LogPage:
    """At most `limit` lines of the newest MOST_STREAMS streams, merged by time: the newest ones, those just before the
    cursor `before`, or those just after the cursor `after`. `query`: only lines that contain it, whatever their case.
    At most five queries. Raises InvalidParameter for a cursor that is none.
    """
    limit = max(1, min(limit, LONGEST_PAGE))
    chosen, newest, open_ = _chosen(streams)
    if newest is None:
        return LogPage((), False, open_)
    rows = _rows(chosen, query)
    if after:
        found = list(rows.filter(_beyond(after, "gt")).order_by("at", "id")[:limit])
        return LogPage(tuple(map(_line, found)), True, open_)
    if before:
        rows = rows.filter(_beyond(before, "lt"))
        newest = _moment(before)[0]
    found = _newest(rows, newest, limit + 1)
    return LogPage(tuple(map(_line, reversed(found[:limit]))), len(found) > limit, open_)


def everything(streams: QuerySet[LogStream], *, query: str = "", most: int = 100_000) -> Iterator[Line]:
    """The newest `most` lines, oldest first, a batch at a time."""
    chosen, _, _ = _chosen(streams)
    rows = _rows(chosen, query)
    cut = list(rows.order_by("-at", "-id").values_list("at", "id")[most - 1 : most])
    if cut:
        rows = rows.filter(Q(at__gt=cut[0][0]) | Q(at=cut[0][0], id__gte=cut[0][1]))
    yield from map(_line, rows.order_by("at", "id").iterator(chunk_size=2000))


def last_lines(task_ids: list[str]) -> dict[str, str]:
    """The last line that is not blank of each task's newest stream: what it said before it ended. One query."""
    newest = LogEvent.objects.filter(stream=OuterRef("pk")).exclude(message="").order_by("-at", "-id")
    rows = (
        LogStream.objects.filter(task_id__in=task_ids)
        .annotate(last=Subquery(newest.values("message")[:1]))
        .order_by("collected_until")
        .values_list("task_id", "last")
    )
    return {task_id: last for task_id, last in rows if last}


def _chosen(streams: QuerySet[LogStream]) -> tuple[list[int], datetime | None, bool]:
    """The newest streams, the time of the newest line of all, and whether any of them may still grow."""
    newest_first = streams.order_by(F("collected_until").desc(nulls_first=True), "-id")
    rows = list(newest_first.values_list("id", "collected_until", "complete")[:MOST_STREAMS])
    newest = max((until for _, until, _ in rows if until is not None), default=None)
    return [pk for pk, _, _ in rows], newest, not rows or not all(complete for _, _, complete in rows)


def _rows(streams: list[int], query: str) -> QuerySet[LogEvent]:
    rows = LogEvent.objects.filter(stream__in=streams).select_related("stream")
    return rows.filter(message__icontains=query) if query else rows


def _newest(rows: QuerySet[LogEvent], until: datetime, count: int) -> list[LogEvent]:
    found: list[LogEvent] = []
    for span in _SPANS:
        within = rows.filter(at__gte=until - span) if span is not None else rows
        found = list(within.order_by("-at", "-id")[:count])
        if len(found) == count:
            break
    return found


def _line(row: LogEvent) -> Line:
    micros = (row.at - _EPOCH) // timedelta(microseconds=1)
    return Line(
        f"{micros}-{row.pk}", row.at, row.message, row.stream.task_id, row.stream.container, row.source
    )


def _moment(cursor: str) -> tuple[datetime, int]:
    micros, dash, pk = cursor.partition("-")
    if not (dash and micros.isdigit() and pk.isdigit() and len(micros) < 18 and len(pk) < 19):
        raise invalid("cursor", "not a cursor of this log")
    return _EPOCH + timedelta(microseconds=int(micros)), int(pk)


def _beyond(cursor: str, side: str) -> Q:
    at, pk = _moment(cursor)
    # The first condition alone lets the database use the index by time.
    return Q(**{f"at__{side}e": at}) & (Q(**{f"at__{side}": at}) | Q(at=at, **{f"id__{side}": pk}))
