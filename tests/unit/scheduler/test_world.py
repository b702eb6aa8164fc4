"""Plans applied over and over in a world of mishaps: the rules hold at every step, and calm brings the goal.

A failing run names its seed. `SCHEDULER_SEED=123 pytest …/test_world.py` replays that one alone, printing every
step; `SCHEDULER_WORLDS=5000` runs that many instead of the usual few.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest

from services.scheduler.model import Plan, SetDeployment, StartTask, Status, StopTask, Timing
from services.scheduler.plan import plan
from tests.unit.scheduler.rules import check
from tests.unit.scheduler.world import World

ONE = os.environ.get("SCHEDULER_SEED")
WORLDS = int(os.environ.get("SCHEDULER_WORLDS", "80"))
STEPS = 60
BATCHES = 10  # tests, each of WORLDS / BATCHES seeds, so that they spread over processes
GOOD = ("good", "mended")
_DOES = (StartTask, StopTask, SetDeployment)


def tell(*words: object) -> None:
    if ONE:
        print(*words)


def settle(world: World) -> Plan:
    """Plan and apply until a plan does nothing more at this very time. Two rounds suffice, a few are allowed."""
    for _ in range(5):
        facts = world.snapshot()
        made = plan(facts, world.now)
        check(facts, made, world.now)
        tripped = [a for a in made.actions if isinstance(a, SetDeployment) and "circuit breaker" in a.reason]
        bad = world.characters.get(world.effective() or "") != "good"
        assert not tripped or bad, "rule 8: a breaker tripped over ends that no task was to blame for"
        world.apply(made)
        for action in made.actions:
            tell("    ", action)
        if not any(isinstance(action, _DOES) for action in made.actions):
            tell("    ", made.waiting, made.wake_at)
            return made
        reserved_within_limits(world)
    raise AssertionError("planning again at the same time never comes to rest")


def reserved_within_limits(world: World) -> None:
    """Rule 2, on the world itself rather than on the plan."""
    for instance in world.instances.values():
        here = [world.revisions[t.revision].demand for t in world.live() if t.instance == instance.id]
        assert instance.foreign_cpu + sum(demand.cpu for demand in here) <= instance.cpu
        assert instance.foreign_memory + sum(demand.memory for demand in here) <= instance.memory
        assert sum(demand.gpus for demand in here) <= instance.gpus
        ports = [port for demand in here for port in demand.ports]
        assert len(ports) == len(set(ports))


def live_through(world: World) -> None:
    """Random deeds, and after each the tasks move and the scheduler plans."""
    for _ in range(STEPS):
        desired = world.desired
        settle(world)
        assert world.desired == desired, "rule 5: the desired count is the user's alone"
        tell(world.now.time(), world.disturb())
        world.progress()


def come_to_rest(world: World) -> None:
    """From now on only what is due happens: a task's own time, or the plan's wake_at. So a wake_at that is
    missing or late shows as a world that never arrives."""
    for _ in range(3000):
        made = settle(world)
        due = [moment for moment in world.next_moves() if moment - world.now < timedelta(days=300)]
        due += [made.wake_at] if made.wake_at is not None else []
        if not due or is_endless(world) or due == [looks_again(world)]:
            return
        world.now = max(world.now, min(due))
        tell(world.now.time(), "next")
        world.progress()
    raise AssertionError("it does not come to rest")


def looks_again(world: World) -> datetime:
    """When a zone that should have more tasks but has no room is looked at again, for ever."""
    return world.now + timedelta(seconds=Timing().rebalance_retry)


def is_endless(world: World) -> bool:
    """A bad revision without a circuit breaker is tried for ever, as ECS does."""
    effective = world.effective()
    bad = effective is not None and world.characters[effective] not in GOOD
    return bad and not world.draining and len(world.tasks) > 150


def arrived(world: World) -> None:
    effective = world.effective()
    live = world.live()
    if effective is None:
        return
    if world.characters[effective] in GOOD:
        assert world.deployment is None, f"deployment still {world.deployment}"
        assert len(live) == world.desired
        assert all(t.status is Status.RUNNING and t.healthy_at is not None for t in live)
        assert world.steady
    elif world.breaker.enable and not passes_for_healthy(world, effective):
        assert world.deployment is None, "the circuit breaker should have ended it"


def passes_for_healthy(world: World, revision: str) -> bool:
    """It never is healthy, but has no health check that would say so."""
    return world.characters[revision] == "never healthy" and not world.revisions[revision].checks_health


def run(seed: int) -> None:
    world = World(seed)
    live_through(world)
    world.calm()
    come_to_rest(world)
    arrived(world)
    world.draining = True
    come_to_rest(world)
    assert world.finished and not world.live()
    assert all(task.code is not None and task.reason for task in world.tasks.values())


@pytest.mark.parametrize("batch", range(BATCHES))
def test_worlds(batch: int) -> None:
    for seed in [int(ONE)] if ONE else range(batch, WORLDS, BATCHES):
        try:
            run(seed)
        except BaseException as error:
            raise AssertionError(f"replay with SCHEDULER_SEED={seed}: {error}") from error
        if ONE:
            return


def test_worlds_see_what_they_should() -> None:
    """The worlds are worth something: every end of a deployment, every event and a good many steps occur."""
    ends: set[str] = set()
    said: set[str] = set()
    tasks = 0
    for seed in range(60):
        world = World(seed)
        live_through(world)
        world.calm()
        come_to_rest(world)
        ends |= {status for _, status in world.ended}
        said |= set(world.events)
        tasks += len(world.tasks)
    assert {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL"} <= ends
    for words in (
        "steady state",
        "unable to place",
        "consistently",
        "health checks",
        "deployment failed",
        "rolling back",
        "deployment configuration",
    ):
        assert any(words in message for message in said), words
    assert tasks > 1000
