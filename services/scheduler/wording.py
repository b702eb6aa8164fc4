"""What a service says: events in ECS's words, and the sentence on what it waits for. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from services.scheduler.model import Announce, Pause, Stage, Task

_MOST_NAMED = 10  # tasks named one by one in an event

STEADY = "has reached a steady state."
UNPLACED = "was unable to place a task because no container instance met all of its requirements."
INCONSISTENT = "is unable to consistently start tasks successfully."
DEADLOCKED = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again."
)

NO_ROOM = "Waiting for room: "
PROTECTION = "Waiting for the protection"
UNSTEADY = "was unable to reach steady state because"

UNBALANCED = "is not AZ balanced with"
BALANCED = "is AZ balanced with"

FAILED_HEALTH_CHECKS = "Task failed container health checks"


def event(who: str, text: str) -> Announce:
    """`who`, here and below: "service web" or "daemon agent", Snapshot.who."""
    return Announce(f"({who}) {text}")


def of_deployment(who: str, deployment: str, text: str) -> Announce:
    return Announce(f"({who}) (deployment {deployment}) {text}")


def paused(who: str, deployment: str, stage: Stage) -> Announce:
    return of_deployment(who, deployment, f"deployment paused at {stage}: its lifecycle hook awaits action.")


def timed_out(who: str, deployment: str, pause: Pause) -> Announce:
    then = "deployment continued." if pause.action == "CONTINUE" else "deployment failed."
    return of_deployment(who, deployment, f"lifecycle hook at {pause.stage} timed out: {then}")


def held(stage: Stage) -> str:
    return f"Waiting for an approval: the deployment is paused at {stage}."


def full_zone(who: str, zone: str) -> Announce:
    return event(
        who,
        f"is unable to place a task in {zone} because no container instance met all of its requirements.",
    )


def started(who: str, tasks: Sequence[str], zone: str = "") -> Announce:
    """`zone`: where they are started to make zones even."""
    where = f" in {zone} to AZ Rebalance" if zone else ""
    return event(who, f"has started {len(tasks)} tasks{where}: {_named(tasks)}.")


def stopped(who: str, tasks: Sequence[str], zone: str = "") -> Announce:
    """`zone`: of which they were, where zones are made even."""
    where = f" in {zone} due to AZ rebalancing" if zone else ""
    return event(who, f"has stopped {len(tasks)} running tasks{where}: {_named(tasks)}.")


def _named(tasks: Sequence[str]) -> str:
    """At most ten of them."""
    names = " ".join(f"(task {task})" for task in tasks[:_MOST_NAMED])
    return f"{names} and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else names


def not_balanced(who: str, counts: str) -> Announce:
    return event(who, f"{UNBALANCED} {counts}. AZ Rebalancing in progress.")


def protected(tasks: Sequence[Task]) -> str:
    """What could not scale in, and why. A task set is named as its tasks' startedBy."""
    sets = dict.fromkeys(f"(taskSet ecs-svc/{task.deployment or task.revision})" for task in tasks)
    return f"{' '.join(sets)} was unable to scale in due to (reason {len(tasks)} tasks under protection)"


def unhealthy(who: str, task: str) -> Announce:
    return event(who, f"(task {task}) failed container health checks.")


def was_said_of(deployment: str, text: str, last_events: Sequence[str]) -> bool:
    """Whether it was said already since the deployment began."""
    for said in reversed(last_events):
        if text in said:
            return True
        if f"(deployment {deployment})" in said and said.endswith("started."):
            return False
    return False


def is_repeat(message: str, last_events: Sequence[str]) -> bool:
    """Whether it was said already since the service was last in order. For what stays true for long; what happens
    once (tasks stopped, a deployment completed) is always said."""
    for said in reversed(last_events):
        if said == message:
            return True
        if said.endswith((STEADY, "deployment completed.")):
            return False
    return False


def tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def waiting_for(count: int, what: str, own: str = "") -> str:
    """2, "start" -> "Waiting for 2 tasks to start."; with `own` the singular's own ending."""
    return f"Waiting for {tasks(count)} to {own if own and count == 1 else what}."


def span(wait: float) -> str:
    """12.3 -> "12 s", 95 -> "95 s", 600 -> "10 min"; a wait is never "0 s"."""
    return f"{max(1, round(wait))} s" if wait < 120 else f"{round(wait / 60)} min"
