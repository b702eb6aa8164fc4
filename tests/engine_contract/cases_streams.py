"""Events, logs and stats."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from clusters.engine.errors import ContainerNotFound, EngineUnavailable, NotOurs
from clusters.engine.port import LABEL_INSTALLATION, EngineEvent
from tests.lab.images import EXEC_BOTH

from .cases_containers import MISSING
from .world import FAST_CHECK, World


def case_events_tell_start_and_end(world: World) -> None:
    events = world.engine.events()
    spec = world.spec("crash", labels={"x": "y"})
    container_id = world.engine.create_container(spec)
    world.engine.start_container(container_id)
    world.ended(container_id)
    start, die = world.collect(events, 2)
    assert (start.action, start.exit_code) == ("start", None)
    assert (die.action, die.exit_code) == ("die", 3)
    for event in (start, die):
        assert (event.container_id, event.container_name) == (container_id, spec.name)
        assert event.labels == {"x": "y", LABEL_INSTALLATION: world.engine.installation}
    assert start.time <= die.time


def case_events_tell_kill_and_destroy(world: World) -> None:
    container_id = world.running("stubborn")
    events = world.engine.events()
    world.engine.kill_container(container_id)
    world.ended(container_id)
    world.engine.remove_container(container_id)
    kill, die, destroy = world.collect(events, 3)
    assert [kill.action, die.action, destroy.action] == ["kill", "die", "destroy"]
    assert die.exit_code == 137


def case_events_tell_health(world: World) -> None:
    events = world.engine.events()
    world.running("web", health_check=FAST_CHECK)
    ill = world.running("never-healthy", health_check=FAST_CHECK)
    world.until(lambda: world.state(ill).health == "UNHEALTHY", 15, "it is unhealthy")
    seen = [(event.action, event.health) for event in world.collect(events, 4)]
    assert sorted(seen, key=str) == [
        ("health_status", "HEALTHY"),
        ("health_status", "UNHEALTHY"),
        ("start", None),
        ("start", None),
    ]


def case_events_tell_of_memory_running_out(world: World) -> None:
    events = world.engine.events()
    world.ended(world.running("eater", memory_limit=32), within=30)
    # The two are told by different parts of a real engine, in either order; a kernel may have to kill more than once.
    start, *rest = world.collect(_each_action_once(events), 3)
    assert start.action == "start"
    assert {event.action for event in rest} == {"oom", "die"}


def _each_action_once(events: Iterator[EngineEvent]) -> Iterator[EngineEvent]:
    told: set[str] = set()
    for event in events:
        if event.action not in told:
            told.add(event.action)
            yield event


def case_events_are_ours_only(world: World) -> None:
    events = world.engine.events()
    world.foreign()
    container_id = world.running()
    (first,) = world.collect(events, 1)
    assert (first.action, first.container_id) == ("start", container_id)


def case_events_leave_out_what_is_not_a_containers_life(world: World) -> None:
    events = world.engine.events()
    container_id = world.running()
    world.engine.top_exec(container_id, EXEC_BOTH)
    world.engine.kill_container(container_id)
    assert [event.action for event in world.collect(events, 3)] == ["start", "kill", "die"]


def case_events_since_a_time_are_told_again(world: World) -> None:
    first = world.running()
    world.wait(0.1)
    events = world.engine.events()
    second = world.running()
    (start,) = world.collect(events, 1)
    assert start.container_id == second
    (again,) = world.collect(world.engine.events(since=start.time), 1)
    assert again == start
    both = world.collect(world.engine.events(since=world.state(first).created_at), 2)
    assert [event.container_id for event in both] == [first, second]


def case_two_listeners_hear_the_same(world: World) -> None:
    one, two = world.engine.events(), world.another_connection().events()
    world.running()
    assert world.collect(one, 1) == world.collect(two, 1)


def case_closing_ends_a_stream_another_thread_waits_in(world: World) -> None:
    engine = world.another_connection()
    events = engine.events()
    ended: list[BaseException] = []

    def listen() -> None:
        try:
            for _ in events:
                pass
        except EngineUnavailable as error:
            ended.append(error)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    listener.join(0.3)
    assert listener.is_alive()
    engine.close()
    listener.join(5)
    assert not listener.is_alive()
    assert len(ended) == 1


def case_logs_keep_order_stream_and_time(world: World) -> None:
    container_id = world.running("talker")
    world.until(lambda: len(list(world.engine.logs(container_id))) == 3, 10, "three lines are there")
    lines = list(world.engine.logs(container_id))
    assert [(line.stream, line.message) for line in lines] == [
        ("stdout", "first"),
        ("stderr", "second"),
        ("stdout", "third"),
    ]
    assert lines[0].time <= lines[1].time <= lines[2].time
    assert lines[0].time >= world.state(container_id).created_at


def case_logs_can_be_limited_to_the_newest(world: World) -> None:
    container_id = world.running("talker")
    world.until(lambda: len(list(world.engine.logs(container_id))) == 3, 10, "three lines are there")
    assert [line.message for line in world.engine.logs(container_id, limit=1)] == ["third"]


def case_logs_since_a_time_include_it(world: World) -> None:
    container_id = world.running("talker")
    world.until(lambda: len(list(world.engine.logs(container_id))) == 3, 10, "three lines are there")
    third = list(world.engine.logs(container_id))[2]
    assert third in list(world.engine.logs(container_id, since=third.time))
    assert list(world.engine.logs(container_id, since=third.time + timedelta(microseconds=1))) == []


def case_logs_outlive_the_process(world: World) -> None:
    container_id = world.running("talker")
    world.until(lambda: len(list(world.engine.logs(container_id))) == 3, 10, "three lines are there")
    world.engine.stop_container(container_id, 0)
    assert len(list(world.engine.logs(container_id))) == 3


def case_logs_of_what_never_ran_are_empty(world: World) -> None:
    assert list(world.engine.logs(world.created("talker"))) == []


def case_logs_of_what_is_not_there(world: World) -> None:
    with pytest.raises(ContainerNotFound):
        world.engine.logs(MISSING)


def case_logs_of_a_strangers_are_refused(world: World) -> None:
    with pytest.raises(NotOurs):
        world.engine.logs(world.foreign())


def case_stats_of_what_runs(world: World) -> None:
    container_id = world.running("burner", memory_limit=64)
    world.wait(1)
    first = world.engine.stats(container_id)
    world.wait(1)
    second = world.engine.stats(container_id)
    assert first is not None and second is not None
    assert first.memory_limit == 64
    assert 0 < first.memory < 64
    assert first.pids >= 1
    assert second.time > first.time
    assert second.cpu_total_ns - first.cpu_total_ns > 100_000_000


def case_stats_of_what_does_not_run_are_none(world: World) -> None:
    ended = world.running("done")
    world.ended(ended)
    assert world.engine.stats(ended) is None
    assert world.engine.stats(world.created()) is None
    assert world.engine.stats(MISSING) is None


def case_stats_of_a_strangers_are_refused(world: World) -> None:
    with pytest.raises(NotOurs):
        world.engine.stats(world.foreign())
