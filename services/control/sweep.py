"""The sweep: finds whatever is due and was not woken, because a message was lost or a worker died."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from base import clock, jobs_by_name
from base.models import OutboxFact
from services import wakeup
from services.models import Service, Task

_MOST = 500  # of each kind in one sweep; the next sweep takes the rest
_PATIENCE = timedelta(seconds=2)  # for the message that is still on its way


def sweep() -> int:
    """Send a job for everything due, and for every claim whose worker died. Answers how many."""
    now = clock.now()
    due = Q(wake_at__lte=now - _PATIENCE) | Q(wake_at=None, lease_until__lt=now)
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    services = list(
        Service.objects.exclude(status=Service.Status.INACTIVE)
        .filter(due, free)
        .values_list("pk", flat=True)[:_MOST]
    )
    tasks = list(
        Task.objects.exclude(status="STOPPED").filter(due, free).values_list("pk", flat=True)[:_MOST]
    )
    for service in services:
        jobs_by_name.send(wakeup.RECONCILE, service)
    for task in tasks:
        jobs_by_name.send(wakeup.DRIVE, task)
    if OutboxFact.objects.exists():
        jobs_by_name.send("base.deliver_facts")
    return len(services) + len(tasks)
