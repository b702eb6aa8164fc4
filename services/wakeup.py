"""Waking the control loop: a due time in the row, a message on commit.

The row is the truth, the message only spares the wait for the sweep. While a row is due already, its message is
on its way (or the sweep will send one), so a burst of events costs one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import DateTimeField, Q

from base import clock, jobs_by_name
from base.prepared import Given, PreparedUpdate
from services.models import Service, Task

RECONCILE = "services.reconcile_service"
DRIVE = "services.drive_task"
SOON = 60.0  # seconds; what is due later is left to the sweep, without a message


def _not_due(now: datetime | Given) -> Q:
    return Q(wake_at=None) | Q(wake_at__gt=now)


def wake_service(service_id: int, *, delay: float = 0.0) -> None:
    """Have the service planned anew, as soon as the current transaction has committed."""
    now = clock.now()
    if _WAKE.run(pk=service_id, now=now):
        jobs_by_name.send_on_commit(RECONCILE, service_id, delay=delay)


_NOW = Given("now", DateTimeField())
_WAKE = PreparedUpdate(lambda: Service.every.filter(_not_due(_NOW), pk=Given("pk")), wake_at=_NOW)


def wake_services(service_ids: Iterable[int]) -> None:
    for service_id in sorted(set(service_ids)):
        wake_service(service_id)


def wake_others(daemon: Service) -> None:
    """The services of a daemon's cluster: its task came or went somewhere, so that the instance may take theirs, or has
    to give them up (`control.closing`)."""
    rows = Service.objects.filter(cluster=daemon.cluster_id).exclude(status=Service.Status.INACTIVE)
    wake_services(rows.values_list("pk", flat=True))


def wake_task(task_id: str) -> None:
    """Have the task looked at by its driver."""
    now = clock.now()
    if _WAKE_TASK.run(pk=task_id, now=now):
        jobs_by_name.send_on_commit(DRIVE, task_id)


_WAKE_TASK = PreparedUpdate(
    lambda: Task.objects.filter(_not_due(_NOW), pk=Given("pk")).exclude(status="STOPPED"), wake_at=_NOW
)


def wake_tasks(task_ids: Iterable[str]) -> None:
    """As wake_task, for many in two statements."""
    ids = list(task_ids)
    if not ids:
        return
    now = clock.now()
    due = list(
        Task.objects.filter(_not_due(now), pk__in=ids).exclude(status="STOPPED").values_list("pk", flat=True)
    )
    Task.objects.filter(pk__in=due).update(wake_at=now)
    jobs_by_name.send_many_on_commit(DRIVE, due)


def send_later(job: str, key: object, wake_at: datetime | None) -> None:
    """A message for a wake-up that stands in the row already, so that it comes on time; far ones are the sweep's."""
    if wake_at is not None:
        delay = (wake_at - clock.now()).total_seconds()
        if delay < SOON:
            jobs_by_name.send(job, key, delay=max(0.0, delay))
