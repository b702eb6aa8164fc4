"""The pause container on a real engine: it holds a network namespace, and limits a task jointly."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters.engine.pause import ensure_pause_image, joint_cgroup_parent
from clusters.engine.port import ContainerSpec, ContainerState, Engine, PortBinding
from tests.lab import images

_numbers = itertools.count(1)


@pytest.fixture
def run(engine: Engine, installation: str, lab_images: None) -> Callable[..., str]:
    """Create and start a container; answers its id."""

    def start(image: str, **fields: Any) -> str:
        container_id = engine.create_container(
            ContainerSpec(name=f"{installation}-pause-{next(_numbers)}", image=image, labels={}, **fields)
        )
        engine.start_container(container_id)
        return container_id

    return start


def test_the_pause_program_runs_and_uses_next_to_nothing(engine: Engine, run: Callable[..., str]) -> None:
    pause = run(ensure_pause_image(engine))
    time.sleep(1)
    assert _state(engine, pause).status == "running"
    stats = engine.stats(pause)
    assert stats is not None
    assert stats.memory < 1.0
    assert stats.cpu_total_ns < 100_000_000
    assert stats.pids == 1


def test_containers_share_the_pause_containers_network(engine: Engine, run: Callable[..., str]) -> None:
    pause = run(ensure_pause_image(engine), ports=(PortBinding(80, 0),))
    (address,) = _state(engine, pause).ip_addresses.values()
    web = run(images.reference("web"), network_mode=f"container:{pause}", environment=(("VERSION", "7"),))
    other = run(images.reference("idle"), network_mode=f"container:{pause}")
    for where in ("127.0.0.1", address):
        assert _answer(engine, other, f"http://{where}/") == "7"
    # The network outlives the container: a restarted one finds the same address.
    engine.remove_container(web)
    run(images.reference("web"), network_mode=f"container:{pause}", environment=(("VERSION", "8"),))
    assert _answer(engine, other, f"http://{address}/") == "8"


def test_the_memory_limit_of_the_pause_container_holds_for_all_together(
    engine: Engine, run: Callable[..., str]
) -> None:
    pause = run(ensure_pause_image(engine), memory_limit=100)
    parent = joint_cgroup_parent(pause, engine.info())
    assert parent is not None, "this machine's engine is cgroup v1 with cgroupfs"
    eats = (("EAT", "70"),)
    first = run(images.reference("eater"), environment=eats, cgroup_parent=parent)
    time.sleep(2)
    assert _state(engine, first).status == "running", "70 of 100 MiB is allowed"
    second = run(images.reference("eater"), environment=eats, cgroup_parent=parent)
    _wait(lambda: "exited" in (_state(engine, first).status, _state(engine, second).status), 20)
    ended = [one for one in (first, second) if _state(engine, one).status == "exited"]
    assert len(ended) == 1, "killing one of them is enough"
    assert _state(engine, ended[0]).exit_code == 137
    assert _state(engine, pause).status == "running"


def test_without_the_parent_the_same_two_live(engine: Engine, run: Callable[..., str]) -> None:
    """So that the test above is about the limit."""
    eats = (("EAT", "70"),)
    both = [run(images.reference("eater"), environment=eats) for _ in range(2)]
    time.sleep(3)
    assert [_state(engine, one).status for one in both] == ["running", "running"]


def test_the_cpu_limit_of_the_pause_container_holds_for_all_together(
    engine: Engine, run: Callable[..., str]
) -> None:
    pause = run(ensure_pause_image(engine), cpu_limit=256)
    parent = joint_cgroup_parent(pause, engine.info())
    burners = [run(images.reference("burner"), cgroup_parent=parent) for _ in range(2)]
    time.sleep(0.5)
    seconds, used = _cpu_used(engine, burners, 4.0)
    assert used / seconds <= 0.25 * 1.2
    # Not because the machine was busy with something else: the kernel held them back.
    facts = dict(
        line.split() for line in Path(f"/sys/fs/cgroup/cpu{parent}/cpu.stat").read_text().splitlines()
    )
    assert int(facts["nr_throttled"]) > 0


def _cpu_used(engine: Engine, containers: list[str], during: float) -> tuple[float, float]:
    """(seconds that passed, seconds of CPU the containers used together in them)."""
    before = [engine.stats(one) for one in containers]
    time.sleep(during)
    after = [engine.stats(one) for one in containers]
    used = passed = 0.0
    for first, last in zip(before, after, strict=True):
        assert first is not None and last is not None
        used += (last.cpu_total_ns - first.cpu_total_ns) / 1e9
        passed = max(passed, (last.time - first.time).total_seconds())
    return passed, used


def _state(engine: Engine, container_id: str) -> ContainerState:
    found = engine.inspect_container(container_id)
    assert found is not None
    return found


def _answer(engine: Engine, container_id: str, url: str) -> str:
    command = (
        "/bin/sh",
        "-c",
        f"for i in 1 2 3 4 5; do timeout 5 wget -q -O - {url} && exit; sleep 0.3; done; exit 1",
    )
    code, output = engine.top_exec(container_id, command, timeout=40)
    assert code == 0, output
    return output.strip()


def _wait(happened: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.2)
