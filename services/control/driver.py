"""Driving one task: claim it, observe, ask the lifecycle for the next step, carry it out, until there is a wait.

Called by the job `services.drive_task`. No transaction and no row lock is open while an engine is called. A step
that was carried out but not written down is carried out again, harmlessly.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from base import clock, live
from clusters.engine.errors import EngineRetryable
from clusters.engine.port import Engine
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from services.control import effects, observe
from services.control.claim import again, claim_due, drop, release, renew
from services.control.observe import Seen
from services.control.transitions import advance, ask_to_stop, lock_service, take_down, topics
from services.models import Task, TaskContainer
from services.scheduler.exits import Outage, exit_cause
from services.scheduler.lifecycle import next_step
from services.scheduler.model import Status, StopCode
from services.scheduler.task_model import (
    Advance,
    Fail,
    Pull,
    RemoveAll,
    Restart,
    Settle,
    Start,
    StartPause,
    Step,
    Stop,
    Wait,
)
from services.wakeup import DRIVE, send_later, wake_service

log = logging.getLogger(__name__)

_MOST_STEPS = 60  # of one drive; more means a step that does not move, which must not spin
_ENGINE_AWAY = timedelta(seconds=15)
_REPLACEMENT_PLANNED = timedelta(seconds=0.5)  # before the rows of the ended task move on
_REPLACEMENT_FIRST = timedelta(seconds=1)  # before its containers are removed
_SIGNAL_EXPLAINS = timedelta(minutes=2)  # as long as a stop may take (stopTimeout is at most 120 s)


def drive(task_id: str) -> None:
    """Carry the task as far as it goes now."""
    owner = claim_due(Task, task_id)
    if owner is None:
        return
    try:
        while True:
            wake_at = _round(task_id, owner)
            if release(Task, task_id, owner, wake_at):
                send_later(DRIVE, task_id, wake_at)
                return
            if not again(Task, task_id, owner):
                return
    except BaseException:
        drop(Task, task_id, owner)
        raise


def _round(task_id: str, owner: str) -> datetime | None:
    """Observe and step until the task waits; answers when to look again at the latest."""
    task = observe.load(task_id)
    if task.status == Status.STOPPED:
        return None
    if task.instance is None:
        _end_without_engine(task)
        return None
    if not task.instance.connected and task.instance.lost_at is not None:
        return None  # woken when it answers; nobody waits for time-outs of a lost host until then
    if not task.instance.connected and not task.instance.engine_id:
        return clock.now() + _ENGINE_AWAY
    seen = Seen()
    try:
        engine = engine_of(task.instance)
        if not observe.is_fresh(task):
            observe.look(task, engine, seen)
            _note(task, seen)
        return _step_on(task, engine, seen, owner)
    except EngineRetryable as error:
        # Unknown is not gone: the task keeps its status until the engine answers.
        log.info("task %s waits for %s: %s", task.id, task.instance, error)
        return clock.now() + timedelta(seconds=max(1.0, error.retry_after))


def _step_on(task: Task, engine: Engine, seen: Seen, owner: str) -> datetime | None:
    for _ in range(_MOST_STEPS):
        step = next_step(observe.facts(task, seen), clock.now())
        if isinstance(step, Wait):
            return step.until
        if isinstance(step, RemoveAll) and (later := _replacement_first(task)):
            return later
        if isinstance(step, Stop):
            return effects.stop(task, engine, seen, step.containers)
        if not _carry_out(task, engine, seen, step):
            return None
        if isinstance(step, Fail) and task.service_id is not None:
            return clock.now() + _REPLACEMENT_PLANNED
        if task.status == Status.STOPPED:
            return None
        if not renew(Task, task.pk, owner):
            log.warning("task %s: the lease was lost, another worker goes on", task.id)
            return None
    log.error("task %s does not come forward: last step %r", task.id, step)
    return clock.now() + timedelta(seconds=30)


def _carry_out(task: Task, engine: Engine, seen: Seen, step: Step) -> bool:
    """False where the task was moved by somebody else meanwhile."""
    match step:
        case Advance(status=status):
            return _advance(task, seen, status)
        case Fail(code=code, reason=reason, containers=reasons):
            for row in task.containers.all():
                if row.name in dict(reasons):
                    row.reason = dict(reasons)[row.name]
                    row.save(update_fields=["reason"])
            ask_to_stop(task, code, reason)
            return True
        case Pull(names=names):
            effects.pull(task, engine, seen, names)
        case StartPause():
            effects.start_pause(task, engine, seen)
        case Start(names=names):
            if _asked_to_stop_meanwhile(task):
                return True
            effects.start(task, engine, seen, names)
            _note(task, seen)
        case Restart(names=names):
            effects.restart(task, engine, seen, names)
            _note(task, seen)
        case Settle():
            return _settle(task)
        case RemoveAll():
            effects.remove_all(task, engine, seen)
    return True


def _replacement_first(task: Task) -> datetime | None:
    """When to clean up after a service's task that ended by itself: a moment later, because its replacement needs the
    engine more urgently, and an engine removes and starts containers at each other's expense."""
    if (
        task.service_id is None
        or task.stop_code != StopCode.ESSENTIAL_CONTAINER_EXITED
        or task.stopping_at is None
    ):
        return None
    later = task.stopping_at + _REPLACEMENT_FIRST
    return later if clock.now() < later else None


