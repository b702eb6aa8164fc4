"""The sweep: finds whatever is due and was not woken, because a message was lost or a worker died."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import DateTimeField, Q, QuerySet

from base import clock, jobs_by_name
from base.models import OutboxFact
from base.prepared import Given, Prepared
from clusters.connection import declare_lost
from clusters.models import InstanceCleaning, InstanceImage
from services import wakeup
from services.control import loss
from services.control.claim import inherit, unclaimed
from services.models import Deployment, Service, Task, TaskSet

log = logging.getLogger(__name__)

_MOST = 500  # of each kind in one sweep; the next sweep takes the rest
_PATIENCE = timedelta(seconds=2)  # for the message that is still on its way


def take_over() -> None:
    """Called once by a worker that starts, before its first job: what its predecessor left is not waited for."""
    try:
        left = inherit((Service, Task, Deployment, TaskSet, InstanceImage, InstanceCleaning))
        if left:
            log.info("taking over %d claims, %d jobs sent", left, sweep(timedelta(0)))
    except DatabaseError as error:
        log.warning("claims of an earlier worker are waited for, the database does not answer: %s", error)


def sweep(patience: timedelta = _PATIENCE) -> int:
    """Send a job for everything due, and for every claim whose worker died. Answers how many."""
    declare_lost()
    loss.settle()
    now = clock.now()
    services = _SERVICES.all(now=now, patient=now - patience)
    tasks = _TASKS.all(now=now, patient=now - patience)
    for service in services:
        jobs_by_name.send(wakeup.RECONCILE, service)
    for task in tasks:
        jobs_by_name.send(wakeup.DRIVE, task)
    if OutboxFact.objects.exists():
        jobs_by_name.send("base.deliver_facts")
    return len(services) + len(tasks)


def _due(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    """By an index, and so without an order: hardly any of thousands are due."""
    now = Given("now", DateTimeField())
    due = Q(wake_at__lte=Given("patient", DateTimeField())) | Q(lease_until__lt=now)
    return rows.filter(due, unclaimed(now)).order_by().values_list("pk", flat=True)[:_MOST]


_SERVICES: Prepared[int] = Prepared(lambda: _due(Service.every.exclude(status=Service.Status.INACTIVE)))
_TASKS: Prepared[str] = Prepared(lambda: _due(Task.objects.exclude(status="STOPPED")))
