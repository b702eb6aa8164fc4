"""Storms over a fleet: the safety rules hold at every step, and in the calm everything arrives.

SIMULATION_FLEETS=3000 pytest -n 2 tests/unit/simulation       # more seeds
SIMULATION_SEED=400-1399 pytest -v tests/unit/simulation       # these seeds
SIMULATION_SEED=116 pytest -s tests/unit/simulation            # replay one, step by step
"""

from __future__ import annotations

import os

import pytest

from services.scheduler.plan import plan
from tests.unit.simulation.laws import Laws, arrived
from tests.unit.simulation.seeds import chosen, tell
from tests.unit.simulation.storm import Storm

FLEETS = int(os.environ.get("SIMULATION_FLEETS", "40"))
DEEDS = 60
_PATIENCE = 4 * 3600.0  # seconds of made-up time
_MOST_STEPS = 60_000


def weather(storm: Storm, laws: Laws) -> None:
    """Deeds at random moments; the laws after every single step."""
    for _ in range(DEEDS):
        tell(storm.now.time(), storm.disturb())
        laws.hold()
        for _ in range(storm.random.choice([0, 1, 5, 30, 80])):
            storm.step()
            laws.hold()


def come_to_rest(storm: Storm, laws: Laws) -> None:
    began, relieved = storm.now, storm.now
    for _ in range(_MOST_STEPS):
        storm.step()
        laws.hold()
        if (storm.now - relieved).total_seconds() > 600:
            relieved = storm.now
            storm.relieve()
        if at_rest(storm) or (storm.now - began).total_seconds() > _PATIENCE:
            return
    raise AssertionError("the loop spins")


def at_rest(storm: Storm) -> bool:
    rows = [*storm.services.values(), *storm.live.values()]
    if any(row.due.wake_at is not None or row.due.until is not None for row in rows):
        return False
    if any(host.reachable != host.connected for host in storm.hosts.values()):
        return False
    if any(key and key not in storm.live for host in storm.hosts.values() for key, _ in host.containers):
        return False
    # The event of a container's end may be lost: then the next comparison finds it.
    if any(storm.differs(storm.hosts[task.host], task) for task in storm.live.values()):
        return False
    return all(s.deployment is None and s.steady for s in storm.active())


def run(seed: int) -> Storm:
    storm = Storm(seed, tell)
    laws = Laws(storm)
    weather(storm, laws)
    tell("calm")
    storm.calm()
    come_to_rest(storm, laws)
    arrived(storm)
    for service in storm.active():
        assert not plan(storm.snapshot(service), storm.now).actions, "there is something left to do"
        storm.delete(service)
    tell("the end")
    come_to_rest(storm, laws)
    arrived(storm)
    return storm


@pytest.mark.parametrize("seed", chosen(FLEETS))
def test_a_fleet(seed: int) -> None:
    try:
        run(seed)
    except BaseException as error:
        raise AssertionError(f"replay with SIMULATION_SEED={seed}: {error}") from error


def test_a_seed_replays() -> None:
    once, again = run(3), run(3)
    assert once.now == again.now
    assert [(t.id, t.status, t.reason) for t in once.tasks.values()] == [
        (t.id, t.status, t.reason) for t in again.tasks.values()
    ]


def test_storms_are_worth_something() -> None:
    """Every mishap, every end of a deployment and every kind of stop occurs."""
    storms = [run(seed) for seed in range(12)]
    ends = {str(status) for storm in storms for s in storm.services.values() for _, status in s.ended}
    assert {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL"} <= ends
    codes = {str(t.code) for storm in storms for t in storm.tasks.values()}
    assert {
        "TaskFailedToStart",
        "EssentialContainerExited",
        "UserInitiated",
        "ServiceSchedulerInitiated",
    } <= codes
    assert len(set().union(*(storm.seen for storm in storms))) >= 13
    assert sum(storm.deaths for storm in storms) > 20, "workers die"
    assert sum(storm.orphans_removed for storm in storms) > 0
    assert min(len(storm.tasks) for storm in storms) > 10
    assert sum(len(storm.tasks) for storm in storms) > 300
