"""What is known of one task and its containers, and the steps its life is made of. Standard library only.

`services/control` observes a task into `TaskFacts`; `services.scheduler.lifecycle.next_step(facts, now)`
answers one `Step`; `services/control` carries it out, observes again, and asks again. Doing a step twice is
harmless: container names are deterministic, "already started" and "already gone" are successes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from services.scheduler.model import Health, Status, StopCode


class Condition(StrEnum):
    """When a container's dependency counts as satisfied (`dependsOn[].condition`)."""

    START = "START"  # it was started
    COMPLETE = "COMPLETE"  # it ran and ended, whatever its exit code
    SUCCESS = "SUCCESS"  # it ran and ended with exit code 0
    HEALTHY = "HEALTHY"  # its health check passes


# None: not created yet. gone: it was created, and the engine now says there is no such container
# (never said of an engine that did not answer). paused and restarting are `running`, dead is `exited`.
Observed = Literal["created", "running", "exited", "gone"] | None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`restartPolicy` with enabled = true. Seconds."""

    ignored_exit_codes: frozenset[int] = frozenset()
    attempt_period: float = 300.0  # only restarted when its last run lasted at least this long


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One container of a task: what was asked for, then what the engine says. Seconds.

    Errors are the engine's final words; an error that passes is retried by the driver and never gets here.
    """

    name: str
    essential: bool = True
    depends_on: tuple[tuple[str, Condition], ...] = ()
    has_health_check: bool = False
    start_timeout: float | None = None  # how long others wait for its COMPLETE, SUCCESS or HEALTHY
    stop_timeout: int = 30
    restart_policy: RestartPolicy | None = None

    pulled: bool = False  # its image is on the engine
    observed: Observed = None
    exit_code: int | None = None
    health: Health = Health.UNKNOWN
    oom: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    restarts: int = 0  # how often its restart policy started it again
    pull_error: str = ""
    start_error: str = ""  # of its creation or its start

    @property
    def started(self) -> bool:
        """It ran at some time: it runs, or it ended."""
        return self.observed in ("running", "exited", "gone")

    @property
    def ended(self) -> bool:
        return self.observed in ("exited", "gone")


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task that has an instance whose engine answers."""

    status: Status
    desired: Literal["RUNNING", "STOPPED"]
    containers: tuple[ContainerFacts, ...]
    created_at: datetime
    needs_pause: bool = False  # awsvpc: one container holds the network namespace of all the others
    pause: Observed = None
    stop_code: StopCode | None = None
    stop_reason: str = ""
    resource_error: str = ""  # final failure of network, volume, secret or pause container
    removed: bool = False  # RemoveAll was done (remember it for as long as the driver holds the task)
    needs_registration: bool = False  # a load balancer or a service registry must know of it
    registered: bool = False  # it does
    seen_at: datetime | None = None  # when its engine was asked for its containers
    # Seen alive then or later it counts as healthy; None: its health check tells, or it does, or nobody asks.
    settles_at: datetime | None = None


# ---- steps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Advance:
    """Move the task's status forward to `status` (guarded: only from the status the facts had)."""

    status: Status


@dataclass(frozen=True, slots=True)
class Pull:
    """Bring the images of these containers onto the engine; record `pulled`, or `pull_error` when final."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartPause:
    """Network and pause container: create and start; record `pause`, or `resource_error` when final."""


@dataclass(frozen=True, slots=True)
class Start:
    """Create and start these containers, at once: none waits for another. Record `start_error` when final."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Start these ended containers again, as their restart policy says; count `restarts`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """It was just seen alive after its time: record that it counts as healthy (`settles_at` is None from then on)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop these running containers, at once: (name, seconds from SIGTERM to SIGKILL)."""

    containers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class RemoveAll:
    """Collect what is left of the logs, then remove every container of the task, pause and network too."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The task cannot go on: set desired STOPPED, its stop code and reason, and the containers' own reasons."""

    code: StopCode
    reason: str
    containers: tuple[tuple[str, str], ...] = field(default=())  # (name, reason)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until the engine tells something new, or until `until` where it is given."""

    until: datetime | None = None
    why: str = ""


Step = Advance | Pull | StartPause | Start | Restart | Settle | Stop | RemoveAll | Fail | Wait
