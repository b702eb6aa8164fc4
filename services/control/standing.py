"""What is done about the tasks of an instance as a whole, and the handlers of facts from lower rooms."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import DateTimeField, QuerySet

from base import jobs_by_name
from base.prepared import Given, Prepared, PreparedUpdate
from clusters.connection import record_found
from clusters.engine.errors import EngineError
from clusters.engine.helper import remove_helper
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN, ContainerState, Engine, EngineEvent
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from services.control import logs, observe
from services.control.cleaning import keep_log
from services.control.transitions import ask_to_stop
from services.models import Service, Task, TaskContainer
from services.scheduler.model import StopCode
from services.wakeup import wake_services, wake_task, wake_tasks

log = logging.getLogger(__name__)

_TELLING = {"die", "oom", "destroy", "health_status"}  # what we start ourselves, we know of


def align(instance: ContainerInstance, engine: Engine) -> tuple[int, int]:
    """Compare the engine with the rows: wake every task that differs, remove every container without a live task.

    Answers (tasks woken, containers removed). The list is taken before the rows are read, so a container whose task
    is unknown then was created by no job that is still to come.
    """
    states = engine.list_containers(detail=False)
    live = _live(instance)
    arns = {state.labels.get(LABEL_TASK_ARN, "") for state in states} - live.keys()
    # The engine may have been deregistered and registered anew: those are for that instance to look after.
    others = Task.objects.filter(arn__in=arns).exclude(status="STOPPED")
    elsewhere = set(others.values_list("arn", flat=True)) if arns else set()
    by_task: dict[str, dict[str, ContainerState]] = {}
    removed = 0
    # Containers before the pause container whose namespaces they use.
    for state in sorted(states, key=lambda state: state.labels.get(LABEL_ROLE) == "pause"):
        arn = state.labels.get(LABEL_TASK_ARN, "")
        if arn in live:
            by_task.setdefault(arn, {})[state.id] = state
        elif arn not in elsewhere and state.labels.get(LABEL_ROLE) in ("container", "pause"):
            log.warning("removing orphan %s: no live task %s", state.name, arn)
            keep_log(state, engine)
            engine.remove_container(state.id)
            removed += 1
    differing = [task.id for arn, task in live.items() if _differs(task, by_task.get(arn, {}))]
    wake_tasks(differing)
    record_found(instance)
    return len(differing), removed


@dataclass(slots=True)
class _Known:
    """Of a live task, what is compared: the rows are many and wide, and every engine's are read once a minute."""

    id: str
    runs: bool  # RUNNING, meant to, and known to be healthy where a service asks
    pause: str
    containers: list[tuple[str, str, str]] = field(default_factory=list)  # runtime id, status, health


def _live_rows() -> QuerySet[Task, tuple[Any, ...]]:
    """A row for each container."""
    rows = Task.objects.filter(instance=Given("instance")).exclude(status="STOPPED").order_by()
    return rows.values_list(
        *("pk", "arn", "status", "desired_status", "pause_id", "healthy_at", "service_id"),
        *("containers__runtime_id", "containers__status", "containers__health"),
    )


_LIVE = Prepared(_live_rows)


def _live(instance: ContainerInstance) -> dict[str, _Known]:
    """The instance's live tasks by ARN."""
    found: dict[str, _Known] = {}
    for pk, arn, status, desired, pause, healthy, service, *one in _LIVE.all(instance=instance.pk):
        runs = status == desired == "RUNNING" and bool(healthy or not service)
        task = found.setdefault(arn, _Known(pk, runs, pause))
        if one[0] is not None:
            task.containers.append((one[0], one[1], one[2]))
    return found


def _differs(task: _Known, states: Mapping[str, ContainerState]) -> bool:
    """Also where only its health does: an engine tells a change of health once, and nobody may have listened."""
    running = {key for key, state in states.items() if state.status == "running"}
    for runtime_id, status, health in task.containers:
        if (status == "RUNNING") != (runtime_id in running):
            return True
        if runtime_id in running and observe.health_of(states[runtime_id]).value != health:
            return True
    return not task.runs or bool(task.pause and task.pause not in running)


def take_event(event: EngineEvent) -> bool:
    """What an engine tells of a container. True where that woke its task, whose driver then looks for itself."""
    arn = event.labels.get(LABEL_TASK_ARN)
    if not arn:
        return False
    if event.action == "kill":
        # Slipway signals only what it has decided to stop: a signal to a task that is to run is somebody else's.
        _KILLED.run(arn=arn, runtime_id=event.container_id, at=event.time)
        return False
    if event.action not in _TELLING:
        return False
    if event.action == "die" and event.exit_code is not None:
        # Older than its last start: told again, of a run that is over.
        _DIED.run(arn=arn, runtime_id=event.container_id, at=event.time, exit_code=event.exit_code)
    wake_task(arn.rsplit("/", 1)[-1])
    return True


def _container() -> QuerySet[TaskContainer]:
    return TaskContainer.objects.filter(task__arn=Given("arn"), runtime_id=Given("runtime_id"))


_AT = Given("at", DateTimeField())
_KILLED = PreparedUpdate(lambda: _container().filter(task__desired_status="RUNNING"), killed_at=_AT)
_DIED = PreparedUpdate(
    lambda: _container().filter(status="RUNNING", started_at__lt=_AT),
    status="STOPPED",
    exit_code=Given("exit_code"),
    finished_at=_AT,
)


def collect_logs(task_id: str) -> None:
    """Fetch a running task's newest lines because somebody is looking."""
    task = observe.load(task_id)
    if task.instance is None:
        return
    try:
        logs.collect(task, engine_of(task.instance))
    except EngineError as error:
        log.info("logs of task %s were not fetched: %s", task_id, error)


# ---- facts from clusters -----------------------------------------------------------------------


def instance_changed(fact: Mapping[str, Any]) -> None:
    """Room came or went: whatever waits for room, or has to leave, is planned anew."""
    instance = ContainerInstance.objects.filter(pk=fact["instance"]).first()
    if instance is not None:
        services = Service.every.filter(cluster=instance.cluster_id).exclude(status=Service.Status.INACTIVE)
        wake_services(services.values_list("pk", flat=True))


def instance_connected(fact: Mapping[str, Any]) -> None:
    """It answers again: look at everything it was running."""
    wake_tasks(
        Task.objects.filter(instance=fact["instance"]).exclude(status="STOPPED").values_list("pk", flat=True)
    )
    instance_changed(fact)


def remove_helper_of(instance_id: str) -> None:
    """Of an instance that is no longer registered: nothing of ours stays behind."""
    instance = ContainerInstance.objects.filter(pk=instance_id, status="INACTIVE").first()
    if instance is None:
        return
    try:
        remove_helper(engine_of(instance))
    except EngineError as error:
        log.info("the helper of instance %s is left to the watcher: %s", instance_id, error)


def instance_deregistered(fact: Mapping[str, Any]) -> None:
    """What still runs there is stopped; the driver reaches it as long as the engine answers. Of a lost one nothing is
    heard any more: its tasks end at once, and what it runs is removed should it ever answer."""
    for task in (
        Task.objects.filter(instance=fact["instance"])
        .exclude(status="STOPPED")
        .select_related("cluster", "instance__cluster", "service__cluster")
    ):
        ask_to_stop(task, StopCode.USER_INITIATED, "Container instance was deregistered by user.")
        wake_tasks([task.pk])
    jobs_by_name.send_on_commit("services.remove_helper", fact["instance"])
    instance_changed(fact)
