"""The next step of one task's life: facts in, one step out. Called by the task driver in `services/control`.

    PROVISIONING ─ images, network ─▶ PENDING ─ containers start in order ─▶ (ACTIVATING) ─▶ RUNNING
         └───────────────┬───────────────┴──────── asked to stop, or Fail ──────┴───────────────┘
                         ▼
    (DEACTIVATING) ─▶ STOPPING ─ SIGTERM in reverse order ─▶ DEPROVISIONING ─ logs, removal ─▶ STOPPED

The two in brackets are passed only by tasks that a load balancer must know of. A status never moves back, and
each step makes one transition at most. A wait is told from a dead end: a dependency that can never be satisfied
fails the task at once instead of leaving it PENDING for ever.
"""

from __future__ import annotations

from datetime import datetime

from services.scheduler.dependencies import blocked, earliest_timeout, startable, stoppable, waiting_for
from services.scheduler.exits import container_reason, should_restart
from services.scheduler.model import Status, StopCode
from services.scheduler.task_model import (
    Advance,
    ContainerFacts,
    Fail,
    Pull,
    RemoveAll,
    Restart,
    Settle,
    Start,
    StartPause,
    Step,
    Stop,
    TaskFacts,
    Wait,
)


def next_step(facts: TaskFacts, now: datetime) -> Step:
    """The one thing to do next for this task. Never raises; a STOPPED task answers `Wait()`."""
    if facts.status is Status.STOPPED:
        return Wait()
    if facts.desired == "STOPPED" or facts.status.order >= Status.DEACTIVATING.order:
        return _go_down(facts)
    return _failure(facts, now) or _go_up(facts, now)


# ---- up ----------------------------------------------------------------------------------------


def _go_up(facts: TaskFacts, now: datetime) -> Step:
    match facts.status:
        case Status.PROVISIONING:
            return _provision(facts)
        case Status.PENDING:
            return _start_containers(facts, now)
        case Status.ACTIVATING:
            return Advance(Status.RUNNING) if _is_registered(facts) else Wait(None, _REGISTERING)
        case _:
            return _restart(facts) or _settle(facts)


_REGISTERING = "Waiting to be registered with its load balancer."


def _is_registered(facts: TaskFacts) -> bool:
    return facts.registered or not facts.needs_registration


def _provision(facts: TaskFacts) -> Step:
    # A non-essential container whose image cannot be pulled does not keep the others from starting.
    missing = tuple(c.name for c in facts.containers if not (c.pulled or c.started or c.pull_error))
    if missing:
        return Pull(missing)
    if facts.needs_pause and facts.pause in (None, "created"):
        return StartPause()
    return Advance(Status.PENDING)


def _start_containers(facts: TaskFacts, now: datetime) -> Step:
    """Start everything whose dependencies are satisfied; RUNNING when nothing startable is left."""
    ready = startable(facts.containers)
    if ready:
        return Start(ready)
    again = _restart(facts)
    if again:
        return again
    why = waiting_for(facts.containers, now)
    if why:
        return Wait(earliest_timeout(facts.containers), why)
    return Advance(Status.ACTIVATING if facts.needs_registration else Status.RUNNING)


def _restart(facts: TaskFacts) -> Step | None:
    names = tuple(c.name for c in facts.containers if should_restart(c))
    return Restart(names) if names else None


def _settle(facts: TaskFacts) -> Step:
    """Asked after everything that ends a task. What counts is when it was looked at: a worker may have stood still
    since. A wait that is over already has it looked at anew."""
    if facts.settles_at is None or facts.seen_at is None or facts.seen_at < facts.settles_at:
        return Wait(facts.settles_at)
    return Settle()


# ---- what ends a task --------------------------------------------------------------------------


def _failure(facts: TaskFacts, now: datetime) -> Fail | None:
    """Why the task cannot go on, or None. The first cause in time or order is the one named."""
    if facts.resource_error:
        return _fail(
            facts, StopCode.TASK_FAILED_TO_START, f"ResourceInitializationError: {facts.resource_error}"
        )
    return _cannot_start(facts) or _essential_ended(facts) or _network_ended(facts) or _dead_end(facts, now)


def _network_ended(facts: TaskFacts) -> Fail | None:
    """Asked after the containers: where they ended together, a container's own end tells more."""
    if not facts.needs_pause or facts.pause not in ("exited", "gone"):
        return None
    reason = "Essential container in task exited: the container that holds the task's network"
    return _fail(facts, StopCode.ESSENTIAL_CONTAINER_EXITED, reason)


def _cannot_start(facts: TaskFacts) -> Fail | None:
    for container in facts.containers:
        if container.essential and (container.pull_error or container.start_error):
            return _fail(facts, StopCode.TASK_FAILED_TO_START, container_reason(container))
    return None


def _essential_ended(facts: TaskFacts) -> Fail | None:
    """An essential container ended for good; of several, the one that ended first. Also when all have ended."""
    ended = [c for c in facts.containers if c.ended and not should_restart(c)]
    culprits = [c for c in ended if c.essential]
    if not culprits and ended and len(ended) == len(facts.containers):
        culprits = ended
    if not culprits:
        return None
    first = min(culprits, key=lambda c: (c.finished_at is None, c.finished_at or facts.created_at))
    reason = f"Essential container in task exited: {first.name} ({_how_it_ended(first)})"
    return _fail(facts, StopCode.ESSENTIAL_CONTAINER_EXITED, reason)


def _how_it_ended(container: ContainerFacts) -> str:
    if container.observed == "gone":
        return "the container was removed"
    code = f"exit code {container.exit_code}" if container.exit_code is not None else "exit code unknown"
    reason = container_reason(container)
    return f"{code}, {reason}" if reason else code


def _dead_end(facts: TaskFacts, now: datetime) -> Fail | None:
    """An essential container that can never be started. Only before RUNNING: later, all have been."""
    if facts.status is not Status.PENDING:
        return None
    reasons = blocked(facts.containers, now)
    for container in facts.containers:
        if container.essential and container.name in reasons:
            reason = f"Container {container.name} could not start: {reasons[container.name]}"
            return _fail(facts, StopCode.TASK_FAILED_TO_START, reason)
    return None


def _fail(facts: TaskFacts, code: StopCode, reason: str) -> Fail:
    own = tuple((c.name, container_reason(c)) for c in facts.containers if container_reason(c))
    return Fail(code, reason, own)


# ---- down --------------------------------------------------------------------------------------


def _go_down(facts: TaskFacts) -> Step:
    if facts.stop_code is None:
        # Every task ends with a code and a reason: a stop that came without is given one here.
        return Fail(StopCode.USER_INITIATED, "Task stopped by user")
    match facts.status:
        case Status.DEACTIVATING:
            if facts.needs_registration and facts.registered:
                return Wait(None, "Waiting to be deregistered from its load balancer.")
            return Advance(Status.STOPPING)
        case Status.STOPPING:
            names = stoppable(facts.containers)
            return Stop(names) if names else Advance(Status.DEPROVISIONING)
        case Status.DEPROVISIONING:
            if facts.removed:
                return Advance(Status.STOPPED)
            # Something still runs where its host was lost, and is back.
            names = stoppable(facts.containers)
            return Stop(names) if names else RemoveAll()
        case _:
            return Advance(Status.DEACTIVATING if facts.needs_registration else Status.STOPPING)
