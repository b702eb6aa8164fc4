"""Counting a service's tasks: which are live, which are healthy, which are not. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.scheduler.model import Health, Snapshot, Status, Task, seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """How many tasks there should be, and how few healthy ones or how many at all there may be."""

    desired: int
    lower: int  # healthy tasks, at least
    upper: int  # tasks before DEPROVISIONING, at most

    @classmethod
    def of(cls, snapshot: Snapshot) -> Limits:
        """desired 10, minimumHealthyPercent 75, maximumPercent 125: lower ceil(7.5) = 8, upper floor(12.5) = 12.

        desired 1, 50, 150: lower ceil(0.5) = 1, upper floor(1.5) = 1, so nothing can be replaced: the messages of
        the service say so. Whole numbers throughout: 0.29 * 100 is not 29 in floating point.
        """
        desired = max(0, snapshot.desired_count)
        lower = -(-desired * snapshot.minimum_healthy_percent // 100)
        upper = desired * snapshot.maximum_percent // 100
        return cls(desired, min(desired, lower), upper)


@dataclass(frozen=True, slots=True)
class Census:
    """Ids in the sets; tasks in the tuples. A task may be in several."""

    live: tuple[
        Task, ...
    ]  # before DEPROVISIONING: their containers may run, so they count towards the upper limit
    leaving: tuple[Task, ...]  # live, but on their way down
    active: tuple[Task, ...]  # live, and not on their way down
    healthy: frozenset[str]
    unhealthy: frozenset[str]  # active, UNHEALTHY, and past the grace period
    newly_healthy: tuple[str, ...]  # healthy from now on: to be persisted
    changes_at: tuple[datetime, ...]  # when time alone will make a task unhealthy

    def is_healthy(self, task: Task) -> bool:
        return task.id in self.healthy

    def was_healthy(self, task: Task) -> bool:
        return task.healthy_at is not None or task.id in self.healthy


def take_census(snapshot: Snapshot, now: datetime) -> Census:
    silent = frozenset(i.id for i in snapshot.instances if not i.connected)
    live = tuple(t for t in snapshot.tasks if t.status.order < Status.DEPROVISIONING.order)
    active = tuple(t for t in live if not _leaves(t))
    running = [t for t in active if t.status is Status.RUNNING]
    unhealthy = frozenset(
        t.id for t in running if t.health is Health.UNHEALTHY and now >= _grace_ends(t, snapshot)
    )
    # Once healthy, always healthy while not UNHEALTHY: an engine that restarts its probes (UNKNOWN for a while) or a
    # clock that jumps back takes no task out of the count.
    known = {t.id for t in running if t.healthy_at is not None} - unhealthy
    new = tuple(t.id for t in running if t.healthy_at is None and _passes(t, snapshot, silent))
    times = [_grace_ends(t, snapshot) for t in running if t.health is Health.UNHEALTHY]
    return Census(
        live=live,
        leaving=tuple(t for t in live if _leaves(t)),
        active=active,
        healthy=frozenset(known.union(new)),
        unhealthy=unhealthy,
        newly_healthy=new,
        changes_at=tuple(at for at in times if at > now),
    )


def _leaves(task: Task) -> bool:
    return task.desired == "STOPPED" or task.status.order > Status.RUNNING.order


def _started(task: Task) -> datetime:
    return task.started_at or task.created_at


def _grace_ends(task: Task, snapshot: Snapshot) -> datetime:
    return _started(task) + seconds(snapshot.health_grace)


def _passes(task: Task, snapshot: Snapshot, silent: frozenset[str]) -> bool:
    """Whether a RUNNING task that never was healthy is so by its health check. Without a check its own driver says so,
    when it has seen it alive after its time (`lifecycle.Settle`): time alone proves nothing.

    Not on an engine that does not answer (`silent`): what was healthy is still counted so, but nothing becomes
    healthy unseen, or old tasks would be stopped for new ones that nobody has seen alive.
    """
    revision = snapshot.revisions.get(task.revision)
    checks = revision is not None and revision.checks_health
    return checks and task.health is Health.HEALTHY and task.instance not in silent
