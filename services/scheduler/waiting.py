"""What a service waits for, in one sentence for its page. Standard library only."""

from __future__ import annotations

from datetime import datetime

from services.scheduler import wording
from services.scheduler.census import Census
from services.scheduler.crew import Crew
from services.scheduler.model import Health, Snapshot, Status, Task
from services.scheduler.rolling import Outcome
from services.scheduler.rollout import Goal
from services.scheduler.throttle import Throttle


def explain(
    snapshot: Snapshot, census: Census, goal: Goal, outcome: Outcome, crew: Crew, now: datetime
) -> str:
    """The most telling of the things it waits for; "" when it waits for nothing.

    What needs somebody's hand comes first, then what only takes time.
    """
    return (
        goal.waiting
        or _no_revision(snapshot, goal, crew)
        or (_throttled(outcome.throttled, now) if outcome.throttled is not None else "")
        or (wording.NO_ROOM + outcome.refusal.reason if outcome.refusal is not None else "")
        or _blocked(outcome)
        or _starting(snapshot, census, crew, outcome)
        or _unreachable(snapshot, census, crew)
        or _stopping(census, outcome)
        or _protected(snapshot, crew)
        or _baking(goal, now)
    )


def _no_revision(snapshot: Snapshot, goal: Goal, crew: Crew) -> str:
    if goal.revision is not None or len(crew.stay) >= snapshot.desired_count:
        return ""
    return "Waiting for a new deployment: none has completed yet, so there is nothing to start tasks from."


def _throttled(wait: Throttle, now: datetime) -> str:
    pause = wording.span((wait.until - now).total_seconds())
    if not wait.failed:
        what = "a task ended before it was healthy"
    elif wait.failed == 1:
        what = "the last task failed to start"
    else:
        what = f"the last {wait.failed} tasks failed to start"
    return f"Waiting {pause} before trying again: {what}{_because(wait.reason)}."


def _because(reason: str) -> str:
    return f" ({reason.rstrip('.')})" if reason else ""


def _blocked(outcome: Outcome) -> str:
    if not outcome.blocked:
        return ""
    return (
        "Waiting for another minimumHealthyPercent or maximumPercent: with these no task can be stopped before "
        "another is started, nor started before another is stopped."
    )


def _starting(snapshot: Snapshot, census: Census, crew: Crew, outcome: Outcome) -> str:
    stopping = {stop.task for stop in outcome.stops}
    staying = [task for task in crew.stay if task.id not in stopping]
    coming = sum(1 for task in staying if task.status is not Status.RUNNING) + len(outcome.starts)
    if coming:
        return wording.waiting_for(coming, "start")
    young = [task for task in staying if not census.is_healthy(task)]
    checked = [task for task in young if _checks_health(snapshot, task)]
    checking = sum(1 for task in checked if task.health is not Health.HEALTHY)
    if checking:
        return wording.waiting_for(checking, "pass their health checks", "pass its health checks")
    unchecked = len(young) - len(checked)
    return wording.waiting_for(unchecked, f"run for {snapshot.timing.steady:g} s") if unchecked else ""


def _checks_health(snapshot: Snapshot, task: Task) -> bool:
    revision = snapshot.revisions.get(task.revision)
    return revision is not None and revision.checks_health


def _stopping(census: Census, outcome: Outcome) -> str:
    count = len(census.leaving) + len(outcome.stops)
    return wording.waiting_for(count, "stop") if count else ""


def _baking(goal: Goal, now: datetime) -> str:
    if goal.bakes_until is None:
        return ""
    return f"Watching the new tasks for {wording.span((goal.bakes_until - now).total_seconds())} before going on."


def _unreachable(snapshot: Snapshot, census: Census, crew: Crew) -> str:
    """Tasks that are to go, on an engine that cannot be told: they keep counting until it answers."""
    silent = {instance.id for instance in snapshot.instances if not instance.connected}
    found = sorted(
        {t.instance for t in (*census.leaving, *crew.replace) if t.instance in silent if t.instance}
    )
    return (
        f"Waiting for container instance {found[0]} to answer: its tasks are to be stopped." if found else ""
    )


def kept(snapshot: Snapshot, crew: Crew) -> tuple[Task, ...]:
    """The tasks that would go but for their protection."""
    surplus = max(0, len(crew.stay) - snapshot.desired_count)
    return (*[task for task in crew.stay if task.protected][:surplus], *crew.protected)


def _protected(snapshot: Snapshot, crew: Crew) -> str:
    beyond = kept(snapshot, crew)
    return f"{wording.PROTECTION} of {wording.tasks(len(beyond))} to end." if beyond else ""
