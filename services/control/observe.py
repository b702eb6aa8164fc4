"""What is known of one task: its rows, and what its engine says of its containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from base import clock
from base.prepared import Given, Prepared, prefetched
from clusters.engine.port import ContainerState, Engine
from services.control import specs
from services.models import Task, TaskContainer
from services.scheduler.exits import SIGKILLED
from services.scheduler.health import deployment_health, task_health
from services.scheduler.model import Health, Status, StopCode
from services.scheduler.task_model import Condition, ContainerFacts, Observed, RestartPolicy, TaskFacts
from services.taskdef.order import has_health_check

_HEALTH = {"HEALTHY": Health.HEALTHY, "UNHEALTHY": Health.UNHEALTHY}
_KEPT_OUTPUT = 4000  # characters of a health check's output
_BELIEVED = timedelta(seconds=2)  # for which an end that was told of is not asked about


@dataclass
class Seen:
    """What this drive of the task has learnt, beyond the rows. Lost with the process without harm."""

    at: datetime | None = None  # when the engine was asked
    containers: dict[str, ContainerState | None] = field(default_factory=dict)  # by container name
    pause: ContainerState | None = None
    pulled: set[str] = field(default_factory=set)
    pull_errors: dict[str, str] = field(default_factory=dict)
    start_errors: dict[str, str] = field(default_factory=dict)
    resource_error: str = ""
    removed: bool = False


def health_of(state: ContainerState) -> Health:
    return _HEALTH.get(state.health, Health.UNKNOWN)


def load(task_id: str) -> Task:
    task = _TASK.one(pk=task_id)
    prefetched(task, "containers", _CONTAINERS.all(task=task_id))
    return task


_TASK = Prepared(
    lambda: (
        Task.objects.select_related(
            "cluster", "instance__cluster", "service__cluster", "revision", "task_definition__family"
        )
        .filter(pk=Given("pk"))
        .order_by()
    )
)
_CONTAINERS = Prepared(lambda: TaskContainer.objects.filter(task=Given("task")))


def is_fresh(task: Task) -> bool:
    """Nothing of it was ever created, so there is nothing to ask the engine for. (Where a worker died between the
    creation and the note of it, the deterministic name tells at the next create.)"""
    return not task.pause_id and not any(row.runtime_id for row in task.containers.all())


def look(task: Task, engine: Engine, seen: Seen) -> None:
    """Ask the engine for every container that was created."""
    seen.at = clock.now()
    for row in task.containers.all():
        if row.runtime_id:
            seen.containers[row.name] = _just_ended(task, row) or engine.inspect_container(row.runtime_id)
    if task.pause_id:
        seen.pause = engine.inspect_container(task.pause_id)


def facts(task: Task, seen: Seen) -> TaskFacts:
    rows = {row.name: row for row in task.containers.all()}
    document = task.document
    joint = task.instance is not None and task.instance.joint_limits
    return TaskFacts(
        status=Status(task.status),
        desired="RUNNING" if task.desired_status == "RUNNING" else "STOPPED",
        containers=tuple(
            _container_facts(container, rows[container["name"]], seen)
            for container in document["containerDefinitions"]
        ),
        created_at=task.created_at,
        needs_pause=specs.needs_pause(document, joint_limits=joint),
        pause=_observed(bool(task.pause_id), seen.pause, ran=task.status != Status.PROVISIONING),
        stop_code=StopCode(task.stop_code) if task.stop_code else None,
        stop_reason=task.stopped_reason,
        resource_error=seen.resource_error,
        removed=seen.removed,
        seen_at=seen.at,
        settles_at=_settles_at(task),
    )


def _settles_at(task: Task) -> datetime | None:
    """Of a service's task without a health check, that is not known to be healthy yet."""
    if task.service_id is None or task.healthy_at is not None or task.started_at is None:
        return None
    return None if checks_health(task.document) else task.started_at + steady()


def checks_health(document: dict) -> bool:
    """Whether a deployment waits for this definition's health checks."""
    return any(c.get("essential", True) and has_health_check(c) for c in document["containerDefinitions"])


def steady() -> timedelta:
    return timedelta(seconds=settings.SLIPWAY_STEADY_SECONDS)


