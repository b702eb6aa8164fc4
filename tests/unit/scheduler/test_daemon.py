"""Daemon services: one task on each instance, through drains, updates and mishaps."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.scheduler.model import Plan, Revision, SetDeployment, Snapshot, StartTask, Status, StopTask
from services.scheduler.plan import plan
from tests.unit.scheduler.build import at, deployment, instance, revision, snapshot, started, stopped, task
from tests.unit.scheduler.rules import check
from tests.unit.scheduler.world import World

ONE = os.environ.get("SCHEDULER_SEED")
WORLDS = int(os.environ.get("SCHEDULER_WORLDS", "24"))
BATCHES = 6
NOW = at(1000)


def places(*names: str, **more: Any) -> tuple[Any, ...]:
    return tuple(instance(name, **more) for name in names)


def daemon(*tasks: Any, instances: Any = None, percent: tuple[int, int] = (0, 100), **more: Any) -> Snapshot:
    facts = snapshot(77, tasks, instances=instances or places("i1", "i2", "i3"), **more)
    return replace(facts, strategy="DAEMON", minimum_healthy_percent=percent[0], maximum_percent=percent[1])


def where(made: Plan) -> list[str]:
    return sorted(action.instance for action in made.actions if isinstance(action, StartTask))


def well(key: str, on: str, of: str = "old") -> Any:
    return task(key, of, on=on, healthy=150)


# ---- who gets one ------------------------------------------------------------------------------


def test_each_instance_gets_one_whatever_count_was_asked_for() -> None:
    made = plan(daemon(well("a", "i2")), NOW)
    assert where(made) == ["i1", "i3"] and stopped(made) == []
    assert made.desired_count == 3


def test_a_new_instance_gets_its_own_and_the_others_are_left_alone() -> None:
    facts = daemon(
        well("a", "i1"), well("b", "i2"), well("c", "i3"), instances=places("i1", "i2", "i3", "i4")
    )
    made = plan(facts, NOW)
    assert (where(made), stopped(made), made.desired_count) == (["i4"], [], 4)


def test_strategies_play_no_part() -> None:
    from services.scheduler.model import Strategy

    packed = {"old": revision("old", strategies=(Strategy("binpack", "cpu"),))}
    assert where(plan(daemon(revisions=packed), NOW)) == ["i1", "i2", "i3"]


def test_constraints_say_which_instances_and_take_it_away_where_they_cease_to_hold() -> None:
    fleet = (
        instance("i1", attributes={"disk": "ssd"}),
        instance("i2", attributes={"disk": "hdd"}),
        instance("i3", attributes={"disk": "ssd"}),
    )
    ssd = {"old": revision("old", required_attributes={"disk": "ssd"})}
    made = plan(daemon(well("b", "i2"), instances=fleet, revisions=ssd), NOW)
    assert (where(made), stopped(made), made.desired_count) == (["i1"], ["b"], 2)


def test_no_room_is_said_and_does_not_keep_others_waiting() -> None:
    fleet = (instance("i1"), instance("i2", cpu=1024, cpu_reserved=1024), instance("i3"))
    made = plan(daemon(instances=fleet), NOW)
    assert where(made) == ["i1", "i3"] and made.desired_count == 3
    assert "i2) has insufficient CPU units available." in made.waiting
    assert made.wake_at == at(1015)


def test_of_two_on_one_instance_the_better_stays() -> None:
    young = task("b", on="i1", started=990)
    made = plan(daemon(well("a", "i1"), young, well("c", "i2"), well("d", "i3")), NOW)
    assert (stopped(made), started(made)) == (["b"], [])


def test_an_instance_that_does_not_answer_keeps_its_task_and_gets_none() -> None:
    fleet = (instance("i1", connected=False), instance("i2", connected=False), instance("i3"))
    made = plan(daemon(well("a", "i1"), instances=fleet), NOW)
    assert (where(made), stopped(made), made.desired_count) == (["i3"], [], 2)


# ---- draining ----------------------------------------------------------------------------------


def test_on_a_draining_instance_it_goes_last() -> None:
    tasks = (well("a", "i1"), well("b", "i2"), well("c", "i3"))
    busy = daemon(
        *tasks, instances=(replace(instance("i1", status="DRAINING"), others=2), *places("i2", "i3"))
    )
    waits = plan(busy, NOW)
    assert (stopped(waits), waits.desired_count, waits.wake_at) == ([], 3, at(1015))
    alone = daemon(*tasks, instances=(instance("i1", status="DRAINING"), *places("i2", "i3")))
    goes = plan(alone, NOW)
    assert (stopped(goes), goes.desired_count) == (["a"], 2)


def test_none_is_started_on_a_draining_instance() -> None:
    fleet = (replace(instance("i1", status="DRAINING"), others=2), *places("i2"))
    assert where(plan(daemon(instances=fleet), NOW)) == ["i2"]


# ---- rolling -----------------------------------------------------------------------------------


def rolling(*tasks: Any, **more: Any) -> Snapshot:
    return daemon(*tasks, deployment=deployment(), **more)


def test_by_default_all_are_stopped_at_once_and_started_when_they_are_gone() -> None:
    old = tuple(well(key, key.replace("o", "i")) for key in ("o1", "o2", "o3"))
    made = plan(rolling(*old), NOW)
    assert (stopped(made), started(made)) == (["o1", "o2", "o3"], [])
    going = tuple(replace(one, desired="STOPPED", status=Status.DEPROVISIONING) for one in old[:2])
    made = plan(rolling(*going, well("n3", "i3", "new")), NOW)
    assert started(made) == []  # what it needs of its host is not given back yet
    made = plan(rolling(going[0], well("n3", "i3", "new")), NOW)
    assert where(made) == ["i2"]


def test_with_a_minimum_some_go_at_a_time() -> None:
    old = tuple(well(key, key.replace("o", "i")) for key in ("o1", "o2", "o3"))
    made = plan(rolling(*old, percent=(50, 100)), NOW)
    assert len(stopped(made)) == 1
    blocked = plan(rolling(*old, percent=(100, 100)), NOW)
    assert stopped(blocked) == [] and "minimumHealthyPercent" in blocked.waiting


def test_it_completes_when_every_instance_has_the_new_one() -> None:
    new = tuple(well(key, key.replace("n", "i"), "new") for key in ("n1", "n2", "n3"))
    made = plan(rolling(*new), NOW)
    (move,) = made.of(SetDeployment)
    assert isinstance(move, SetDeployment) and move.status == "SUCCESSFUL"


def test_a_protected_one_holds_the_deployment_up() -> None:
    old = (replace(well("o1", "i1"), protected=True), well("o2", "i2"), well("o3", "i3"))
    assert stopped(plan(rolling(*old), NOW)) == ["o2", "o3"]


def test_an_ill_one_that_never_was_well_is_a_failure() -> None:
    ill = task("n1", "new", on="i1", health="UNHEALTHY")
    made = plan(rolling(ill, well("n2", "i2", "new"), well("n3", "i3", "new")), NOW)
    assert [(one.task, one.failed) for one in made.of(StopTask) if isinstance(one, StopTask)] == [
        ("n1", True)
    ]


# ---- worlds ------------------------------------------------------------------------------------


class DaemonWorld(World):
    """A world whose service is a daemon: its desired count is not anybody's to set."""

    def __init__(self, seed: int) -> None:
        self.choice = random.Random(seed * 7 + 1)
        super().__init__(seed)
        self.percent = self.choice.choice([(0, 100), (0, 100), (50, 100), (34, 100)])

    @property
    def constrained(self) -> bool:
        """Not every instance may have one."""
        return any(revision.constraints for revision in self.revisions.values())

    def snapshot(self) -> Snapshot:
        facts = super().snapshot()
        fleet = tuple(
            replace(one, others=1 if self.instances[one.id].foreign_cpu else 0) for one in facts.instances
        )
        return replace(facts, strategy="DAEMON", instances=fleet, desired_count=999)

    def disturb(self) -> str:
        percent = self.percent
        deed = super().disturb()
        self.percent = percent  # its choices are another kind of service's
        return deed


