"""What the fleet of the simulation is made of: hosts with containers, and the rows of services and tasks.

The rows hold what the database would, the containers what the engines would, and neither is made from the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.scheduler.exits import Outage
from services.scheduler.model import Breaker, Deployment, Health, Revision, Status, StopCode
from services.scheduler.task_model import Observed
from tests.unit.scheduler.build import T0

NEVER = timedelta(days=3650)
LEASE = 20.0  # seconds


@dataclass(slots=True)
class Container:
    """One on a host. `task` "": a stranger's, which nobody may touch."""

    task: str
    name: str
    status: str = "created"  # created | running | exited
    exit_code: int | None = None
    health: Health = Health.UNKNOWN
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_at: datetime = T0 + NEVER  # when it does something by itself


@dataclass(slots=True)
class Host:
    """An engine, and its instance's row: `connected` is what was noticed, `reachable` what is."""

    id: str
    cpu: int
    memory: int
    zone: str
    gpus: int = 4
    status: str = "ACTIVE"
    reachable: bool = True
    connected: bool = True
    outage: Outage | None = None
    containers: dict[tuple[str, str], Container] = field(default_factory=dict)


@dataclass(slots=True)
class Due:
    """When a row is to be looked at, and who holds it. The claim of a dead worker runs out."""

    wake_at: datetime | None = None
    owner: str = ""
    until: datetime | None = None

    def claim(self, now: datetime, owner: str) -> bool:
        if self.until is not None and self.until >= now:
            return False
        self.owner, self.until, self.wake_at = owner, now + timedelta(seconds=LEASE), None
        return True

    def renew(self, now: datetime, owner: str) -> bool:
        if self.owner != owner:
            return False
        self.until = now + timedelta(seconds=LEASE)
        return True

    def release(self, now: datetime, owner: str, wake_at: datetime | None) -> bool:
        """False: woken meanwhile, look again (or the claim was lost)."""
        if self.owner != owner or self.wake_at is not None:
            return False
        self.owner, self.until, self.wake_at = "", None, wake_at
        return True

    def wake(self, now: datetime) -> bool:
        """True where a message is to be sent."""
        if self.wake_at is not None and self.wake_at <= now:
            return False
        self.wake_at = now
        return True

    def overdue(self, now: datetime) -> bool:
        if self.until is not None and self.until >= now:
            return False
        if self.wake_at is None:
            return self.until is not None
        return self.wake_at <= now - timedelta(seconds=2)


@dataclass(slots=True)
class TaskRow:
    id: str
    service: str
    revision: str
    deployment: str | None
    host: str
    created_at: datetime
    fate: str
    status: Status = Status.PROVISIONING
    desired: str = "RUNNING"
    health: Health = Health.UNKNOWN
    started_at: datetime | None = None
    healthy_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    code: StopCode | None = None
    reason: str = ""
    failed: bool = False
    noted: dict[str, Observed] = field(
        default_factory=dict
    )  # container -> as last seen; missing: not created
    exits: dict[str, tuple[int | None, datetime | None]] = field(default_factory=dict)
    due: Due = field(default_factory=Due)


@dataclass(slots=True)
class Seen:
    """What one drive learnt, lost with its worker."""

    at: datetime | None = None  # when the engine was asked
    pulled: bool = False
    removed: bool = False
    start_error: str = ""


@dataclass(slots=True)
class ServiceRow:
    name: str
    desired: int
    percent: tuple[int, int]
    breaker: Breaker
    grace: float
    status: str = "ACTIVE"  # ACTIVE | DRAINING | INACTIVE
    completed: str | None = None
    deployment: Deployment | None = None
    revisions: dict[str, Revision] = field(default_factory=dict)
    characters: dict[str, str] = field(default_factory=dict)
    steady: bool = False
    events: list[str] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    waiting: str = ""
    due: Due = field(default_factory=Due)

    def fingerprint(self) -> tuple[object, ...]:
        """What an operation may change under a plan."""
        return (self.status, self.desired, self.percent, self.completed, self.deployment)

    def effective(self) -> str | None:
        if self.deployment is None:
            return self.completed
        back = "ROLLBACK" in self.deployment.status and self.deployment.rollback
        return back or self.deployment.target
