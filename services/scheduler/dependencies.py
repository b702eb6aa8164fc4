"""`dependsOn`: what may start, what waits, what never can, and in which order to stop. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.scheduler.exits import should_restart
from services.scheduler.model import Health, seconds
from services.scheduler.task_model import Condition, ContainerFacts

Containers = Sequence[ContainerFacts]


def startable(containers: Containers) -> tuple[str, ...]:
    """Containers that were not started yet and whose dependencies are all satisfied."""
    by_name = {c.name: c for c in containers}
    return tuple(
        c.name
        for c in containers
        if _may_start(c) and all(_satisfied(by_name.get(name), condition) for name, condition in c.depends_on)
    )


def _may_start(container: ContainerFacts) -> bool:
    return not (container.started or container.pull_error or container.start_error)


def _satisfied(dependency: ContainerFacts | None, condition: Condition) -> bool:
    if dependency is None or not dependency.started:
        return False
    match condition:
        case Condition.START:
            return True
        case Condition.COMPLETE:
            # A restarted one did complete, though it runs again.
            return dependency.ended or dependency.restarts > 0
        case Condition.SUCCESS:
            return dependency.observed == "exited" and dependency.exit_code == 0
        case Condition.HEALTHY:
            return dependency.observed == "running" and dependency.health is Health.HEALTHY


def blocked(containers: Containers, now: datetime) -> dict[str, str]:
    """Containers that can never be started, with the reason in words. Cycles count as never."""
    by_name = {c.name: c for c in containers}
    reasons: dict[str, str] = {}
    # Being blocked spreads along the edges: at most one round per container.
    for _ in containers:
        found = {
            c.name: why
            for c in containers
            if _may_start(c) and c.name not in reasons and (why := _dead_edge(c, by_name, reasons, now))
        }
        if not found:
            break
        reasons.update(found)
    for name in _in_cycles(by_name):
        reasons.setdefault(name, "its dependencies form a circle")
    return reasons


def _dead_edge(
    container: ContainerFacts, by_name: Mapping[str, ContainerFacts], dead: Mapping[str, str], now: datetime
) -> str:
    for name, condition in container.depends_on:
        dependency = by_name.get(name)
        if dependency is None:
            return f"dependency {name} is not a container of this task"
        if name in dead:
            return f"dependency {name} cannot start ({dead[name]})"
        if not _satisfied(dependency, condition):
            why = _never(dependency, condition) or _timed_out(dependency, condition, now)
            if why:
                return f"dependency {name} {why}"
    return ""


def _never(dependency: ContainerFacts, condition: Condition) -> str:
    """Why an unsatisfied condition can never come true, or ""."""
    if dependency.pull_error:
        return f"could not be pulled ({dependency.pull_error})"
    if dependency.start_error:
        return f"could not be started ({dependency.start_error})"
    if dependency.ended and not should_restart(dependency):
        how = "was removed" if dependency.observed == "gone" else f"exited with code {dependency.exit_code}"
        return f"{how} ({condition} required)"
    if condition is Condition.HEALTHY and dependency.started:
        if dependency.health is Health.UNHEALTHY:
            return "became UNHEALTHY"
        if not dependency.has_health_check:
            return "has no health check (HEALTHY required)"
    return ""


def _deadline(dependency: ContainerFacts, condition: Condition) -> datetime | None:
    """startTimeout runs from the dependency's start; a mere START needs no more time than that."""
    if condition is Condition.START or dependency.start_timeout is None or dependency.started_at is None:
        return None
    return dependency.started_at + seconds(dependency.start_timeout)


def _timed_out(dependency: ContainerFacts, condition: Condition, now: datetime) -> str:
    deadline = _deadline(dependency, condition)
    if deadline is None or now < deadline:
        return ""
    return f"did not reach {condition} within its start timeout of {dependency.start_timeout:g} seconds"


def _in_cycles(by_name: Mapping[str, ContainerFacts]) -> set[str]:
    """Containers not started yet that (also through others) wait for themselves: what is left when every
    container without open dependencies is taken away, again and again."""
    left = {name for name, c in by_name.items() if not c.started}
    while True:
        free = {n for n in left if not any(d in left for d, _ in by_name[n].depends_on)}
        if not free:
            return left
        left -= free


def waiting_for(containers: Containers, now: datetime) -> str:
    """What keeps containers from starting that still may, in one sentence; "" when none waits."""
    by_name = {c.name: c for c in containers}
    never = blocked(containers, now)
    for container in containers:
        if not _may_start(container) or container.name in never:
            continue
        for name, condition in container.depends_on:
            if not _satisfied(by_name.get(name), condition):
                return f"Container {container.name} waits for {name} to {_VERB[condition]}."
    return ""


_VERB = {
    Condition.START: "start",
    Condition.COMPLETE: "complete",
    Condition.SUCCESS: "complete successfully",
    Condition.HEALTHY: "become healthy",
}


def earliest_timeout(containers: Containers) -> datetime | None:
    """When the first start timeout among open dependencies runs out."""
    by_name = {c.name: c for c in containers}
    deadlines = [
        deadline
        for c in containers
        if _may_start(c)
        for name, condition in c.depends_on
        if (dependency := by_name.get(name)) is not None and not _satisfied(dependency, condition)
        if (deadline := _deadline(dependency, condition)) is not None
    ]
    return min(deadlines, default=None)


def stoppable(containers: Containers) -> tuple[tuple[str, int], ...]:
    """Running containers that no other running container depends on: (name, stop timeout in seconds).

    Reverse order of the start. Where dependencies form a circle, all that run are stopped at once.
    """
    running = [c for c in containers if c.observed == "running"]
    needed = {name for c in running for name, _ in c.depends_on}
    leaves = [c for c in running if c.name not in needed] or running
    return tuple((c.name, c.stop_timeout) for c in leaves)