def expected(facts: Snapshot) -> int | None:
    """Said once more: instances that are to have one. None where a draining one makes it a longer story."""
    standing = {
        t.instance for t in facts.tasks if t.desired == "RUNNING" and t.status.order <= Status.RUNNING.order
    }
    if any(one.status == "DRAINING" and one.id in standing for one in facts.instances):
        return None
    there = {t.instance for t in facts.tasks}
    return sum(1 for one in facts.instances if one.status == "ACTIVE" and (one.connected or one.id in there))


def hold(facts: Snapshot, made: Plan, world: DaemonWorld) -> None:
    count = None if world.constrained else expected(facts)
    if facts.status == "ACTIVE" and made.desired_count is not None:
        going = facts.deployment is not None and facts.deployment.status in ("PENDING", "IN_PROGRESS")
        known = facts.completed is not None or going
        assert count is None or not known or made.desired_count == count
        facts = replace(facts, desired_count=made.desired_count)
    check(facts, made, world.now)
    starts = Counter(where(made))
    assert max(starts.values(), default=0) <= 1
    assert not starts.keys() & {one.instance for one in facts.tasks}, "a second one beside another"


def settle(world: DaemonWorld) -> Plan:
    for _ in range(6):
        facts = world.snapshot()
        made = plan(facts, world.now)
        assert made == plan(facts, world.now)
        hold(facts, made, world)
        world.apply(made)
        if ONE:
            print(*made.actions, made.waiting, sep="\n    ")
        if not any(isinstance(action, StartTask | StopTask | SetDeployment) for action in made.actions):
            return made
    raise AssertionError("planning again at the same time never comes to rest")


