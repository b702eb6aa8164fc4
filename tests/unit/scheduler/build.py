"""Short ways to say what a service, its tasks and its instances look like. Times are seconds after T0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.scheduler.model import (
    Announce,
    Breaker,
    Demand,
    Deployment,
    DeploymentStatus,
    Failure,
    Health,
    Instance,
    Plan,
    Revision,
    SetDeployment,
    Snapshot,
    StartTask,
    Status,
    StopTask,
    Task,
)
from services.scheduler.plan import plan

# Memberships that constraints may ask for, and what they mean on an instance after `placed` more tasks of this service.
QUERIES: dict[str, Callable[[Instance, int], bool]] = {
    "attribute:ecs.availability-zone == a": lambda i, placed: i.attributes.get(ZONE) == "a",
    "runningTasksCount < 3": lambda i, placed: i.running_tasks + placed < 3,
    "not (task:group == service:web)": lambda i, placed: i.groups.get("service:web", 0) + placed < 1,
    "not (task:group == database) or attribute:ecs.availability-zone !exists": lambda i, placed: (
        i.groups.get("database", 0) < 1 or ZONE not in i.attributes
    ),
}

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "ecs.availability-zone"


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


NOW = at(1000)


def revision(
    key: str = "old", *, cpu: int = 256, memory: int = 512, checks: bool = False, **more: Any
) -> Revision:
    ports = frozenset((port, "tcp") for port in more.pop("ports", ()))
    return Revision(key, f"web:{key}", Demand(cpu, memory, ports), checks, **more)


def instance(
    key: str = "i1", *, cpu: int = 64 * 1024, memory: int = 256 * 1024, zone: str = "a", **more: Any
) -> Instance:
    fields: dict[str, Any] = {"status": "ACTIVE", "connected": True} | more
    attributes = fields.pop("attributes", {}) | {ZONE: zone}
    ports = frozenset((port, "tcp") for port in fields.pop("ports", ()))
    return Instance(id=key, cpu=cpu, memory=memory, attributes=attributes, ports=ports, **fields)


def task(
    key: str,
    of: str = "old",
    status: Status | str = Status.RUNNING,
    *,
    on: str | None = "i1",
    health: Health | str = Health.UNKNOWN,
    started: float | None = 100,
    healthy: float | None = None,
    created: float = 90,
    **more: Any,
) -> Task:
    """RUNNING since T0 + 100 and never healthy, unless told otherwise."""
    state = Status(status)
    ran = started is not None and state.order >= Status.RUNNING.order
    fields: dict[str, Any] = {"desired": "RUNNING", "deployment": None} | more
    return Task(
        id=key,
        revision=of,
        instance=on,
        status=state,
        health=Health(health),
        created_at=at(created),
        started_at=at(started) if ran and started is not None else None,
        healthy_at=at(healthy) if healthy is not None else None,
        **fields,
    )


def tasks(prefix: str, count: int, of: str = "old", *, healthy: bool = True, **more: Any) -> tuple[Task, ...]:
    """`count` RUNNING tasks that are healthy since T0 + 150, or that are not healthy yet."""
    return tuple(task(f"{prefix}{n}", of, healthy=150 if healthy else None, **more) for n in range(count))


def deployment(
    status: DeploymentStatus | str = "IN_PROGRESS", target: str = "new", *, began: float = 0, **more: Any
) -> Deployment:
    return Deployment("d1", DeploymentStatus(status), target, created_at=at(began), **more)


def failure(
    key: str, second: float, *, ran: bool = False, reason: str = "exit code 1", of: str | None = None
) -> Failure:
    return Failure(key, at(second), ran, reason, of)


def snapshot(
    desired: int = 1,
    of: Iterable[Task] = (),
    *,
    percent: tuple[int, int] = (100, 200),
    revisions: Mapping[str, Revision] | None = None,
    instances: Iterable[Instance] | None = None,
    **more: Any,
) -> Snapshot:
    """A service whose last completed revision is "old"; "new" checks its health as "old" does: not at all."""
    known = {"old": revision("old"), "new": revision("new")} if revisions is None else dict(revisions)
    fields: dict[str, Any] = {
        "status": "ACTIVE",
        "health_grace": 0.0,
        "breaker": Breaker(),
        "completed": "old",
        "deployment": None,
        "failures": (),
        "last_healthy_at": None,
        "last_started_at": None,
        "steady": False,
    } | more
    return Snapshot(
        service="web",
        desired_count=desired,
        minimum_healthy_percent=percent[0],
        maximum_percent=percent[1],
        revisions=known,
        tasks=tuple(of),
        instances=(instance(),) if instances is None else tuple(instances),
        **fields,
    )


# ---- reading plans -----------------------------------------------------------------------------


def started(made: Plan) -> list[str]:
    """Revisions of the tasks it starts."""
    return [action.revision for action in made.actions if isinstance(action, StartTask)]


def stopped(made: Plan) -> list[str]:
    return [action.task for action in made.actions if isinstance(action, StopTask)]


def said(made: Plan) -> list[str]:
    """Its events without the service's name."""
    return [a.message.removeprefix("(service web) ") for a in made.actions if isinstance(a, Announce)]


def moved(made: Plan) -> list[SetDeployment]:
    return [action for action in made.actions if isinstance(action, SetDeployment)]


def plan_now(*positional: Any, **named: Any) -> Plan:
    """The plan at NOW for snapshot(*positional, **named)."""
    return plan(snapshot(*positional, **named), NOW)
