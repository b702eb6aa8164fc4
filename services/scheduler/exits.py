"""How containers end: whether they start again, what to say of them, and whom to blame. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.scheduler.model import seconds
from services.scheduler.task_model import ContainerFacts

Cause = Literal["app", "engine", "user"]

SIGKILLED = 137  # 128 + 9
SIGTERMED = 143  # 128 + 15


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which an engine did not answer. `connected_at` None: it still does not."""

    disconnected_at: datetime
    connected_at: datetime | None = None


def exit_cause(
    *,
    exit_code: int | None,
    oom: bool,
    at: datetime,
    outages: Sequence[Outage] = (),
    joint_limits: bool = False,
    killed_from_outside: bool = False,
    margin: float = 10.0,
) -> Cause:
    """Whom to blame for a container's end that nobody asked for. Only "app" counts as a failure.

    at: when it ended (or, where the container is gone, when that was noticed).
    joint_limits: its task's containers share one memory cap. killed_from_outside: the engine's event stream
    showed a signal that Slipway did not send. margin: seconds that an outage reaches beyond what was noticed:
    an engine ends its containers before its silence is noticed, and tells of them after it answers again.

    In this order:
    - within an outage: "engine", whatever the code (a killed engine ends its containers with 137);
    - told to be out of memory: "app";
    - 137 under joint limits: "app". There the kernel kills for the cap of the *task*, and the engine, which
      watches the container's own cap, does not call it out of memory. The price: a SIGKILL by hand counts too;
    - 137, 143, no exit code at all (removed), or a signal seen: somebody did it by hand, "user";
    - anything else: "app".
    """
    if any(_covers(outage, at, margin) for outage in outages):
        return "engine"
    if oom:
        return "app"
    if exit_code == SIGKILLED and joint_limits and not killed_from_outside:
        return "app"
    if killed_from_outside or exit_code in (SIGKILLED, SIGTERMED, None):
        return "user"
    return "app"


def _covers(outage: Outage, at: datetime, margin: float) -> bool:
    if at < outage.disconnected_at - seconds(margin):
        return False
    return outage.connected_at is None or at <= outage.connected_at + seconds(margin)


def should_restart(container: ContainerFacts) -> bool:
    """Whether its restart policy starts it again: it ended with a code that is not ignored, and its last run
    lasted at least the attempt period (so a container that crashes at once is not restarted for ever)."""
    policy = container.restart_policy
    if policy is None or container.observed != "exited" or container.start_error:
        return False
    if container.exit_code in policy.ignored_exit_codes:
        return False
    if container.started_at is None or container.finished_at is None:
        return False
    return container.finished_at - container.started_at >= seconds(policy.attempt_period)


def container_reason(container: ContainerFacts) -> str:
    """The `reason` ECS shows with a container, or "" where it has nothing to say beyond the exit code."""
    if container.pull_error:
        return f"CannotPullContainerError: {container.pull_error}"
    if container.start_error:
        return f"CannotStartContainerError: {container.start_error}"
    if container.oom:
        return "OutOfMemoryError: Container killed due to memory usage"
    if container.observed == "gone":
        return "The container was removed from the engine by someone else"
    return ""
