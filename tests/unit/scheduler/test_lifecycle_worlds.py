"""Whole lives of random tasks: containers with random dependencies and fates, drivers that die, users that stop.

The driver below does what a step says on a little engine; `SCHEDULER_SEED=123` replays one life alone.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.scheduler.lifecycle import next_step
from services.scheduler.model import Health, Status, StopCode
from services.scheduler.task_model import (
    Advance,
    Condition,
    ContainerFacts,
    Fail,
    Pull,
    RemoveAll,
    Restart,
    RestartPolicy,
    Start,
    StartPause,
    Step,
    Stop,
    TaskFacts,
    Wait,
)
from tests.unit.scheduler.build import T0

ONE = os.environ.get("SCHEDULER_SEED")
LIVES = int(os.environ.get("SCHEDULER_LIVES", "1500"))
FATES = [
    "runs",
    "runs",
    "runs",
    "ends well",
    "ends badly",
    "cannot be pulled",
    "cannot start",
    "out of memory",
]


class Life:
    """One task on one engine. Facts are what the driver observes; `fate` says what a container does once it runs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now: datetime = T0
        names = [f"c{n}" for n in range(self.random.randint(1, 5))]
        self.fate = {name: self.random.choice(FATES) for name in names}
        self.ill = {name: self.random.random() < 0.15 for name in names}
        containers = tuple(self._container(name, names[:n]) for n, name in enumerate(names))
        self.facts = TaskFacts(
            status=Status.PROVISIONING,
            desired="RUNNING",
            containers=containers,
            created_at=T0,
            needs_pause=self.random.random() < 0.5,
        )
        self.runs: Counter[str] = Counter()
        self.reached_running = False

    def _container(self, name: str, before: list[str]) -> ContainerFacts:
        on = [other for other in before if self.random.random() < 0.4]
        return ContainerFacts(
            name,
            essential=name == "c0" or self.random.random() < 0.5,
            depends_on=tuple((other, self.random.choice(list(Condition))) for other in on),
            has_health_check=self.random.random() < 0.7,
            start_timeout=self.random.choice([None, 20.0]),
            restart_policy=RestartPolicy(frozenset({3}), 60.0) if self.random.random() < 0.3 else None,
            pulled=self.random.random() < 0.5,
        )

    def set(self, name: str, **more: object) -> None:
        changed = tuple(
            replace(c, **more) if c.name == name else c  # type: ignore[arg-type]
            for c in self.facts.containers
        )
        self.facts = replace(self.facts, containers=changed)

    def get(self, name: str) -> ContainerFacts:
        return next(c for c in self.facts.containers if c.name == name)

    # ---- the engine's own doings ---------------------------------------------------------------

    def pass_time(self) -> None:
        self.now += timedelta(seconds=self.random.choice([0.5, 5, 15, 70]))
        for container in self.facts.containers:
            if container.observed != "running" or self.random.random() < 0.4:
                continue
            if container.has_health_check:
                self.set(
                    container.name, health=Health.UNHEALTHY if self.ill[container.name] else Health.HEALTHY
                )
            self._end(container)

    def _end(self, container: ContainerFacts) -> None:
        code = {"ends well": 0, "ends badly": 3, "out of memory": 137}.get(self.fate[container.name])
        if code is not None:
            oom = self.fate[container.name] == "out of memory"
            self.set(container.name, observed="exited", exit_code=code, finished_at=self.now, oom=oom)

    def mishap(self) -> None:
        """Somebody stops the task, or removes a container of it."""
        if self.random.random() < 0.03 and self.facts.desired == "RUNNING":
            self._stop_task(StopCode.USER_INITIATED, "Task stopped by user")
        if self.random.random() < 0.02:
            victim = self.random.choice(self.facts.containers)
            if victim.observed is not None:
                self.set(victim.name, observed="gone")

    def _stop_task(self, code: StopCode, reason: str) -> None:
        self.facts = replace(self.facts, desired="STOPPED", stop_code=code, stop_reason=reason)

    # ---- the driver ----------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        match step:
            case Advance(status):
                assert status.order > self.facts.status.order, "a status moves back"
                self.facts = replace(self.facts, status=status)
                self.reached_running |= status is Status.RUNNING
            case Pull(names):
                for name in names:
                    denied = self.fate[name] == "cannot be pulled"
                    self.set(name, **({"pull_error": "denied"} if denied else {"pulled": True}))
            case StartPause():
                assert self.facts.needs_pause
                self.facts = replace(self.facts, pause="running")
            case Start(names):
                for name in names:
                    self._start(name)
            case Restart(names):
                for name in names:
                    self._restart(name)
            case Stop(containers):
                self._stop(dict(containers))
            case RemoveAll():
                assert all(c.observed != "running" for c in self.facts.containers)
                for container in self.facts.containers:
                    self.set(container.name, observed="gone" if container.observed else None)
                self.facts = replace(self.facts, removed=True, pause="gone" if self.facts.pause else None)
            case Fail(code, reason):
                assert self.facts.stop_code is None and reason
                self._stop_task(code, reason)
            case Wait():
                pass

    def _start(self, name: str) -> None:
        container = self.get(name)
        assert container.observed in (None, "created"), "started twice"
        assert self.facts.status is Status.PENDING and self.facts.desired == "RUNNING"
        assert not self.facts.needs_pause or self.facts.pause == "running"
        for other, condition in container.depends_on:
            assert self._holds(self.get(other), condition), f"{name} starts before {other} is {condition}"
        if (
            self.random.random() < 0.05
        ):  # the driver dies between create and start: it is seen created next time
            self.set(name, observed="created")
        elif self.fate[name] == "cannot start":
            self.set(name, observed="created", start_error="no such file")
        else:
            self.runs[name] += 1
            self.set(name, observed="running", started_at=self.now)

    @staticmethod
    def _holds(other: ContainerFacts, condition: Condition) -> bool:
        if condition is Condition.START:
            return other.observed in ("running", "exited", "gone")
        if condition is Condition.HEALTHY:
            return other.observed == "running" and other.health == "HEALTHY"
        ended = other.observed in ("exited", "gone") or other.restarts > 0
        return ended and (condition is Condition.COMPLETE or other.exit_code == 0)

    def _restart(self, name: str) -> None:
        container = self.get(name)
        assert container.observed == "exited" and container.restart_policy is not None
        assert container.exit_code != 3, "an ignored exit code"
        assert container.started_at is not None and container.finished_at is not None
        assert (container.finished_at - container.started_at).total_seconds() >= 60
        self.runs[name] += 1
        self.set(
            name, observed="running", started_at=self.now, restarts=container.restarts + 1, exit_code=None
        )
        if self.runs[name] > 4:
            self.fate[name] = "runs"

    def _stop(self, timeouts: dict[str, int]) -> None:
        assert self.facts.desired == "STOPPED" and self.facts.status is Status.STOPPING
        for name in timeouts:
            container = self.get(name)
            assert container.observed == "running"
            for other in self.facts.containers:
                needs = name in [dependency for dependency, _ in other.depends_on]
                assert not (needs and other.observed == "running"), f"{name} stops before {other.name}"
        for name in timeouts:
            self.set(name, observed="exited", exit_code=143, finished_at=self.now)