def _container_facts(container: Mapping[str, Any], row: TaskContainer, seen: Seen) -> ContainerFacts:
    name = row.name
    state = seen.containers.get(name)
    policy = container.get("restartPolicy") or {}
    return ContainerFacts(
        name=name,
        essential=row.essential,
        depends_on=tuple(
            (d["containerName"], Condition(d["condition"])) for d in container.get("dependsOn", ())
        ),
        has_health_check=has_health_check(container),
        start_timeout=container.get("startTimeout"),
        stop_timeout=container.get("stopTimeout", 30),
        restart_policy=RestartPolicy(
            frozenset(policy.get("ignoredExitCodes", ())), policy.get("restartAttemptPeriod", 300)
        )
        if policy.get("enabled")
        else None,
        pulled=name in seen.pulled or bool(row.runtime_id),
        observed=_observed(bool(row.runtime_id), state, ran=row.started_at is not None),
        exit_code=state.exit_code if state else row.exit_code,
        health=health_of(state) if state else Health(row.health),
        oom=(state.oom_killed if state else row.oom_killed),
        started_at=(state.started_at if state else None) or row.started_at,
        finished_at=(state.finished_at if state else None) or row.finished_at,
        restarts=row.restart_count,
        pull_error=seen.pull_errors.get(name, ""),
        start_error=seen.start_errors.get(name, ""),
    )


def _observed(created: bool, state: ContainerState | None, *, ran: bool) -> Observed:
    """`ran`: it was seen running. An engine that was killed while its disk was full comes back not knowing that it
    ever started the container: what ran is gone, and is not "created" again."""
    if not created:
        return None
    if state is None or state.status == "removing":
        return "gone"
    if state.status in ("running", "paused", "restarting"):
        return "running"
    if state.status in ("exited", "dead"):
        return "exited"
    return "gone" if ran else "created"


def _just_ended(task: Task, row: TaskContainer) -> ContainerState | None:
    """A container whose end the engine has told of a moment ago, as the watcher noted it. Asked for such a one, an
    engine answers only when it has taken its network down, and a replacement would wait for that.

    Not for an end by SIGKILL that nobody is known to have sent: only the engine can tell whether memory was why.
    """
    if row.status != "STOPPED" or row.finished_at is None or row.exit_code is None:
        return None
    if clock.now() - row.finished_at > _BELIEVED or (row.exit_code == SIGKILLED and row.killed_at is None):
        return None
    return ContainerState(
        id=row.runtime_id,
        name=row.name,
        labels={},
        image=row.image,
        image_id=row.image_digest,
        status="exited",
        health_output=row.health_output,
        exit_code=row.exit_code,
        oom_killed=row.oom_killed,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


# ---- writing it down ---------------------------------------------------------------------------


def record(task: Task, seen: Seen) -> bool:
    """Bring the containers' rows, the task's health and its addresses up to date. True where anything changed."""
    changed = False
    for row in task.containers.all():
        state = seen.containers.get(row.name)
        if state is None:
            continue
        new = _row_values(row, state)
        if any(getattr(row, name) != value for name, value in new.items()):
            for name, value in new.items():
                setattr(row, name, value)
            row.save(update_fields=list(new))
            changed = True
    return _record_task(task, seen) or changed


def _row_values(row: TaskContainer, state: ContainerState) -> dict[str, Any]:
    observed = _observed(True, state, ran=row.started_at is not None)
    return {
        "status": {"running": "RUNNING", "created": "CREATED"}.get(observed or "", "STOPPED"),
        "health": health_of(state).value,
        "health_output": state.health_output[-_KEPT_OUTPUT:],
        "exit_code": state.exit_code if observed == "exited" else None,
        "oom_killed": state.oom_killed,
        "started_at": state.started_at or row.started_at,
        "finished_at": state.finished_at if observed == "exited" else None,
        "image_digest": row.image_digest or state.image_id,
        # A stopped container has no ports any more; what it had is worth keeping.
        "network_bindings": _bindings(state) if observed == "running" else row.network_bindings,
    }


def _bindings(state: ContainerState) -> list[dict[str, Any]]:
    seen: dict[tuple[int, str], dict[str, Any]] = {}
    for binding in state.ports:
        if binding.host_port and ":" not in binding.host_ip:
            seen[binding.container_port, binding.protocol] = {
                "bindIP": binding.host_ip,
                "containerPort": binding.container_port,
                "hostPort": binding.host_port,
                "protocol": binding.protocol,
            }
    return list(seen.values())


def _record_task(task: Task, seen: Seen) -> bool:
    what = facts(task, seen)
    new: dict[str, Any] = {
        "health": task_health(what.containers).value,
        "deployment_health": deployment_health(what.containers).value,
    }
    if seen.pause is not None and seen.pause.ip_addresses:
        new["address"] = next(iter(seen.pause.ip_addresses.values()))
    if all(getattr(task, name) == value for name, value in new.items()):
        return False
    Task.objects.filter(pk=task.pk).update(**new)
    for name, value in new.items():
        setattr(task, name, value)
    return True