def _asked_to_stop_meanwhile(task: Task) -> bool:
    """A stop may have been decided while images were pulled: nothing is started for it any more."""
    fresh = Task.objects.filter(pk=task.pk).values("desired_status", "stop_code", "stopped_reason").get()
    if fresh["desired_status"] == task.desired_status:
        return False
    for name, value in fresh.items():
        setattr(task, name, value)
    return True


def _advance(task: Task, seen: Seen, status: Status) -> bool:
    if status is Status.STOPPED and not task.failed and _counts_as_failure(task):
        return advance(task, status, failed=True)
    if status is Status.PENDING:
        # Its images are at hand, pulled or not: the pages draw the time up to here as the pull.
        now = clock.now()
        return advance(
            task,
            status,
            pull_started_at=task.pull_started_at or task.created_at,
            pull_stopped_at=task.pull_stopped_at or now,
        )
    return advance(task, status)


def _settle(task: Task) -> bool:
    """False where it was asked to stop meanwhile."""
    assert task.service_id is not None
    now = clock.now()
    rows = Task.objects.filter(pk=task.pk, status="RUNNING", desired_status="RUNNING", healthy_at=None)
    with transaction.atomic():
        lock_service(task)
        if not rows.update(healthy_at=now):
            return False
        wake_service(task.service_id)
        live.publish(f"task:{task.pk}")
    task.healthy_at = now
    return True


def _note(task: Task, seen: Seen) -> None:
    """Write down what was observed; pages and the service learn of it where it changed."""
    before = task.deployment_health
    if observe.record(task, seen):
        live.publish(*topics(task))
        if task.service_id is not None and task.deployment_health != before:
            wake_service(task.service_id)


# ---- how it ended ------------------------------------------------------------------------------


def _counts_as_failure(task: Task) -> bool:
    """Whether circuit breaker and throttle count this end: the task's own doing, before it counted as healthy."""
    if task.healthy_at is not None or task.stop_code not in (
        StopCode.TASK_FAILED_TO_START,
        StopCode.ESSENTIAL_CONTAINER_EXITED,
    ):
        return False
    outages = _outages(task)
    if task.stop_code == StopCode.TASK_FAILED_TO_START:
        # An engine that was just killed refuses what it would take otherwise.
        at = task.stopping_at or clock.now()
        return exit_cause(exit_code=1, oom=False, at=at, outages=outages) == "app"
    ended = [row for row in task.containers.all() if row.essential and row.finished_at is not None]
    if not ended or task.instance is None:
        # Essential and gone without a trace: somebody removed it.
        return False
    culprit = min(ended, key=lambda row: row.finished_at)  # type: ignore[arg-type, return-value]
    document = task.document
    return (
        exit_cause(
            exit_code=culprit.exit_code,
            oom=culprit.oom_killed,
            at=culprit.finished_at or clock.now(),
            outages=outages,
            joint_limits=task.instance.joint_limits
            and bool(document.get("memory"))
            and len(task.task_definition.containers) > 1,
            killed_from_outside=_killed_from_outside(culprit),
        )
        == "app"
    )


def _killed_from_outside(row: TaskContainer) -> bool:
    """Whether a signal that was not ours came shortly before its end. An old one (a reload by SIGHUP) is not why."""
    if row.killed_at is None or row.finished_at is None:
        return False
    return row.finished_at - row.killed_at <= _SIGNAL_EXPLAINS


def _outages(task: Task) -> list[Outage]:
    """The last time its engine did not answer, as the row has it now."""
    instance = ContainerInstance.objects.filter(pk=task.instance_id).first()
    if instance is None or instance.disconnected_at is None:
        return []
    back = instance.connected_at
    return [Outage(instance.disconnected_at, back if back and back >= instance.disconnected_at else None)]


def _end_without_engine(task: Task) -> None:
    """A task that was never placed has nothing to take down."""
    if task.desired_status == "STOPPED":
        take_down(task, Status.STOPPED)
