"""An engine over SSH, on a real sshd of a lab host: driven, guarded, cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineError, EngineUnavailable
from clusters.engine.port import ContainerSpec, Engine
from clusters.engine.ssh import SshKeys
from tests.lab import images
from tests.lab.engine import LabEngine
from tests.lab.sshd import LabSsh
from tests.lab.tasks import within


@pytest.fixture(scope="module")
def host() -> Iterator[LabEngine]:
    with LabEngine() as made:
        yield made


@pytest.fixture
def sshd(host: LabEngine) -> Iterator[Callable[..., LabSsh]]:
    """Start one on the host; one at a time, as they share a port."""
    made: list[LabSsh] = []

    def start(**more: object) -> LabSsh:
        made.append(LabSsh(host, **more))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def opened() -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def opener(ssh: LabSsh, keys: SshKeys | None = None, timeout: float = 20.0) -> Engine:
        engines.append(
            open_engine(ssh.url, "lab-ssh", ssh=keys or ssh.keys, timeout=timeout, connect_timeout=3)
        )
        return engines[-1]

    yield opener
    for engine in engines:
        engine.close()


def test_it_is_driven(host: LabEngine, sshd: Callable[..., LabSsh], opened: Callable[..., Engine]) -> None:
    engine = opened(sshd())
    assert engine.info().name == host.name
    assert engine.info().disk_total is None, "the disk of a remote engine is not this machine's"
    images.ensure_image(engine, "talker")
    events = engine.events()
    spec = ContainerSpec(name="lab-ssh-life", image=images.reference("talker"), labels={})
    container = engine.create_container(spec)
    engine.start_container(container)
    assert next(events).action == "start"
    within(10, lambda: len(list(engine.logs(container))) == 3, "all lines")
    assert engine.top_exec(container, images.EXEC_BOTH) == (7, "out\n")
    engine.stop_container(container, 5)
    engine.remove_container(container)
    assert engine.inspect_container(container) is None


def test_many_requests_at_once_where_the_host_allows_few_channels(
    sshd: Callable[..., LabSsh], opened: Callable[..., Engine]
) -> None:
    engine = opened(sshd(sessions=3))
    container = _run(engine, "many")
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda n: engine.top_exec(container, ("/bin/sh", "-c", f"sleep 0.3; echo {n}")), range(24)
            )
        )
    assert answers == [(0, f"{n}\n") for n in range(24)]
    engine.remove_container(container)


def test_another_host_key_than_the_registered_one_is_not_spoken_to(
    sshd: Callable[..., LabSsh], opened: Callable[..., Engine], host: LabEngine
) -> None:
    ssh = sshd()
    stranger = LabSsh(host).public_host_key
    before = host.log.stat().st_size
    with pytest.raises(EngineUnavailable, match="another key than the one that was registered"):
        opened(ssh, replace(ssh.keys, host_keys=stranger)).ping()
    assert b"Accepted publickey" not in host.log.read_bytes()[before:]


def test_a_key_that_the_host_does_not_know(
    sshd: Callable[..., LabSsh], opened: Callable[..., Engine], host: LabEngine
) -> None:
    ssh = sshd()
    other = LabSsh(host).user_key.read_text()
    with pytest.raises(EngineUnavailable, match="does not take this key"):
        opened(ssh, replace(ssh.keys, private_key=other)).ping()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo nothing to see >&2; exit 127", "nothing to see"),
        ("exit 0", "did not answer"),
        ("echo Welcome to this host", "did not answer|not a Docker Engine"),
    ],
)
def test_a_host_without_an_engine_says_why(
    sshd: Callable[..., LabSsh], opened: Callable[..., Engine], command: str, said: str
) -> None:
    engine = opened(sshd(more=f"ForceCommand {command}"))
    with pytest.raises(EngineUnavailable, match=said):
        engine.ping()


def test_cut_off_and_back(
    host: LabEngine, sshd: Callable[..., LabSsh], opened: Callable[..., Engine]
) -> None:
    engine = opened(sshd(), timeout=2.0)
    container = _run(engine, "cut-off")
    host.cut_off()
    try:
        for _ in range(2):
            with pytest.raises(EngineUnavailable):
                engine.inspect_container(container)
    finally:
        host.plug_in()
    within(30, lambda: _answers(engine), "it answers again")
    state = engine.inspect_container(container)
    assert state is not None and state.status == "running"
    engine.remove_container(container)


def test_an_engine_that_dies_ends_its_stream_and_comes_back(
    host: LabEngine, sshd: Callable[..., LabSsh], opened: Callable[..., Engine]
) -> None:
    engine = opened(sshd())
    events = engine.events()
    host.kill()
    began = time.monotonic()
    with pytest.raises(EngineUnavailable):
        next(events)
    assert time.monotonic() - began < 20
    with pytest.raises(EngineUnavailable):
        engine.ping()
    host.start()
    engine.ping()


def _run(engine: Engine, name: str) -> str:
    images.ensure_image(engine, "idle")
    container = engine.create_container(
        ContainerSpec(name=f"lab-ssh-{name}", image=images.reference("idle"), labels={})
    )
    engine.start_container(container)
    return container


def _answers(engine: Engine) -> bool:
    try:
        engine.ping()
    except EngineError:
        return False
    return True
