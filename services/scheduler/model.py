"""The facts the scheduler decides on, and the actions it answers with. All frozen, standard library only.

Flow: `services/control` reads rows into a `Snapshot`; `services.scheduler.plan.plan(snapshot, now)` answers
a `Plan`; `services/control` applies it in one transaction. A plan is made from facts alone, never from the
event that woke it, so doing it twice is harmless and a restart resumes where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from services.scheduler.filters import Slot


class Query(Protocol):
    """A compiled cluster query, the predicate of a memberOf constraint. The caller compiles (`clusters.cql`)."""

    @property
    def text(self) -> str: ...
    @property
    def asks_tasks(self) -> bool:
        """Whether tasks that come and go change the answer."""

    @property
    def asks_more(self) -> bool:
        """Whether it asks for what few do: the version of an instance's agent, here the engine's, or when it was
        registered. Only then has an instance to say it."""

    @property
    def asks_groups(self) -> bool:
        """Whether the facts must hold the groups of the instance's tasks."""

    def matches(self, facts: Slot, /) -> bool: ...


class Status(StrEnum):
    """A task's life. Only ever moves forward; `order` gives the position."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"

    @property
    def order(self) -> int:
        return _ORDER[self]


_ORDER = {status: index for index, status in enumerate(Status)}


class Health(StrEnum):
    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


class StopCode(StrEnum):
    TASK_FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
    USER_INITIATED = "UserInitiated"
    SERVICE_SCHEDULER_INITIATED = "ServiceSchedulerInitiated"
    SPOT_INTERRUPTION = "SpotInterruption"
    TERMINATION_NOTICE = "TerminationNotice"
    INFRASTRUCTURE_HEALTH = "InfrastructureHealth"


class DeploymentStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    STOP_REQUESTED = "STOP_REQUESTED"
    STOPPED = "STOPPED"
    SUCCESSFUL = "SUCCESSFUL"
    ROLLBACK_REQUESTED = "ROLLBACK_REQUESTED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_SUCCESSFUL = "ROLLBACK_SUCCESSFUL"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"


class Stage(StrEnum):
    """The lifecycle stages that a rolling deployment passes, in order. RECONCILE_SERVICE only where tasks of several
    revisions run when it begins."""

    RECONCILE_SERVICE = "RECONCILE_SERVICE"
    PRE_SCALE_UP = "PRE_SCALE_UP"
    SCALE_UP = "SCALE_UP"
    POST_SCALE_UP = "POST_SCALE_UP"
    CLEAN_UP = "CLEAN_UP"


class HookStatus(StrEnum):
    """Of a lifecycle hook that was reached. SUCCEEDED: continued; FAILED: rolled back, or its deployment ended."""

    AWAITING_ACTION = "AWAITING_ACTION"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


Port = tuple[int, str]  # (host port, "tcp" | "udp")


@dataclass(frozen=True, slots=True)
class Instance:
    """One container instance. CPU units, memory MiB. `connected` False: its state is unknown, not gone."""

    id: str
    status: Literal["ACTIVE", "DRAINING"]
    connected: bool
    cpu: int
    memory: int
    cpu_reserved: int = 0
    memory_reserved: int = 0
    ports: frozenset[Port] = frozenset()
    gpus: int = 0
    gpus_reserved: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)  # includes ecs.availability-zone
    # What only cluster queries ask.
    agent_version: str = ""
    ec2_instance_id: str = ""
    registered_at: datetime | None = None
    running_tasks: int = 0  # of anybody, also those on their way
    groups: Mapping[str, int] = field(default_factory=dict)  # task group -> tasks; empty where no query asks
    closed: str = ""  # the critical daemon that does not run there as it should: no other tasks meanwhile
    others: int = 0  # tasks on it that are of no daemon service; told to daemon services, of DRAINING ones

    @property
    def placeable(self) -> bool:
        return self.status == "ACTIVE" and self.connected


@dataclass(frozen=True, slots=True)
class Demand:
    """What one task of a revision reserves."""

    cpu: int
    memory: int
    ports: frozenset[Port] = frozenset()  # fixed host ports only
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    type: Literal["spread", "binpack", "random"]
    field: str = ""  # attribute:…, instanceId | host, cpu | memory


# The attribute that makes an instance a member of an Auto Scaling group, and so of the provider that has that group.
AUTO_SCALING_GROUP = "slipway.auto-scaling-group"


@dataclass(frozen=True, slots=True)
class Provider:
    """One capacity provider of a strategy. `group`: of the instances it places on; "" = any (FARGATE)."""

    name: str
    base: int = 0
    weight: int = 1
    group: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """A service revision: what is frozen and rolled out."""

    id: str
    label: str  # for events and reasons: "web:12"
    demand: Demand
    checks_health: bool  # an essential container has a health check
    strategies: tuple[Strategy, ...] = ()  # () = spread over attribute:ecs.availability-zone
    distinct_instance: bool = False
    required_attributes: Mapping[str, str] = field(default_factory=dict)  # e.g. ecs.cpu-architecture
    constraints: tuple[Query, ...] = ()  # memberOf
    providers: tuple[Provider, ...] = ()  # its capacity provider strategy, if it has one


@dataclass(frozen=True, slots=True)
class Task:
    """One task that is not STOPPED."""

    id: str
    revision: str  # Revision.id
    deployment: str | None
    instance: str | None
    status: Status
    desired: Literal["RUNNING", "STOPPED"]
    health: Health
    created_at: datetime
    started_at: datetime | None = None  # when it reached RUNNING
    healthy_at: datetime | None = None  # when it first counted as healthy: a persisted fact
    protected: bool = False  # by the user, from scale-in, deployments and drain, at the time of the snapshot
    protected_until: datetime | None = None
    provider: str = ""  # Provider.name


@dataclass(frozen=True, slots=True)
class Failure:
    """One STOPPED task whose end counts: never for ends caused by an engine, a host or a user.

    Breaker: ended before it counted as healthy. Throttle: only those with `reached_running` False.
    The caller gives the failures of the revision being rolled out (or, in steady state, of the current one).
    """

    task: str
    stopped_at: datetime
    reached_running: bool
    reason: str
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    enable: bool = False
    rollback: bool = False
    threshold_type: Literal["COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT"] = "BOUNDED_PERCENT"
    threshold_value: int = 50
    reset_on_healthy: bool = True


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook of type PAUSE at one stage, as configured."""

    stage: Stage
    timeout: float = 86_400.0  # seconds
    action: Literal["CONTINUE", "ROLLBACK"] = "ROLLBACK"  # when it times out


