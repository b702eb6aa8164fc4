"""Task sets: each is planned as a service of its own, in its steady state."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.model import (
    FinishService,
    Health,
    MarkHealthy,
    Plan,
    Revision,
    SetSteady,
    Snapshot,
    StartTask,
    Status,
    StopTask,
    Task,
    TaskSet,
)
from services.scheduler.plan import plan
from services.scheduler.task_sets import computed_count
from tests.unit.scheduler.build import NOW, T0, failure, instance, revision, snapshot, task, tasks
from tests.unit.scheduler.rules import check
from tests.unit.scheduler.test_random_worlds import snapshots, usual

SET = TaskSet("ecs-svc/1")


def of_set(desired: int = 2, of: Any = (), **more: Any) -> Snapshot:
    return snapshot(desired, of, **{"task_set": SET, **more})


def made(*positional: Any, **named: Any) -> Plan:
    facts = of_set(*positional, **named)
    answer = plan(facts, NOW)
    check(facts, answer, NOW)
    return answer


def said(answer: Plan) -> list[str]:
    return [one.message for one in answer.actions if hasattr(one, "message")]


# ---- the count ---------------------------------------------------------------------------------

COUNTS = [
    (3, 50, 2), (3, 33.3, 1), (3, 0, 0), (3, 100, 3), (0, 100, 0), (1, 0.01, 1), (1000, 0.1, 1), (10, 12, 2),
    (100, 29, 29), (100, 57.0, 57), (5000, 100.0, 5000), (7, 14.285714285714286, 2),
]  # fmt: skip


@pytest.mark.parametrize(("desired", "percent", "count"), COUNTS)
def test_the_computed_count_is_rounded_up(desired: int, percent: float, count: int) -> None:
    assert computed_count(desired, percent) == count


@given(st.integers(0, 5000), st.integers(0, 10_000))
def test_it_is_the_least_that_is_not_below_the_share(desired: int, hundredths: int) -> None:
    count = computed_count(desired, hundredths / 100)
    share = Fraction(desired * hundredths, 10_000)
    assert count - 1 < share <= count <= desired


# ---- one set -----------------------------------------------------------------------------------


def test_it_starts_what_is_missing_and_says_whose_it_is() -> None:
    answer = made(2, last_events=())
    assert [one.revision for one in answer.of(StartTask) if isinstance(one, StartTask)] == ["old", "old"]
    assert answer.waiting == "Waiting for 2 tasks to start."


def test_a_lost_task_is_replaced() -> None:
    assert len(made(3, tasks("a", 2)).of(StartTask)) == 1


def test_scaling_in_stops_the_surplus_and_names_the_set() -> None:
    answer = made(1, tasks("a", 3))
    assert len(answer.of(StopTask)) == 2
    assert {one.reason for one in answer.of(StopTask) if isinstance(one, StopTask)} == {
        "Scaling activity initiated by (service web, taskSet ecs-svc/1)"
    }
    assert said(answer)[0].startswith("(service web, taskSet ecs-svc/1) has stopped 2 running tasks: ")


def test_it_is_steady_when_all_of_its_tasks_are_healthy() -> None:
    answer = made(2, tasks("a", 2))
    assert answer.of(SetSteady) == (SetSteady(True),)
    assert said(answer) == ["(service web, taskSet ecs-svc/1) has reached a steady state."]
    assert made(2, tasks("a", 2), steady=True).actions == ()


def test_failures_to_start_slow_it_down() -> None:
    answer = made(1, failures=tuple(failure(f"f{n}", 990 + n) for n in range(5)))
    assert not answer.of(StartTask) and "before trying again" in answer.waiting
    assert answer.wake_at is not None


def test_a_draining_instance_is_left_one_by_one() -> None:
    fleet = (instance("i1", status="DRAINING"), instance("i2"))
    answer = made(2, tasks("a", 2), instances=fleet)
    assert {one.instance for one in answer.of(StartTask) if isinstance(one, StartTask)} == {"i2"}
    assert not answer.of(StopTask)


def test_until_its_images_are_known_nothing_starts() -> None:
    waiting = made(2, task_set=replace(SET, ready=False))
    assert not waiting.of(StartTask)
    assert waiting.waiting == "Waiting for the images of web:old to be resolved."
    failing = made(2, task_set=replace(SET, ready=False, image_error="manifest unknown"))
    assert said(failing) == [
        "(service web, taskSet ecs-svc/1) is unable to resolve the images of web:old: manifest unknown"
    ]


def test_one_that_is_deleted_stops_its_tasks_and_then_goes() -> None:
    answer = made(0, tasks("a", 2), status="DRAINING")
    assert {(one.task, one.reason) for one in answer.of(StopTask) if isinstance(one, StopTask)} == {
        ("a0", "The task set was deleted"),
        ("a1", "The task set was deleted"),
    }
    assert not answer.of(FinishService)
    assert made(0, (), status="DRAINING").of(FinishService) == (FinishService(),)


def test_distinct_instances_are_the_whole_services() -> None:
    only = {"old": revision("old", distinct_instance=True)}
    fleet = (instance("i1"), instance("i2"))
    answer = made(2, revisions=only, instances=fleet, neighbours={"i1": 1})
    assert [one.instance for one in answer.of(StartTask) if isinstance(one, StartTask)] == ["i2"]
    assert "distinctInstance" in answer.waiting


@usual
@given(snapshots(), st.booleans())
def test_every_plan_of_a_task_set_keeps_the_safety_rules(facts: Snapshot, ready: bool) -> None:
    one = replace(
        facts,
        task_set=replace(SET, ready=ready),
        completed="old",
        deployment=None,
        rebalance=False,
        neighbours={"i1": 1},
        tasks=tuple(replace(task, revision="old", deployment=None) for task in facts.tasks),
    )
    answer = plan(one, NOW)
    check(one, answer, NOW)
    assert ready or not answer.of(StartTask)
    missing = one.desired_count - sum(
        1
        for task in one.tasks
        if task.desired == "RUNNING"
        and task.status.order <= Status.RUNNING.order
        and task.health is not Health.UNHEALTHY
        and not any(i.id == task.instance and i.status == "DRAINING" for i in one.instances)
    )
    assert len(answer.of(StartTask)) <= max(0, missing)


# ---- several sets of one service on shared instances ---------------------------------------------


class Sets:
    """Task sets that come, are scaled, lose tasks and go; each is planned after the other, as the loop does it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = T0
        self.desired = self.random.randint(0, 6)
        self.scales: dict[str, float] = {}
        self.draining: set[str] = set()
        self.gone: set[str] = set()
        self.steady: set[str] = set()
        self.tasks: dict[str, Task] = {}
        self.draining_instance = ""
        self.revisions: dict[str, Revision] = {}
        self._serial = 0

    def snapshot(self, key: str) -> Snapshot:
        own = tuple(one for one in self.tasks.values() if one.revision == key)
        others = Counter(one.instance or "" for one in self.tasks.values() if one.revision != key)
        reserved = Counter(one.instance or "" for one in self.tasks.values())
        draining = key in self.draining
        return snapshot(
            0 if draining else computed_count(self.desired, self.scales[key]),
            own,
            task_set=TaskSet(f"ecs-svc/{key}"),
            status="DRAINING" if draining else "ACTIVE",
            completed=key,
            revisions=self.revisions,
            steady=key in self.steady,
            neighbours=others,
            instances=[
                instance(
                    name,
                    cpu=2560,
                    cpu_reserved=256 * reserved[name],
                    status="DRAINING" if name == self.draining_instance else "ACTIVE",
                )
                for name in ("i1", "i2", "i3")
            ],
        )

    def create(self) -> None:
        self._serial += 1
        key = f"s{self._serial}"
        self.revisions[key] = revision(key)
        self.scales[key] = self.random.choice([0, 33.3, 50, 100])

    def settle(self) -> None:
        for key in [one for one in self.scales if one not in self.gone]:
            facts = self.snapshot(key)
            answer = plan(facts, self.now)
            check(facts, answer, self.now)
            self._apply(key, answer)
            live = [one for one in self.tasks.values() if one.revision == key]
            assert len(live) <= max(len(facts.tasks), 2 * facts.desired_count)

    def _apply(self, key: str, answer: Plan) -> None:
        for action in answer.actions:
            match action:
                case StartTask(revision=of, instance=where):
                    self._serial += 1
                    one = task(f"t{self._serial}", of, "PENDING", on=where, started=None)
                    self.tasks[one.id] = replace(one, created_at=self.now)
                case StopTask(task=pk):
                    self.tasks[pk] = replace(self.tasks[pk], desired="STOPPED")
                case MarkHealthy(task=pk):
                    self.tasks[pk] = replace(self.tasks[pk], healthy_at=self.now)
                case SetSteady(steady=steady):
                    (self.steady.add if steady else self.steady.discard)(key)
                case FinishService():
                    self.gone.add(key)

    def progress(self) -> None:
        self.now += timedelta(seconds=20)
        for pk, one in list(self.tasks.items()):
            if one.desired == "STOPPED":
                del self.tasks[pk]
            elif one.status is Status.PENDING:
                self.tasks[pk] = replace(one, status=Status.RUNNING, started_at=self.now)
            elif one.started_at is not None and self.now - one.started_at >= timedelta(seconds=40):
                # As its driver says when it sees it alive after its time.
                self.tasks[pk] = replace(one, healthy_at=one.healthy_at or self.now)

    def disturb(self) -> None:
        standing = [one for one in self.scales if one not in self.draining]
        match self.random.randint(0, 6):
            case 0 if len(self.scales) - len(self.gone) < 5:
                self.create()
            case 1 if standing:
                self.scales[self.random.choice(standing)] = self.random.choice([0, 10, 50, 66.6, 100])
            case 2:
                self.desired = self.random.randint(0, 6)
            case 3 if standing:
                self.draining.add(self.random.choice(standing))
            case 4 if self.tasks:
                del self.tasks[self.random.choice(list(self.tasks))]  # killed
            case 5:
                self.draining_instance = self.random.choice(["", "i1", "i2"])


@pytest.mark.parametrize("seed", range(40))
def test_sets_beside_each_other_come_to_what_is_wanted(seed: int) -> None:
    world = Sets(seed)
    for _ in range(40):
        world.disturb()
        world.settle()
        world.progress()
    world.draining_instance = ""
    for _ in range(12):
        world.settle()
        world.progress()
    world.settle()
    have = Counter(one.revision for one in world.tasks.values())
    for key, scale in world.scales.items():
        if key in world.draining:
            assert key in world.gone and have[key] == 0
        else:
            assert have[key] == computed_count(world.desired, scale), key
            assert key in world.steady