def live(seed: int) -> Life:
    life = Life(seed)
    idle = 0
    for _ in range(400):
        step = next_step(life.facts, life.now)
        if ONE:
            print(life.now.time(), life.facts.status, step)
        life.do(step)
        if life.facts.status is Status.STOPPED:
            break
        idle = idle + 1 if isinstance(step, Wait) else 0
        if idle > 25:
            if life.facts.status is Status.RUNNING:
                life._stop_task(
                    StopCode.SERVICE_SCHEDULER_INITIATED, "Scaling activity initiated by (service web)"
                )
            assert life.facts.status is not Status.PENDING or may_wait(life), "PENDING for ever"
        if isinstance(step, Wait):
            life.pass_time()
        life.mishap()
    return life


def may_wait(life: Life) -> bool:
    """Only for a COMPLETE or SUCCESS that runs on and on, without a time-out: that is what was asked for."""
    for container in life.facts.containers:
        for other, condition in container.depends_on:
            dependency = life.get(other)
            waits = container.observed is None and condition in (Condition.COMPLETE, Condition.SUCCESS)
            if waits and dependency.observed == "running" and dependency.start_timeout is None:
                return True
    return False


def run(seed: int) -> Life:
    life = live(seed)
    if life.facts.status is not Status.STOPPED:
        assert may_wait(life), f"it hangs {life.facts.status}"
        return life
    facts = life.facts
    assert facts.stop_code is not None and facts.stop_reason
    assert all(c.observed in (None, "gone") for c in facts.containers), "a container outlives its task"
    assert next_step(facts, life.now) == Wait()
    return life


@pytest.mark.parametrize("batch", range(5))
def test_every_life_ends_in_order(batch: int) -> None:
    for seed in [int(ONE)] if ONE else range(batch, LIVES, 5):
        try:
            run(seed)
        except BaseException as error:
            raise AssertionError(f"replay with SCHEDULER_SEED={seed}: {error}") from error


def test_lives_are_worth_something() -> None:
    lives = [run(seed) for seed in range(300)]
    codes = Counter(life.facts.stop_code for life in lives)
    assert {
        "TaskFailedToStart",
        "EssentialContainerExited",
        "UserInitiated",
        "ServiceSchedulerInitiated",
    } <= set(codes)
    reasons = " ".join(life.facts.stop_reason for life in lives)
    for words in (
        "CannotPull",
        "CannotStart",
        "OutOfMemory",
        "became UNHEALTHY",
        "SUCCESS required",
        "timeout",
    ):
        assert words in reasons, words
    assert sum(life.reached_running for life in lives) > 100
    assert any(max(life.runs.values(), default=0) > 1 for life in lives), "a restart policy is at work"
