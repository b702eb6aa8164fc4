"""A small world in which plans are applied: instances, tasks with fates of their own, users and mishaps.

Everything is drawn from one seed, so a failing run replays. Time is virtual. The world does what rows, drivers and
engines do around the scheduler, in the simplest way that is still true: a task moves one status at a time, counts
as failed when its own containers are to blame, and leaves its instance's room when it is STOPPED.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clusters.cql import compile_query
from services.scheduler.model import (
    Announce,
    Breaker,
    Demand,
    Deployment,
    DeploymentStatus,
    Failure,
    FinishService,
    Health,
    Instance,
    MarkHealthy,
    Plan,
    Port,
    Revision,
    SetDeployment,
    SetSteady,
    Snapshot,
    StartTask,
    Status,
    StopCode,
    StopTask,
    Strategy,
    Task,
    Timing,
)
from tests.unit.scheduler.build import QUERIES, T0, ZONE

# What becomes of a revision's tasks.
CHARACTERS = ("good", "good", "fails to start", "crashes", "never healthy", "flaky")
PERCENTS = [(100, 200), (50, 100), (0, 100), (50, 150), (0, 200), (100, 100), (75, 125)]
_ORDER = list(Status)


@dataclass(slots=True)
class SimTask:
    id: str
    revision: str
    deployment: str | None
    instance: str
    created_at: datetime
    fate: str  # good | fails to start | crashes | never healthy | turns unhealthy
    status: Status = Status.PROVISIONING
    desired: str = "RUNNING"
    health: Health = Health.UNKNOWN
    started_at: datetime | None = None
    healthy_at: datetime | None = None
    stopped_at: datetime | None = None
    protected: bool = False
    code: StopCode | None = None
    reason: str = ""
    failed: bool = False
    next_at: datetime = T0  # when it moves next by itself


@dataclass(slots=True)
class SimInstance:
    id: str
    cpu: int
    memory: int
    zone: str
    status: str = "ACTIVE"
    connected: bool = True
    foreign_cpu: int = 0
    foreign_memory: int = 0
    foreign_ports: set[Port] = field(default_factory=set)
    gpus: int = 8


class World:
    """One service in a cluster. `step()` does one random thing; `disturb=False` stops all mishaps."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = T0
        self.desired = self.random.randint(0, 6)
        self.percent = self.random.choice(PERCENTS)
        self.breaker = Breaker(self.random.random() < 0.6, self.random.random() < 0.6)
        self.grace = self.random.choice([0.0, 0.0, 30.0])
        self.draining = self.finished = False
        self.completed: str | None = None
        self.deployment: Deployment | None = None
        self.steady = False
        self.revisions: dict[str, Revision] = {}
        self.characters: dict[str, str] = {}
        self.tasks: dict[str, SimTask] = {}
        self._live: dict[str, SimTask] = {}  # those not STOPPED
        self.events: list[str] = []
        self.ended: list[tuple[str, DeploymentStatus]] = []
        self.instances = {key: self._new_instance(key) for key in ("i1", "i2", "i3")}
        self._serial = 0
        self._checks = self.random.random() < 0.5
        self._ports = self.random.random() < 0.2
        self.rebalance = self.random.random() < 0.5
        self._distinct = self.random.random() < 0.15
        texts = self.random.choice([(), (), (), *((text,) for text in QUERIES)])
        self._constraints = tuple(map(compile_query, texts))
        self._strategies = self.random.choice(
            [(), (Strategy("binpack", "cpu"),), (Strategy("spread", "instanceId"),), (Strategy("random"),)]
        )
        gpus = random.Random(seed)
        self._gpus = gpus.choice([0, 0, 0, 0, 1, 2])
        for one in self.instances.values():
            one.gpus = gpus.choice([0, 4, 8])
        self.deploy("good")

    def _new_instance(self, key: str) -> SimInstance:
        roomy = self.random.random() < 0.6
        cpu, memory = (8192, 32768) if roomy else (1024, 4096)
        return SimInstance(key, cpu, memory, self.random.choice("ab"))

    def serial(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}{self._serial}"

    # ---- what the scheduler sees ---------------------------------------------------------------

    def live(self) -> list[SimTask]:
        return list(self._live.values())

    def effective(self) -> str | None:
        if self.deployment is None:
            return self.completed
        back = "ROLLBACK" in self.deployment.status and self.deployment.rollback
        return back or self.deployment.target

    def snapshot(self) -> Snapshot:
        effective = self.effective()
        of_revision = [t for t in self.tasks.values() if t.revision == effective]
        own = [t for t in of_revision if self.deployment is None or t.deployment == self.deployment.id]
        return Snapshot(
            service="web",
            status="DRAINING" if self.draining else "ACTIVE",
            desired_count=self.desired,
            minimum_healthy_percent=self.percent[0],
            maximum_percent=self.percent[1],
            health_grace=self.grace,
            breaker=self.breaker,
            revisions=dict(self.revisions),
            completed=self.completed,
            deployment=self.deployment,
            tasks=tuple(self._task(t) for t in self.live()),
            failures=self._failures(own),
            last_healthy_at=max((t.healthy_at for t in own if t.healthy_at), default=None)
            if self.deployment
            else None,
            last_started_at=max((t.started_at for t in of_revision if t.started_at), default=None),
            instances=tuple(self._instance(i) for i in self.instances.values()),
            steady=self.steady,
            rebalance=self.rebalance,
            timing=Timing(throttle_cap=120.0),
            last_events=tuple(self.events[-20:]),
        )

    @staticmethod
    def _task(t: SimTask) -> Task:
        return Task(
            id=t.id,
            revision=t.revision,
            deployment=t.deployment,
            instance=t.instance,
            status=t.status,
            desired="RUNNING" if t.desired == "RUNNING" else "STOPPED",
            health=t.health,
            created_at=t.created_at,
            started_at=t.started_at,
            healthy_at=t.healthy_at,
            protected=t.protected,
        )

    @staticmethod
    def _failures(own: list[SimTask]) -> tuple[Failure, ...]:
        ends = [(t.stopped_at, t) for t in own if t.failed and t.stopped_at is not None]
        return tuple(
            Failure(t.id, end, t.started_at is not None, t.reason, t.deployment)
            for end, t in sorted(ends, key=lambda pair: (pair[0], pair[1].id))
        )

    def _instance(self, i: SimInstance) -> Instance:
        here = [self.revisions[t.revision].demand for t in self._live.values() if t.instance == i.id]
        return Instance(
            id=i.id,
            status="ACTIVE" if i.status == "ACTIVE" else "DRAINING",
            connected=i.connected,
            cpu=i.cpu,
            memory=i.memory,
            cpu_reserved=i.foreign_cpu + sum(d.cpu for d in here),
            memory_reserved=i.foreign_memory + sum(d.memory for d in here),
            ports=frozenset(i.foreign_ports.union(*(d.ports for d in here))),
            gpus=i.gpus,
            gpus_reserved=sum(d.gpus for d in here),
            attributes={ZONE: i.zone},
            running_tasks=len(here) + bool(i.foreign_cpu),
            groups={"service:web": len(here), "database": int(bool(i.foreign_cpu))},
        )

    # ---- applying a plan -----------------------------------------------------------------------

    def apply(self, made: Plan) -> None:
        for action in made.actions:
            match action:
                case MarkHealthy(task):
                    self.tasks[task].healthy_at = self.now
                case StopTask(task, code, reason, failed):
                    self._end(self.tasks[task], code, reason, failed=failed)
                case StartTask(revision, deployment, instance):
                    self._start(revision, deployment, instance)
                case SetDeployment():
                    self._set_deployment(action)
                case SetSteady(steady):
                    self.steady = steady
                case Announce(message):
                    self.events.append(message)
                case FinishService():
                    self.finished = True

    def _start(self, revision: str, deployment: str | None, instance: str) -> None:
        key = self.serial("t")
        fate = self.characters[revision]
        if fate == "mended":
            fate = "good"
        if fate == "flaky":
            fate = self.random.choice(["good", "good", "fails to start", "crashes", "turns unhealthy"])
        task = SimTask(key, revision, deployment, instance, self.now, fate, next_at=self._soon())
        self.tasks[key] = self._live[key] = task

    def _set_deployment(self, move: SetDeployment) -> None:
        assert self.deployment is not None
        now = self.deployment
        back = move.status is DeploymentStatus.ROLLBACK_IN_PROGRESS
        self.deployment = Deployment(
            id=now.id,
            status=move.status,
            target=now.target,
            rollback=move.rollback or now.rollback,
            created_at=now.created_at,
            rollback_started_at=self.now if back else now.rollback_started_at,
        )
        if move.revision is not None:
            self.completed = move.revision
        if move.status not in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
            self.ended.append((now.target, move.status))
            self.deployment = None

    def _end(self, task: SimTask, code: StopCode, reason: str, *, failed: bool = False) -> None:
        """Ask it to stop; the first reason stays."""
        if task.desired == "RUNNING":
            task.desired, task.code, task.reason, task.failed = "STOPPED", code, reason, failed
            task.next_at = self._soon()

    # ---- tasks' own lives ----------------------------------------------------------------------

    def _soon(self) -> datetime:
        return self.now + timedelta(seconds=self.random.choice([0.1, 0.5, 1, 3]))

    def progress(self) -> None:
        """Move every task on whose time has come; those of engines that do not answer stay as they are."""
        for task in self.live():
            if task.next_at <= self.now and self.instances[task.instance].connected:
                self._move(task)

    def _move(self, task: SimTask) -> None:
        before = _ORDER.index(task.status)
        if task.desired == "STOPPED":
            self._move_down(task)
        elif task.status is Status.RUNNING:
            self._live_on(task)
        elif task.fate == "fails to start" and task.status is Status.PENDING:
            self._fail(task, StopCode.TASK_FAILED_TO_START, "CannotStartContainerError: no such file")
        else:
            task.status = Status.RUNNING if task.status is Status.PENDING else Status.PENDING
            task.next_at = self._soon()
            if task.status is Status.RUNNING:
                task.started_at = self.now
                task.next_at = self.now + timedelta(seconds=self.random.choice([2, 5, 20]))
        assert _ORDER.index(task.status) >= before, "a status moved back"

    def _move_down(self, task: SimTask) -> None:
        order = [Status.STOPPING, Status.DEPROVISIONING, Status.STOPPED]
        task.status = next(s for s in order if s.order > task.status.order)
        task.next_at = self._soon()
        if task.status is Status.STOPPED:
            task.stopped_at = self.now
            del self._live[task.id]
            assert task.code is not None and task.reason, "a task ended without a code or a reason"

    def _live_on(self, task: SimTask) -> None:
        never = timedelta(days=365)
        if task.fate in ("crashes", "fails to start"):
            reason = "Essential container in task exited: app (exit code 1)"
            self._fail(task, StopCode.ESSENTIAL_CONTAINER_EXITED, reason)
            return
        checks = self.revisions[task.revision].checks_health
        if task.fate == "never healthy" or (task.fate == "turns unhealthy" and task.health is Health.HEALTHY):
            # Without a check nobody sees that it is ill: it passes for healthy after its 40 seconds.
            task.next_at = self.now + never
            if checks:
                task.health = Health.UNHEALTHY
            else:
                self._settle(task)
            return
        more = timedelta(seconds=30) if task.fate == "turns unhealthy" and checks else never
        task.next_at = self.now + more
        if checks:
            task.health = Health.HEALTHY
        else:
            self._settle(task)

    def _settle(self, task: SimTask) -> None:
        """As its driver does when it sees it alive after its time."""
        assert task.started_at is not None
        settles_at = task.started_at + timedelta(seconds=40)
        if settles_at <= self.now:
            task.healthy_at = task.healthy_at or self.now
        else:
            task.next_at = settles_at

    def _fail(self, task: SimTask, code: StopCode, reason: str) -> None:
        self._end(task, code, reason, failed=task.healthy_at is None)

    def next_moves(self) -> Iterator[datetime]:
        for task in self._live.values():
            if self.instances[task.instance].connected:
                yield task.next_at

    # ---- what users do -------------------------------------------------------------------------

    def deploy(self, character: str | None = None) -> None:
        if self.draining or (self.deployment is not None and self.deployment.status != "IN_PROGRESS"):
            return
        key = self.serial("r")
        self.characters[key] = character or self.random.choice(CHARACTERS)
        ports = frozenset({(8080, "tcp")}) if self._ports else frozenset()
        demand = Demand(self.random.choice([128, 256]), self.random.choice([256, 512]), ports, self._gpus)
        self.revisions[key] = Revision(
            key,
            f"web:{key}",
            demand,
            self._checks,
            strategies=self._strategies,
            distinct_instance=self._distinct,
            constraints=self._constraints,
        )
        if self.deployment is not None:  # a new one supersedes the one under way, as UpdateService does
            self.ended.append((self.deployment.target, DeploymentStatus.STOPPED))
        self.deployment = Deployment(
            self.serial("d"),
            DeploymentStatus.PENDING,
            key,
            created_at=self.now,
            ready=self.random.random() < 0.7,
        )

    def resolve_images(self) -> None:
        d = self.deployment
        if d is not None and not d.ready:
            self.deployment = Deployment(
                d.id, d.status, d.target, d.rollback, d.created_at, d.rollback_started_at
            )

    def request(self, status: DeploymentStatus) -> None:
        d = self.deployment
        if d is not None and d.status in ("PENDING", "IN_PROGRESS"):
            self.deployment = Deployment(d.id, status, d.target, None, d.created_at, None, d.ready)

    # ---- mishaps -------------------------------------------------------------------------------

    def lose_containers(self, instance: str) -> None:
        """The engine was killed: its containers ended, and none of them is to blame."""
        for task in self.live():
            if task.instance == instance and task.desired == "RUNNING":
                self._end(
                    task, StopCode.INFRASTRUCTURE_HEALTH, "The container instance's engine was restarted"
                )

    def kill_one(self) -> None:
        running = [t for t in self.live() if t.status is Status.RUNNING and t.desired == "RUNNING"]
        if running:
            victim = self.random.choice(running)
            self._end(
                victim,
                StopCode.ESSENTIAL_CONTAINER_EXITED,
                "Essential container in task exited: killed by hand",
            )

    def disturb(self) -> str:
        """One random deed of a user, an engine or a clock. Answers what it was, for replays."""
        one = self.random.choice(list(self.instances.values()))
        deed = self.random.choice(_DEEDS)
        match deed:
            case "scale":
                self.desired = self.random.randint(0, 6)
            case "deploy":
                self.deploy()
            case "resolve":
                self.resolve_images()
            case "stop deployment":
                self.request(DeploymentStatus.STOP_REQUESTED)
            case "roll back":
                self.request(DeploymentStatus.ROLLBACK_REQUESTED)
            case "configure":
                self.percent = self.random.choice(PERCENTS)
            case "drain or activate":
                one.status = "DRAINING" if one.status == "ACTIVE" else "ACTIVE"
            case "cut off or back":
                one.connected = not one.connected
                if one.connected and self.random.random() < 0.5:
                    self.lose_containers(one.id)
            case "engine restart":
                self.lose_containers(one.id)
            case "kill":
                self.kill_one()
            case "others come or go":
                self._foreign(one)
            case "protect or not":
                for task in self.live():
                    task.protected = self.random.random() < 0.3
            case "clock jump":
                self.now += timedelta(seconds=self.random.choice([-120, -5, 30, 600]))
            case _:
                self.now += timedelta(seconds=self.random.choice([0.2, 1, 5, 20, 45]))
        return deed

    def _foreign(self, instance: SimInstance) -> None:
        """Tasks of other services take what is free, or give it back."""
        seen = self._instance(instance)
        if self.random.random() < 0.5:
            instance.foreign_cpu += self.random.randint(0, max(0, seen.cpu - seen.cpu_reserved))
            instance.foreign_memory += self.random.randint(0, max(0, seen.memory - seen.memory_reserved))
        else:
            instance.foreign_cpu = instance.foreign_memory = 0

    def calm(self) -> None:
        """No more mishaps, all engines back, room for everybody, a configuration that can move."""
        for instance in self.instances.values():
            instance.status, instance.connected = "ACTIVE", True
            instance.foreign_cpu = instance.foreign_memory = 0
            instance.gpus = 8
        for n in range(14):
            key = f"big{n}"
            self.instances[key] = SimInstance(key, 8192, 32768, "a")
        for task in self.live():
            task.protected = False
        if self.percent[0] > 0 and self.percent[1] < 200:
            self.percent = (100, 200)
        self.resolve_images()
        for revision, character in self.characters.items():
            if character == "flaky":
                self.characters[revision] = "mended"
        for task in self.live():
            if task.fate == "turns unhealthy":
                task.fate = "good"


_DEEDS = (
    ["scale", "deploy", "resolve", "drain or activate", "cut off or back", "others come or go", "kill"] * 2
    + ["stop deployment", "roll back", "configure", "engine restart", "protect or not", "clock jump"]
    + ["time"] * 22
)
