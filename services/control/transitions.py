"""Moving a task's rows: its status with every counter and reservation that depends on it, in one transaction."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import F, Field, IntegerField

from base import clock, live
from base.prepared import Given, Prepared, PreparedUpdate
from clusters import reservation
from clusters.models import Cluster, instance_topics
from services.models import Service, Task
from services.rollout import service_topics
from services.scheduler.model import Status
from services.wakeup import wake_others, wake_service

_BEFORE_RUNNING = {Status.PROVISIONING, Status.PENDING, Status.ACTIVATING}


def topics(task: Task) -> tuple[str, ...]:
    """The pages that show this task."""
    found: tuple[str, ...] = (f"task:{task.id}", "tasks")
    if task.service is not None:
        found += service_topics(task.service)
    if task.instance is not None:
        found += instance_topics(task.instance)
    return found


def advance(task: Task, to: Status, **fields: Any) -> bool:
    """Move the task forward from the status it was read with. False where it moved meanwhile: nothing was changed."""
    before = Status(task.status)
    assert to.order > before.order, f"task {task.id} cannot go back from {before} to {to}"
    now = clock.now()
    if to is Status.RUNNING:
        fields.setdefault("started_at", now)
    if to in (Status.DEACTIVATING, Status.STOPPING) and task.stopping_at is None:
        fields.setdefault("stopping_at", now)
    if to is Status.DEPROVISIONING:
        fields.setdefault("execution_stopped_at", now)
    if to is Status.STOPPED:
        fields.setdefault("stopped_at", now)
        fields.setdefault("desired_status", "STOPPED")
    with transaction.atomic():
        lock_service(task)
        if not _moving(tuple(fields)).run(pk=task.pk, before=before, to=to, **fields):
            return False
        pending, running = _difference(before, to)
        if pending or running:
            _count(task, pending, running)
        if task.service_id is not None and to in (Status.RUNNING, Status.DEPROVISIONING, Status.STOPPED):
            wake_service(task.service_id)
            if task.service is not None and task.service.daemon:
                wake_others(task.service)
        if to is Status.STOPPED and task.instance_id is not None:
            reservation.release(task.instance_id, cpu=task.cpu, memory=task.memory, holder=task.arn)
        live.publish(*topics(task))
    task.status = to
    for name, value in fields.items():
        setattr(task, name, value)
    return True


@lru_cache(maxsize=64)
def _moving(fields: tuple[str, ...]) -> PreparedUpdate:
    """From a status to another, with such fields; at most once."""
    own = {name: Given(name, cast("Field[Any, Any]", Task._meta.get_field(name))) for name in fields}
    rows = Task.objects.filter(pk=Given("pk"), status=Given("before"))
    return PreparedUpdate(lambda: rows, status=Given("to"), version=F("version") + 1, **own)


def take_down(task: Task, until: Status) -> bool:
    """Move a task that has nothing to be stopped, or nobody to stop it, step by step as far as `until`. False where it
    was moved by somebody else meanwhile."""
    for status in (Status.STOPPING, Status.DEPROVISIONING, Status.STOPPED):
        if Status(task.status).order < status.order <= until.order and not advance(task, status):
            return False
    return True


def _difference(before: Status, to: Status) -> tuple[int, int]:
    """How the pending and running counts change."""
    pending = int(to in _BEFORE_RUNNING) - int(before in _BEFORE_RUNNING)
    running = int(to is Status.RUNNING) - int(before is Status.RUNNING)
    return pending, running


def lock_service(task: Task) -> None:
    """Rows are always locked in one order, service, tasks, instance, cluster, so that no two transactions wait for
    each other. (SQLite has one writer at a time and nothing to order.)"""
    if task.service_id is not None and connection.features.has_select_for_update:
        _LOCKED.first(pk=task.service_id)


_LOCKED: Prepared[int] = Prepared(
    lambda: Service.every.select_for_update().filter(pk=Given("pk")).order_by().values_list("pk", flat=True)
)


def _count(task: Task, pending: int, running: int) -> None:
    if task.service_id is not None:
        _COUNT_SERVICE.run(pk=task.service_id, pending=pending, running=running)
    if task.instance_id is not None:
        reservation.count(task.instance_id, pending=pending, running=running)
    _COUNT_CLUSTER.run(pk=task.cluster_id, pending=pending, running=running)


_PENDING, _RUNNING = Given("pending", IntegerField()), Given("running", IntegerField())
_COUNT_SERVICE = PreparedUpdate(
    lambda: Service.every.filter(pk=Given("pk")),
    pending_count=F("pending_count") + _PENDING,
    running_count=F("running_count") + _RUNNING,
)
_COUNT_CLUSTER = PreparedUpdate(
    lambda: Cluster.objects.filter(pk=Given("pk")),
    pending_tasks=F("pending_tasks") + _PENDING,
    running_tasks=F("running_tasks") + _RUNNING,
)


def ask_to_stop(task: Task, code: str, reason: str, **fields: Any) -> bool:
    """Decide that the task ends, with the first code and reason given; later ones change nothing."""
    with transaction.atomic():
        lock_service(task)
        decided = Task.objects.filter(pk=task.pk, desired_status="RUNNING").update(
            desired_status="STOPPED",
            stop_code=code,
            stopped_reason=reason,
            version=F("version") + 1,
            **fields,
        )
        if not decided:
            return False
        if task.service_id is not None:
            wake_service(task.service_id)
        live.publish(*topics(task))
    task.desired_status, task.stop_code, task.stopped_reason = "STOPPED", code, reason
    for name, value in fields.items():
        setattr(task, name, value)
    return True
