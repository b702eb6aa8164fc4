"""Engines that do not answer, answers that come too late, and many threads at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from clusters.engine.errors import EngineError, EngineTimeout, EngineUnavailable, NameConflict
from clusters.engine.port import Engine, NetworkSpec, PortBinding

from .cases_containers import MISSING
from .world import World


def _every_call(world: World) -> dict[str, Callable[[Engine], object]]:
    spec = world.spec()
    return {
        "ping": lambda engine: engine.ping(),
        "info": lambda engine: engine.info(),
        "create_container": lambda engine: engine.create_container(spec),
        "start_container": lambda engine: engine.start_container(MISSING),
        "stop_container": lambda engine: engine.stop_container(MISSING, 0),
        "kill_container": lambda engine: engine.kill_container(MISSING),
        "remove_container": lambda engine: engine.remove_container(MISSING),
        "inspect_container": lambda engine: engine.inspect_container(MISSING),
        "list_containers": lambda engine: engine.list_containers(),
        "top_exec": lambda engine: engine.top_exec(MISSING, ["true"]),
        "image": lambda engine: engine.image("x"),
        "import_image": lambda engine: engine.import_image(b"", "x"),
        "save_image": lambda engine: list(engine.save_image("x")),
        "load_image": lambda engine: engine.load_image([b"x"]),
        "list_images": lambda engine: engine.list_images(),
        "in_use": lambda engine: engine.in_use(),
        "remove_image": lambda engine: engine.remove_image("x"),
        "ensure_network": lambda engine: engine.ensure_network(NetworkSpec("net", {})),
        "list_networks": lambda engine: engine.list_networks(),
        "remove_network": lambda engine: engine.remove_network("net"),
        "ensure_volume": lambda engine: engine.ensure_volume("vol", {}),
        "list_volumes": lambda engine: engine.list_volumes(),
        "remove_volume": lambda engine: engine.remove_volume("vol"),
        "events": lambda engine: list(engine.events()),
        "logs": lambda engine: list(engine.logs(MISSING)),
        "stats": lambda engine: engine.stats(MISSING),
        "pull": lambda engine: list(engine.pull("x")),
    }


def case_an_engine_that_is_not_there_is_unavailable_to_every_call(world: World) -> None:
    engine = world.nowhere()
    for name, call in _every_call(world).items():
        with pytest.raises(EngineUnavailable) as failed:
            call(engine)
        assert failed.value.retryable and failed.value.retry_after > 0, name
        assert not isinstance(failed.value, EngineTimeout), name


def case_an_engine_that_never_answers_times_out_in_every_call(world: World) -> None:
    with world.silent() as engine:
        for name, call in _every_call(world).items():
            with pytest.raises(EngineTimeout) as failed:
                call(engine)
            assert failed.value.retryable, name


def case_a_closed_connection_is_unavailable(world: World) -> None:
    engine = world.another_connection()
    engine.ping()
    engine.close()
    with pytest.raises(EngineUnavailable):
        engine.inspect_container(MISSING)


def case_a_start_whose_answer_is_lost_has_happened(world: World) -> None:
    container_id = world.created()
    with world.hasty("start_container") as engine, pytest.raises(EngineTimeout):
        engine.start_container(container_id)
    world.until(lambda: world.state(container_id).status == "running", 10, "the start happens")
    world.engine.start_container(container_id)


def case_a_stop_whose_answer_is_lost_has_happened(world: World) -> None:
    container_id = world.running("stubborn")
    with world.hasty("stop_container") as engine, pytest.raises(EngineTimeout):
        engine.stop_container(container_id, 0)
    world.until(lambda: world.state(container_id).status == "exited", 10, "the stop happens")
    world.engine.stop_container(container_id, 0)


def case_of_many_creates_of_one_name_one_wins(world: World) -> None:
    spec = world.spec()

    def attempt(_: int) -> str | EngineError:
        try:
            return world.engine.create_container(spec)
        except NameConflict as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    made = [answer for answer in answers if isinstance(answer, str)]
    lost = [answer for answer in answers if isinstance(answer, NameConflict)]
    assert (len(made), len(lost)) == (1, 7)
    assert {error.container_id for error in lost} == {made[0]}


def case_many_threads_share_one_engine(world: World) -> None:
    specs = [world.spec("web", ports=(PortBinding(80, 0),)) for _ in range(8)]

    def start(index: int) -> str:
        container_id = world.engine.create_container(specs[index])
        world.engine.start_container(container_id)
        return container_id

    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(start, range(8)))
    states = {state.id: state for state in world.engine.list_containers()}
    assert set(states) == set(started)
    assert all(state.status == "running" for state in states.values())
    assert len({state.ports[0].host_port for state in states.values()}) == 8


def case_many_threads_make_one_network(world: World) -> None:
    spec = NetworkSpec(world.name(), {})
    engines = [world.another_connection() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda engine: engine.ensure_network(spec), engines))
    assert len(world.engine.list_networks()) == 1
    assert {state.id for state in made} == {world.engine.list_networks()[0].id}


def case_info_tells_what_the_engine_is(world: World) -> None:
    info = world.engine.info()
    assert info.engine_id and info.name and info.version
    assert info.architecture in ("x86_64", "arm64")
    assert info.cpu % 1024 == 0 and info.cpu >= 1024
    assert info.memory > 256
    assert "json-file" in info.log_drivers and "local" in info.volume_drivers
    assert info.disk_total is not None and info.disk_free is not None
    assert 0 < info.disk_free <= info.disk_total
    assert tuple(map(int, info.api_version.split("."))) >= (1, 40)
    assert info.cgroup_version in ("1", "2")
    assert info.joint_limits == (info.cgroup_version == "1" and info.cgroup_driver == "cgroupfs")
    assert world.engine.info().engine_id == info.engine_id


def case_ping_answers(world: World) -> None:
    world.engine.ping()