def live(seed: int) -> None:
    world = DaemonWorld(seed)
    for _ in range(60):
        settle(world)
        deed = world.disturb()
        if ONE:
            print(world.now.time(), deed)
        world.progress()
    world.calm()
    world.percent = (0, 100)
    for _ in range(3000):
        made = settle(world)
        due = [moment for moment in world.next_moves() if moment - world.now < timedelta(days=300)]
        due += [made.wake_at] if made.wake_at is not None else []
        bad = world.characters.get(world.effective() or "") not in ("good", "mended")
        if not due or (bad and len(world.tasks) > 250):
            break
        world.now = max(world.now, min(due))
        world.progress()
    else:
        raise AssertionError("it does not come to rest")
    if world.effective() is not None and not bad:
        assert world.deployment is None and world.steady
        manned = Counter(one.instance for one in world.live())
        assert manned == dict.fromkeys(manned, 1)
        assert world.constrained or manned.keys() == world.instances.keys()
        assert {one.revision for one in world.live()} == {world.completed} or world.ended


@pytest.mark.parametrize("batch", range(BATCHES))
def test_worlds(batch: int) -> None:
    for seed in [int(ONE)] if ONE else range(batch, WORLDS, BATCHES):
        try:
            live(seed)
        except BaseException as error:
            raise AssertionError(f"replay with SCHEDULER_SEED={seed}: {error}") from error


def test_a_revision_is_only_what_is_rolled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the images of a new revision are resolved, its constraints move nothing."""
    ssd: dict[str, Revision] = {
        "old": revision("old"),
        "new": revision("new", required_attributes={"disk": "ssd"}),
    }
    waiting = deployment(ready=False)
    made = plan(daemon(well("a", "i1"), revisions=ssd, deployment=waiting), NOW)
    assert made.desired_count == 3 and stopped(made) == []
