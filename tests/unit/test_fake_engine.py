"""What only the fake engine can do: time, faults, and trouble made on purpose."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clusters.engine.connect import open_engine, register_scheme, unregister_scheme
from clusters.engine.errors import EngineBusy, EngineTimeout, EngineUnavailable, PortConflict, StartFailed
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.engine.fake_world import Behaviour, FakeClock
from clusters.engine.port import ContainerSpec, HealthCheck, PortBinding


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def host(clock: FakeClock) -> FakeHost:
    made = FakeHost(clock=clock)
    made.add_image("app:1")
    return made


@pytest.fixture
def engine(host: FakeHost) -> FakeEngine:
    return FakeEngine(host, "ours")


def _run(engine: FakeEngine, name: str = "one", image: str = "app:1", **fields: object) -> str:
    container_id = engine.create_container(ContainerSpec(name=name, image=image, labels={}, **fields))  # type: ignore[arg-type]
    engine.start_container(container_id)
    return container_id


def test_what_is_due_happens_at_its_exact_time(engine: FakeEngine, host: FakeHost, clock: FakeClock) -> None:
    host.behave("app:1", Behaviour(exits_after=90, exit_code=9, healthy_after=25, unhealthy_after=55))
    check = HealthCheck(("CMD", "x"), interval=10, retries=2)
    events = engine.events()
    container_id = _run(engine, health_check=check)
    begin = clock.now()
    clock.advance(1000)
    seen = [(event.action, event.health, event.time - begin) for event in (next(events) for _ in range(4))]
    assert seen == [
        ("start", None, timedelta(0)),
        # Probes at 10 and 20 fail, twice in a row.
        ("health_status", "UNHEALTHY", timedelta(seconds=20)),
        ("health_status", "HEALTHY", timedelta(seconds=30)),
        ("health_status", "UNHEALTHY", timedelta(seconds=70)),
    ]
    died = next(events)
    assert (died.action, died.exit_code, died.time - begin) == ("die", 9, timedelta(seconds=90))
    state = engine.inspect_container(container_id)
    assert state is not None and state.finished_at == begin + timedelta(seconds=90)


def test_the_same_history_gives_the_same_ids_and_ports() -> None:
    def history() -> list[object]:
        host = FakeHost(clock=FakeClock())
        host.add_image("app:1")
        engine = FakeEngine(host, "ours")
        for name in ("one", "two", "three"):
            _run(engine, name, ports=(PortBinding(80, 0),))
        return list(engine.list_containers())

    assert history() == history()


def test_a_slow_stop_takes_its_time(engine: FakeEngine, host: FakeHost, clock: FakeClock) -> None:
    host.behave("app:1", Behaviour(stop_delay=7))
    container_id = _run(engine)
    engine.kill_container(container_id, "SIGTERM")
    clock.advance(6.9)
    assert [one.status for one in engine.list_containers()] == ["running"]
    clock.advance(0.1)
    assert [one.exit_code for one in engine.list_containers()] == [143]


def test_a_fault_befalls_so_many_calls(engine: FakeEngine, host: FakeHost) -> None:
    host.fail("ping", EngineBusy("busy"), times=2)
    for _ in range(2):
        with pytest.raises(EngineBusy):
            engine.ping()
    engine.ping()


def test_a_fault_until_lifted(engine: FakeEngine, host: FakeHost) -> None:
    fault = host.fail("*", EngineBusy("busy"), times=None)
    for call in (engine.ping, engine.list_containers, engine.info):
        with pytest.raises(EngineBusy):
            call()
    host.lift(fault)
    engine.ping()


def test_a_fault_after_the_effect(engine: FakeEngine, host: FakeHost) -> None:
    host.fail("create_container", EngineTimeout("lost"), after_effect=True)
    with pytest.raises(EngineTimeout):
        engine.create_container(ContainerSpec(name="one", image="app:1", labels={}))
    assert engine.inspect_container("one") is not None


def test_a_slow_engine_takes_time_of_the_clock(engine: FakeEngine, host: FakeHost, clock: FakeClock) -> None:
    host.fail("ping", delay=12.5)
    before = clock.now()
    engine.ping()
    assert clock.now() - before == timedelta(seconds=12.5)


def test_unreachable_is_not_gone(engine: FakeEngine, host: FakeHost, clock: FakeClock) -> None:
    host.behave("app:1", Behaviour(exits_after=5, exit_code=2))
    container_id = _run(engine)
    events = engine.events()
    host.go_down()
    with pytest.raises(EngineUnavailable):
        engine.inspect_container(container_id)
    with pytest.raises(EngineUnavailable):
        next(events)
    clock.advance(10)
    host.come_back()
    state = engine.inspect_container(container_id)
    assert state is not None and (state.status, state.exit_code) == ("exited", 2)


def test_a_restarted_engine_has_ended_its_containers_untold(engine: FakeEngine, host: FakeHost) -> None:
    container_id = _run(engine)
    host.restart()
    state = engine.inspect_container(container_id)
    assert state is not None and (state.status, state.exit_code) == ("exited", 137)


def test_ports_of_strangers_conflict(engine: FakeEngine, host: FakeHost) -> None:
    host.occupy_port(8080)
    with pytest.raises(PortConflict):
        _run(engine, ports=(PortBinding(80, 8080),))
    host.free_port(8080)
    engine.start_container("one")


def test_a_start_can_be_made_to_fail(engine: FakeEngine, host: FakeHost) -> None:
    host.behave("app:1", Behaviour(start_error="no such device"))
    with pytest.raises(StartFailed, match="no such device"):
        _run(engine)


def test_a_test_can_end_and_make_talk(engine: FakeEngine, host: FakeHost) -> None:
    container_id = _run(engine)
    host.say("one", "hello")
    host.end_container("one", 5)
    assert [line.message for line in engine.logs(container_id)] == ["hello"]
    assert [one.exit_code for one in engine.list_containers()] == [5]


def test_a_behaviour_can_depend_on_the_container(
    engine: FakeEngine, host: FakeHost, clock: FakeClock
) -> None:
    host.choose_behaviour = lambda spec: Behaviour(exits_after=1) if spec.name == "bad" else None
    _run(engine, "bad")
    _run(engine, "good")
    clock.advance(2)
    assert {one.name: one.status for one in engine.list_containers()} == {"bad": "exited", "good": "running"}


def test_any_image_will_do_if_the_host_is_told_so(clock: FakeClock) -> None:
    engine = FakeEngine(FakeHost(clock=clock, any_image=True), "ours")
    assert _run(engine, image="what/ever:3")


def test_calls_are_noted(engine: FakeEngine, host: FakeHost) -> None:
    container_id = _run(engine)
    assert [(call.operation, call.subject) for call in host.calls] == [
        ("create_container", "one"),
        ("start_container", container_id),
    ]


def test_a_scheme_of_its_own(host: FakeHost) -> None:
    register_scheme("fake", lambda url, installation: FakeEngine(host, installation))
    try:
        assert open_engine("fake://one", "ours").info().name == host.name
    finally:
        unregister_scheme("fake")


def test_with_the_real_clock_events_come_by_themselves() -> None:
    host = FakeHost()
    host.add_image("app:1", Behaviour(exits_after=0.2))
    engine = FakeEngine(host, "ours")
    events = engine.events()
    _run(engine)
    assert [next(events).action, next(events).action] == ["start", "die"]
