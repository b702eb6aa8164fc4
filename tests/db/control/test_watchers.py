"""Any number of watchers and beats: each instance is followed by one watcher, each entry is sent by one beat."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from celery.beat import PersistentScheduler
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.utils import timezone

from base import leases
from base.models import Lease
from clusters.engine.port import EngineEvent
from clusters.models import ContainerInstance
from console.beat import LeasedScheduler
from console.celery import app
from services.control import watcher as watching
from services.control.watcher import Follower, Watcher

from .world import World


@pytest.fixture
def fleet(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Six instances. Nobody renews by itself, and no owner's process can be seen: time alone decides."""
    monkeypatch.setattr(leases, "is_gone", lambda owner: False)
    for name in "abcdef":
        world.host(name)
    return world


def keeps(*watchers: Watcher) -> list[set[str]]:
    """What each holds after a look, its lease renewed as its own thread does."""
    held = []
    for one in watchers:
        ContainerInstance.objects.filter(watch_owner=one.owner).update(watch_until=watching._lease_end())
        held.append(one._share())
    return held


def everything() -> set[str]:
    return set(ContainerInstance.objects.values_list("pk", flat=True))


def test_one_watcher_follows_all(fleet: World) -> None:
    assert keeps(Watcher()) == [everything()]


def test_two_watchers_share_evenly_and_never_both_hold_one(fleet: World) -> None:
    first, second = Watcher(), Watcher()
    assert keeps(first) == [everything()]
    for _ in range(6):
        fleet.clock.advance(2)
        one, other = keeps(first, second)
        assert not one & other
    assert (len(one), len(other)) == (3, 3)
    assert one | other == everything()
    for _ in range(3):  # and it stays so
        fleet.clock.advance(2)
        assert keeps(first, second) == [one, other]


def test_a_watcher_that_dies_is_taken_over_within_seconds(fleet: World) -> None:
    first, second = Watcher(), Watcher()
    for _ in range(4):
        fleet.clock.advance(2)
        keeps(first, second)
    died = fleet.clock.now()
    while keeps(second) != [everything()]:
        fleet.clock.advance(watching.ROSTER)
    assert (fleet.clock.now() - died).total_seconds() <= watching.LEASE + watching.ROSTER


def test_a_watcher_that_slept_gives_up_what_was_taken_over(fleet: World) -> None:
    first, second = Watcher(), Watcher()
    keeps(first)
    fleet.clock.advance(60)
    assert keeps(second) == [everything()]
    held = first._share()  # it wakes
    assert held == set()


def test_a_watcher_on_this_host_that_is_gone_is_taken_over_at_once(world: World) -> None:
    world.host("a")
    ended = subprocess.Popen(["true"])
    ended.wait()
    host, _, rest = leases.new_owner().partition(":")
    gone = f"{host}:{ended.pid}:{rest.rpartition(':')[2]}"
    ContainerInstance.objects.update(watch_owner=gone, watch_until=watching._lease_end())
    assert keeps(Watcher()) == [everything()]
    assert not leases.is_gone(f"{host}:{os.getpid()}:x")
    assert not leases.is_gone(f"elsewhere:{ended.pid}:x")


def test_an_instance_without_tasks_that_is_deregistered_is_let_go(fleet: World) -> None:
    one = Watcher()
    keeps(one)
    gone = fleet.instances["a"]
    ContainerInstance.objects.filter(pk=gone).update(status="INACTIVE")
    assert keeps(one) == [everything() - {gone}]


def test_events_are_written_down_in_their_order_and_what_cannot_be_ends_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[str, int]] = []

    def take(event: Any) -> None:
        if event.action == "die":
            raise DatabaseError("full")
        written.append((event.action, threading.get_ident()))

    monkeypatch.setattr(watching, "take_event", take)
    monkeypatch.setattr(Follower, "_run", lambda self: None)
    with ThreadPoolExecutor(1) as scribes:
        follower = Follower("a", scribes)
        told = [
            EngineEvent(timezone.now(), action, "c", "n", {}, None, None)
            for action in ("create", "start", "die")
        ]
        for event in told[:2]:
            follower._handle(event)
        with pytest.raises(DatabaseError):
            follower._handle(told[2])
    assert [action for action, _ in written] == ["create", "start"]
    assert threading.get_ident() not in {thread for _, thread in written}


class Pinged:
    """An engine that counts its pings and is compared with nothing."""

    def __init__(self) -> None:
        self.pings = 0

    def ping(self) -> None:
        self.pings += 1


@pytest.mark.parametrize(
    ("engines", "answering", "pings"),
    [(1, False, 6), (1, True, 6), (200, False, 1), (200, True, 0)],
)
def test_a_helper_that_answers_spares_pings_where_they_are_rationed(
    world: World, monkeypatch: pytest.MonkeyPatch, engines: int, answering: bool, pings: int
) -> None:
    monkeypatch.setattr(Follower, "_run", lambda self: None)
    monkeypatch.setattr(watching, "ALIGN", 3600.0)
    monkeypatch.setattr(watching, "_MOST_COMPARISONS", 0.01)
    with ThreadPoolExecutor(1) as scribes:
        follower = Follower("a", scribes)
    engine: Any = Pinged()
    follower._engine = engine

    def pass_by(seconds: float, answering: bool) -> int:
        before = engine.pings
        for _ in range(round(seconds / watching.ROSTER)):
            world.clock.advance(watching.ROSTER)
            follower.beat(engines, connected=True, answering=answering)
        return int(engine.pings - before)

    assert pass_by(60, answering) == pings
    assert pass_by(watching.HEARTBEAT, answering=False) == 1 or not answering  # it fell silent