@dataclass(frozen=True, slots=True)
class Pause:
    """A hook that was reached. While one is AWAITING_ACTION its deployment is held at its stage."""

    id: str
    stage: Stage
    status: HookStatus
    expires_at: datetime
    action: Literal["CONTINUE", "ROLLBACK"] = "ROLLBACK"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment in progress, if any (status PENDING … ROLLBACK_IN_PROGRESS; finished ones are not given).

    `ready` False: its images are still being resolved; nothing of it is started yet.
    """

    id: str
    status: DeploymentStatus
    target: str  # Revision.id
    rollback: str | None = None  # Revision.id it goes back to, set with ROLLBACK_REQUESTED / IN_PROGRESS
    created_at: datetime | None = None
    rollback_started_at: datetime | None = None
    ready: bool = True
    image_error: str | None = None  # permanent failure to resolve its images
    image_failures: int = 0  # how often the resolution failed so far (each counts as one failed task)
    hooks: tuple[Hook, ...] = ()
    stage: Stage | None = None  # reached; kept only where there are hooks
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskSet:
    """The task set that a snapshot is of. `ready`, `image_error`: as of a deployment."""

    id: str  # "ecs-svc/…"
    ready: bool = True
    image_error: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Every waiting time, so that tests may shrink them. Seconds."""

    steady: float = (
        40.0  # RUNNING this long = healthy, without a health check (for the words: see `lifecycle`)
    )
    throttle_base: float = 5.0
    throttle_cap: float = 900.0
    placement_retry: float = 15.0
    # At least this long from a task's end to the next start, where it ran but ended before it counted as healthy.
    # ECS has no throttle there and is paced by its own slowness; without this a crash loop would spin.
    crash_pause: float = 2.0
    rebalance_retry: float = 300.0  # a zone that should have more tasks, but had no room


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known of one service, or of one task set of it (`task_set`), at `now`."""

    service: str  # its name, for events
    status: Literal["ACTIVE", "DRAINING"]
    desired_count: int
    minimum_healthy_percent: int
    maximum_percent: int
    health_grace: float  # seconds
    breaker: Breaker
    revisions: Mapping[str, Revision]
    completed: str | None  # Revision.id of the last completed one
    deployment: Deployment | None
    tasks: tuple[Task, ...]
    failures: tuple[Failure, ...]  # newest last
    last_healthy_at: datetime | None  # newest healthy_at among all tasks (live or stopped) of the deployment
    last_started_at: datetime | None  # newest started_at among tasks of the revision being started
    instances: tuple[Instance, ...]
    steady: bool  # whether the steady state was announced and not disturbed since
    timing: Timing = field(default_factory=Timing)
    last_events: tuple[str, ...] = ()  # newest last; repeats are suppressed against these
    rebalance: bool = False  # availabilityZoneRebalancing
    seed: int = 0  # for the random strategy: a plan is a pure function
    # DAEMON: the desired count is not given but follows from the instances.
    strategy: Literal["REPLICA", "DAEMON"] = "REPLICA"
    # Of a task set: status, desired count, tasks, failures and steadiness are its own, `completed` is its revision.
    task_set: TaskSet | None = None
    neighbours: Mapping[str, int] = field(default_factory=dict)  # instance -> tasks there of other task sets

    # One of ECS's daemons is planned as a service of the DAEMON strategy, held to its capacity providers.
    kind: Literal["service", "daemon"] = "service"
    drain_percent: float | None = (
        None  # of its instances, on how many at once it may be missing in a deployment
    )
    bake: float = 0.0  # seconds for which each step of a deployment is watched before the next

    @property
    def group(self) -> str:
        """The task group of this service's tasks."""
        return f"{self.kind}:{self.service}"

    @property
    def who(self) -> str:
        """What it is called in events."""
        name = f"{self.kind} {self.service}"
        return name if self.task_set is None else f"{name}, taskSet {self.task_set.id}"


