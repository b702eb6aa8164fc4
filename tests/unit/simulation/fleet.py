"""The fleet's time, its messages, and what the scheduler is shown of its rows.

Several services on several hosts, with workers, messages and engines that fail: the whole loop without Django. One
seed draws everything, so a run replays. Jobs are not atomic here: between what a job reads, decides, does on an
engine and writes down, other jobs run, workers die, leases run out and clocks jump. What a real installation does in
`services/control` is done here in the simplest way that is still true; the scheduler and the task states are the
real ones.

    Fleet -> Engines -> Driving -> Planning -> Storm      each a layer over the one before

`storm.py` adds users and mishaps; `tests/unit/scheduler/rules.py` judges every plan, `laws.py` the fleet itself.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from services.scheduler.model import Demand, Failure, Instance, Snapshot, Task, Timing
from tests.unit.scheduler.build import T0, ZONE
from tests.unit.simulation.records import Due, Host, ServiceRow, TaskRow

SWEEP = 5.0  # seconds


class Fleet:
    """Chances are shares of 1, and 0 in calm weather."""

    def __init__(self, seed: int, say: Callable[..., None] = lambda *words: None) -> None:
        self.random = random.Random(seed)
        self.say = say
        self.now = T0
        self.hosts: dict[str, Host] = {}
        self.services: dict[str, ServiceRow] = {}
        self.tasks: dict[str, TaskRow] = {}
        self.live: dict[str, TaskRow] = {}  # those not STOPPED
        self.lost = self.doubled = self.dying = self.stalling = 0.0
        self.orphans_removed = self.deaths = 0
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._serial = itertools.count(1)
        self.after(SWEEP, self.sweep)

    def serial(self, prefix: str) -> str:
        return f"{prefix}{next(self._serial)}"

    # ---- time and messages ---------------------------------------------------------------------

    def after(self, delay: float, job: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + timedelta(seconds=delay), next(self._order), job))

    def send(self, job: Callable[[str], None], key: str, delay: float = 0.0) -> None:
        """A message by the broker: late, out of order, perhaps lost or twice."""
        if self.random.random() < self.lost:
            return
        for _ in range(2 if self.random.random() < self.doubled else 1):
            self.after(delay + self.random.choice([0.01, 0.05, 0.3]), lambda: job(key))

    def step(self) -> bool:
        """The next thing that is due. False where nothing ever is."""
        self.engines_live_on()
        if not self._queue:
            return False
        due, _, job = heapq.heappop(self._queue)
        self.now = max(self.now, due)
        self.engines_live_on()
        job()
        return True

    def work_seconds(self) -> float:
        """How long one step of a job takes; rarely longer than its lease."""
        if self.random.random() < self.stalling:
            return self.random.choice([6.0, 25.0, 50.0])
        return self.random.choice([0.02, 0.1, 0.4])

    def dies(self) -> bool:
        """Whether the worker is killed at this very point."""
        if self.random.random() < self.dying:
            self.deaths += 1
            return True
        return False

    def sweep(self) -> None:
        self.after(SWEEP, self.sweep)
        for service in self.services.values():
            if service.status != "INACTIVE" and service.due.overdue(self.now):
                self.send(self.reconcile, service.name)
        for task in self.live.values():
            if task.due.overdue(self.now):
                self.send(self.drive, task.id)

    def wake_service(self, name: str) -> None:
        if self.services[name].due.wake(self.now):
            self.send(self.reconcile, name)

    def wake_task(self, key: str) -> None:
        if key in self.live and self.live[key].due.wake(self.now):
            self.send(self.drive, key)

    def later(self, due: Due, job: Callable[[str], None], key: str) -> None:
        if due.wake_at is not None and (left := (due.wake_at - self.now).total_seconds()) < 60:
            self.send(job, key, max(0.0, left))

    # ---- the jobs, made by the layers above ----------------------------------------------------

    def reconcile(self, name: str) -> None:
        raise NotImplementedError

    def drive(self, key: str) -> None:
        raise NotImplementedError

    def engines_live_on(self) -> None:
        raise NotImplementedError

    # ---- what the scheduler sees ---------------------------------------------------------------

    def of(self, service: str) -> list[TaskRow]:
        return [task for task in self.live.values() if task.service == service]

    def demand(self, task: TaskRow) -> Demand:
        return self.services[task.service].revisions[task.revision].demand

    def instance(self, host: Host) -> Instance:
        here = [self.demand(task) for task in self.live.values() if task.host == host.id]
        return Instance(
            id=host.id,
            status="ACTIVE" if host.status == "ACTIVE" else "DRAINING",
            connected=host.connected,
            cpu=host.cpu,
            memory=host.memory,
            cpu_reserved=sum(demand.cpu for demand in here),
            memory_reserved=sum(demand.memory for demand in here),
            ports=frozenset().union(*(demand.ports for demand in here)),
            gpus=host.gpus,
            gpus_reserved=sum(demand.gpus for demand in here),
            attributes={ZONE: host.zone},
        )

    def snapshot(self, service: ServiceRow) -> Snapshot:
        effective, deployment = service.effective(), service.deployment
        all_of_it = [
            task
            for task in self.tasks.values()
            if task.service == service.name and task.revision == effective
        ]
        own = [task for task in all_of_it if deployment is None or task.deployment == deployment.id]
        ends = sorted(
            ((t.stopped_at, t.id, t) for t in own if t.failed and t.stopped_at is not None),
            key=lambda e: e[:2],
        )
        healthy = [t.healthy_at for t in own if t.healthy_at is not None]
        started = [t.started_at for t in all_of_it if t.started_at is not None]
        return Snapshot(
            service=service.name,
            status="DRAINING" if service.status == "DRAINING" else "ACTIVE",
            desired_count=service.desired,
            minimum_healthy_percent=service.percent[0],
            maximum_percent=service.percent[1],
            health_grace=service.grace,
            breaker=service.breaker,
            revisions=dict(service.revisions),
            completed=service.completed,
            deployment=deployment,
            tasks=tuple(self._task(task) for task in self.of(service.name)),
            failures=tuple(
                Failure(key, end, t.started_at is not None, t.reason, t.deployment) for end, key, t in ends
            ),
            last_healthy_at=max(healthy, default=None) if deployment is not None else None,
            last_started_at=max(started, default=None),
            instances=tuple(self.instance(host) for host in self.hosts.values()),
            steady=service.steady,
            timing=Timing(throttle_cap=120.0),
            last_events=tuple(service.events[-10:]),
        )

    @staticmethod
    def _task(row: TaskRow) -> Task:
        return Task(
            id=row.id,
            revision=row.revision,
            deployment=row.deployment,
            instance=row.host,
            status=row.status,
            desired="RUNNING" if row.desired == "RUNNING" else "STOPPED",
            health=row.health,
            created_at=row.created_at,
            started_at=row.started_at,
            healthy_at=row.healthy_at,
        )