def test_what_an_engine_is_is_looked_at_less_often_than_what_it_runs(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    informed: list[str] = []
    monkeypatch.setattr(Follower, "_run", lambda self: None)
    monkeypatch.setattr(watching, "align", lambda instance, engine: compared.append(instance.pk))
    monkeypatch.setattr(watching, "record_connected", lambda instance, info: informed.append(instance.pk))
    key = fleet.instances["a"]
    with ThreadPoolExecutor(1) as scribes:
        follower = Follower(key, scribes)
    follower._engine = fleet.engine("a")
    for _ in range(round(2 * watching.INFORM / watching.ROSTER)):
        fleet.clock.advance(watching.ROSTER)
        follower.beat(1, connected=True, answering=False)
    assert (len(compared), len(informed)) == (10, 2)
    assert fleet.instance("a").last_seen_at == fleet.clock.now() - timedelta(seconds=watching.ALIGN)
    ContainerInstance.objects.filter(pk=key).update(connected=False)  # called away since the roster was read
    fleet.clock.advance(watching.ALIGN)
    follower.beat(1, connected=True, answering=False)
    assert len(informed) == 3


def test_a_watcher_of_many_is_well_as_long_as_each_is_seen_in_its_turn(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MOST_COMPARISONS", 0.01)  # six instances: one each 600 s
    turn = timedelta(seconds=watching.compared_every(6))
    ContainerInstance.objects.update(last_seen_at=timezone.now() - 1.5 * turn)
    call_command("healthy", "watcher")
    ContainerInstance.objects.filter(pk=fleet.instances["a"]).update(last_seen_at=timezone.now() - 2.5 * turn)
    with pytest.raises(CommandError, match=fleet.instances["a"]):
        call_command("healthy", "watcher")


# ---- leases by name ----------------------------------------------------------------------------


def test_a_lease_is_kept_by_its_owner_and_taken_when_it_ended(world: World) -> None:
    assert leases.take("x", "a", 10)
    assert not leases.take("x", "b", 10)
    world.clock.advance(9)
    assert leases.take("x", "a", 10)
    world.clock.advance(9)
    assert not leases.take("x", "b", 10)
    world.clock.advance(1)
    assert leases.take("x", "b", 10)
    assert not leases.take("x", "a", 10)
    leases.give_back("x", "a")
    assert not leases.take("x", "a", 10)
    leases.give_back("x", "b")
    assert leases.take("x", "a", 10)


def test_once_is_once_for_its_own_owner_too(world: World) -> None:
    assert leases.take_once("x", "a", 5)
    assert not leases.take_once("x", "a", 5)
    world.clock.advance(5)
    assert leases.take_once("x", "b", 5)


def test_leases_that_ended_long_ago_are_forgotten(world: World) -> None:
    leases.take("watcher:a", "a", 6)
    world.clock.advance(400)
    assert leases.count("watcher:") == 0
    assert not Lease.objects.exists()


# ---- beats -------------------------------------------------------------------------------------

Beat = Callable[[], LeasedScheduler]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each entry was sent, by whichever beat."""
    counted: Counter[str] = Counter()
    # The connection is in the test's own transaction.
    monkeypatch.setattr("console.beat.close_old_connections", lambda: None)
    monkeypatch.setattr(
        PersistentScheduler, "apply_entry", lambda self, entry, producer=None: counted.update([entry.name])
    )
    return counted


@pytest.fixture
def beat(tmp_path: Any) -> Iterator[Beat]:
    made: list[LeasedScheduler] = []

    def new() -> LeasedScheduler:
        schedule = str(tmp_path / f"schedule-{len(made)}")
        made.append(LeasedScheduler(app, schedule_filename=schedule, Producer=object))
        return made[-1]

    yield new
    for one in made:
        one.close()


def run(world: World, seconds: int, *beats: LeasedScheduler, name: str = "sweep") -> None:
    """Each beat fires at its own moment of every interval of five seconds."""
    for second in range(seconds):
        world.clock.advance(1)
        for index, one in enumerate(beats):
            if second % 5 == index:
                one.apply_entry(one.schedule[name])


def test_of_several_beats_one_sends_each_entry(world: World, sent: Counter[str], beat: Beat) -> None:
    run(world, 60, beat(), beat(), beat())
    assert sent == {"sweep": 12}


def test_a_beat_that_dies_is_made_up_for_at_the_next_moment(
    world: World, sent: Counter[str], beat: Beat
) -> None:
    first, second = beat(), beat()
    run(world, 30, first, second)
    run(world, 30, second)
    assert sent["sweep"] in (11, 12)


def test_without_a_database_a_beat_sends_all_the_same(
    world: World, sent: Counter[str], beat: Beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise DatabaseError("away")

    monkeypatch.setattr(leases, "take_once", broken)
    run(world, 10, beat())
    assert sent["sweep"] == 2


def test_beat_is_told_to_use_it() -> None:
    assert app.conf.beat_scheduler == "console.beat:LeasedScheduler"