# ---- actions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTask:
    revision: str
    deployment: str | None
    instance: str
    provider: str = ""  # the capacity provider whose share it is
    rebalanced_to: str = ""  # the zone that is to have more, where zones are made even


@dataclass(frozen=True, slots=True)
class StopTask:
    task: str
    code: StopCode
    reason: str
    # True: the service had to stop it for failing (unhealthy) and it never counted as healthy: it is a Failure
    failed: bool = False


@dataclass(frozen=True, slots=True)
class MarkHealthy:
    """This task counts as healthy from now on."""

    task: str


@dataclass(frozen=True, slots=True)
class SetDeployment:
    """Move the deployment to `status`. SUCCESSFUL and ROLLBACK_SUCCESSFUL make `revision` the service's last
    completed one. `rollback` is given when a rollback begins."""

    deployment: str
    status: DeploymentStatus
    reason: str = ""
    rollback: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class EnterStage:
    """The deployment is at this stage from now on, and held there until each of these hooks is resolved."""

    deployment: str
    stage: Stage
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpirePause:
    """Nobody answered in time: the hook has TIMED_OUT. What follows from its action is in the same plan."""

    deployment: str
    pause: str  # Pause.id


@dataclass(frozen=True, slots=True)
class SetSteady:
    steady: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """A service event, in ECS's words."""

    message: str


@dataclass(frozen=True, slots=True)
class FinishService:
    """Everything of a DRAINING service is gone: it becomes INACTIVE."""


Action = (
    StartTask
    | StopTask
    | MarkHealthy
    | SetDeployment
    | EnterStage
    | ExpirePause
    | SetSteady
    | Announce
    | FinishService
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered actions, when to look again at the latest, and what the service waits for in words."""

    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
    waiting: str = ""
    desired_count: int | None = None  # of a daemon service: what the instances make it

    def of(self, kind: type) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if isinstance(action, kind))


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
