"""Storms over the real control loop on an in-memory database and fake engines, in made-up time: the second storey.

SIMULATION_LOOPS=300 pytest -n 2 tests/db/simulation         # more seeds
SIMULATION_SEED=100-199 pytest -v tests/db/simulation        # these seeds
SIMULATION_SEED=116 pytest -s tests/db/simulation            # replay one, step by step; "2,116": two, in this order

What a seed plays depends on the seed alone: ids are drawn from it, time is made up, and nothing is kept from the storm
before. A storm takes some seconds: without more ado only the first are played, `make test-full` plays more.

They are for SQLite in memory. A test is one transaction, and where one holds tens of thousands of savepoints PostgreSQL
takes a quarter of an hour; its proof are the loop's tests and bench/chaos.py. A seed that is named is played there too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from services import operations
from services.models import Deployment, Task
from tests.db.control.world import CALLER
from tests.db.simulation.arrival import arrived
from tests.db.simulation.haunted import Haunted
from tests.db.simulation.laws import Laws
from tests.db.simulation.storm import Storm
from tests.unit.simulation.seeds import chosen, tell

LOOPS = int(os.environ.get("SIMULATION_LOOPS", "16"))
SHORT = 2  # storms of the ordinary suite
DEEDS = 25
pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite" and "SIMULATION_SEED" not in os.environ,
    reason="storms are for SQLite in memory",
)
_ALIGN = 60.0
_PATIENCE = 3 * 3600.0
Haunt = Callable[[int, Callable[..., None]], Haunted]


def weather(storm: Storm) -> None:
    world, aligned = storm.world, storm.world.clock.now()
    for _ in range(DEEDS):
        tell(world.clock.now().time(), storm.disturb())
        world.after_step()
        world.run(storm.pause().total_seconds())
        aligned = _align(storm, aligned)


def _align(storm: Storm, aligned: datetime) -> datetime:
    now = storm.world.clock.now()
    if abs((now - aligned).total_seconds()) >= _ALIGN:
        storm.align_all()
        return now
    return aligned


def come_to_rest(storm: Storm) -> None:
    """In calm weather: whatever is due happens, engine and rows are compared once a minute."""
    for round_ in range(int(_PATIENCE / _ALIGN)):
        storm.world.run(_ALIGN)
        storm.align_all()
        storm.world.run(1)
        if storm.settled():
            return
        if round_ % 15 == 14:
            storm.relieve()


def run(haunt: Haunt, seed: int) -> Storm:
    world = haunt(seed, tell)
    storm = Storm(world)
    laws = Laws(storm)
    world.after_step = laws.hold
    weather(storm)
    tell("calm")
    storm.calm()
    come_to_rest(storm)
    arrived(storm)
    tell("the end")
    for name in storm.active():
        operations.delete_service(CALLER, service=name, force=True)
        storm.wishes[name].deleted = True
    come_to_rest(storm)
    arrived(storm)
    return storm


def _seeds() -> Iterator[Any]:
    for number, seed in enumerate(chosen(LOOPS)):
        yield pytest.param(seed, marks=pytest.mark.slow if number >= SHORT else ())


@pytest.mark.parametrize("seed", list(_seeds()))
def test_a_storm(haunt: Haunt, seed: int) -> None:
    try:
        run(haunt, seed)
    except BaseException as error:
        raise AssertionError(f"replay with SIMULATION_SEED={seed}: {error}") from error


@pytest.mark.slow
def test_a_seed_plays_the_same_whatever_was_played_before(haunt: Haunt) -> None:
    def played(seed: int) -> list[tuple[str, tuple[object, ...]]]:
        with transaction.atomic():
            storm = run(haunt, seed)
            transaction.set_rollback(True)
        return storm.world.job_log

    first = played(3)
    assert len(first) > 100
    played(2)
    assert played(3) == first


@pytest.mark.slow
def test_a_storm_is_worth_something(haunt: Haunt) -> None:
    """One with everything in it: workers died at statements and at engine calls, jobs ran within jobs."""
    world = haunt(5, tell)
    storm = Storm(world)
    world.lost, world.doubled, world.dying, world.stalling, world.weaving = 0.2, 0.2, 0.01, 0.02, 0.4
    world.after_step = Laws(storm).hold
    weather(storm)
    assert world.woven > 5
    assert len(world.deaths) > 10
    assert any("after" in where for where in world.deaths)
    assert any(where.split()[-1].endswith("container") for where in world.deaths), world.deaths
    assert len(storm.seen) > 8
    assert Task.objects.count() > 10
    assert Deployment.objects.count() > 3
    storm.calm()
    come_to_rest(storm)
    arrived(storm)
