"""What the operations of services and those of task sets both do to the rows of task sets."""

from __future__ import annotations

from django.db.models import QuerySet

from base import clock
from services.models import Service
from services.task_sets.models import TaskSet

_STABILIZING = TaskSet.Stability.STABILIZING


def drain(rows: QuerySet[TaskSet]) -> None:
    """Their tasks stop; then the control loop removes them."""
    now = clock.now()
    rows.exclude(status=TaskSet.Status.DRAINING).update(
        status=TaskSet.Status.DRAINING, stability=_STABILIZING, stability_at=now, updated_at=now
    )


def unsettle(service: Service) -> None:
    """The desired count changed: whoever waits for stability is not to be told the one of before."""
    rows = TaskSet.objects.filter(service=service, status=TaskSet.Status.ACTIVE, scale__gt=0)
    rows.update(stability=_STABILIZING, stability_at=clock.now())
