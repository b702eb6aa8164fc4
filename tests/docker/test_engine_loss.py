"""The driver and a Docker Engine that dies, comes back, is cut off, or wants certificates."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineUnavailable, InvalidRequest
from clusters.engine.port import ContainerSpec, Engine, EngineEvent
from clusters.engine.transport import TlsFiles
from tests.lab import images
from tests.lab.certificates import LabAuthority
from tests.lab.engine import LabEngine


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LabAuthority:
    return LabAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def host(authority: LabAuthority) -> Iterator[LabEngine]:
    with LabEngine(authority=authority) as made:
        yield made


@pytest.fixture
def open_it(host: LabEngine, authority: LabAuthority) -> Iterator[Callable[..., Engine]]:
    """Open the lab engine by TCP with a client's certificate (or others), and close it in the end."""
    opened: list[Engine] = []

    def opener(tls: TlsFiles | None = None, *, timeout: float = 20.0) -> Engine:
        files = tls or authority.client()
        engine = open_engine(host.tcp_url, "lab-loss", tls=files, timeout=timeout, connect_timeout=2.0)
        opened.append(engine)
        return engine

    yield opener
    for engine in opened:
        engine.close()


def test_a_client_with_a_certificate_drives_it(open_it: Callable[..., Engine]) -> None:
    engine = open_it()
    info = engine.info()
    assert info.disk_total is None, "the disk of a remote engine is not this machine's"
    container_id = _run(engine, "tls-life")
    assert _status(engine, container_id) == "running"
    assert engine.top_exec(container_id, images.EXEC_BOTH) == (7, "out\n")
    engine.stop_container(container_id, 5)
    engine.remove_container(container_id)


def test_events_and_logs_stream_over_tls(open_it: Callable[..., Engine]) -> None:
    engine = open_it()
    events = engine.events()
    container_id = _run(engine, "tls-streams", "talker")
    assert next(events).action == "start"
    _wait(lambda: len(list(engine.logs(container_id))) == 3, 10)
    engine.remove_container(container_id)


def test_certificates_that_live_in_memory_only_will_do(
    open_it: Callable[..., Engine], authority: LabAuthority
) -> None:
    files = authority.client("memory")
    in_memory = TlsFiles(*(_in_memory(path) for path in (files.ca, files.cert, files.key)))
    open_it(in_memory).ping()


def test_a_certificate_of_another_authority_is_turned_away(
    open_it: Callable[..., Engine], authority: LabAuthority, tmp_path: Path
) -> None:
    stranger = LabAuthority(tmp_path, "another authority").client()
    with pytest.raises(EngineUnavailable):
        open_it(TlsFiles(str(authority.ca), stranger.cert, stranger.key)).ping()


def test_an_expired_certificate_is_turned_away(
    open_it: Callable[..., Engine], authority: LabAuthority
) -> None:
    with pytest.raises(EngineUnavailable):
        open_it(authority.client("expired", expired=True)).ping()


def test_an_engine_of_another_authority_is_not_trusted(
    open_it: Callable[..., Engine], authority: LabAuthority, tmp_path: Path
) -> None:
    stranger = LabAuthority(tmp_path, "another authority")
    ours = authority.client()
    with pytest.raises(EngineUnavailable, match=r"(?i)certificate"):
        open_it(TlsFiles(str(stranger.ca), ours.cert, ours.key)).ping()


def test_an_open_port_is_refused(host: LabEngine) -> None:
    with pytest.raises(InvalidRequest, match="client certificates"):
        open_engine(host.tcp_url, "lab-loss")


def test_missing_certificate_files_are_named(host: LabEngine, authority: LabAuthority) -> None:
    ours = authority.client()
    with pytest.raises(InvalidRequest):
        open_engine(host.tcp_url, "lab-loss", tls=TlsFiles(ours.ca, "/nowhere/cert.pem", ours.key))


def test_a_killed_engine_is_unavailable_and_its_containers_have_ended_when_it_is_back(
    host: LabEngine, open_it: Callable[..., Engine]
) -> None:
    engine = open_it()
    container_id = _run(engine, "killed")
    listener = _Listener(engine.events())
    host.kill()
    listener.thread.join(10)
    assert isinstance(listener.error, EngineUnavailable), "the stream ends, and says why"
    for call in (engine.ping, engine.list_containers, lambda: engine.inspect_container(container_id)):
        with pytest.raises(EngineUnavailable):
            call()
    host.start()
    # The same connection object goes on, over new sockets.
    state = engine.inspect_container(container_id)
    assert state is not None
    # The engine ends what it finds on its return: with SIGTERM, which this image heeds, or SIGKILL.
    assert state.status == "exited"
    assert state.exit_code in (0, 137)
    engine.start_container(container_id)
    assert _status(engine, container_id) == "running"
    engine.remove_container(container_id)


def test_a_host_that_is_cut_off_times_out_and_works_again_after(
    host: LabEngine, open_it: Callable[..., Engine]
) -> None:
    engine = open_it(timeout=2.0)
    container_id = _run(engine, "cut-off")
    host.cut_off()
    try:
        for _ in range(2):
            before = time.monotonic()
            with pytest.raises(EngineUnavailable):
                engine.inspect_container(container_id)
            assert time.monotonic() - before < 6
    finally:
        host.plug_in()
    _wait(lambda: _reachable(engine), 20)
    assert _status(engine, container_id) == "running", "unreachable is not gone"
    engine.remove_container(container_id)


@pytest.mark.slow
def test_an_event_stream_to_a_host_that_is_cut_off_ends_by_itself(
    host: LabEngine, open_it: Callable[..., Engine]
) -> None:
    listener = _Listener(open_it().events())
    host.cut_off()
    try:
        listener.thread.join(120)  # 60 s of TCP keep-alive, and some
        assert isinstance(listener.error, EngineUnavailable)
    finally:
        host.plug_in()


class _Listener:
    """Reads a stream in a thread until it ends; `error` is how."""

    def __init__(self, events: Iterator[EngineEvent]) -> None:
        self.error: Exception | None = None
        self._events = events
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        try:
            for _ in self._events:
                pass
        except Exception as error:
            self.error = error


def _run(engine: Engine, name: str, image: str = "idle") -> str:
    images.ensure_image(engine, image)
    container_id = engine.create_container(
        ContainerSpec(name=f"lab-{name}", image=images.reference(image), labels={})
    )
    engine.start_container(container_id)
    return container_id


def _status(engine: Engine, container_id: str) -> str:
    state = engine.inspect_container(container_id)
    assert state is not None
    return state.status


def _in_memory(path: str) -> str:
    descriptor = os.memfd_create("lab-tls", os.MFD_CLOEXEC)
    os.write(descriptor, Path(path).read_bytes())
    return f"/proc/self/fd/{descriptor}"


def _reachable(engine: Engine) -> bool:
    try:
        engine.ping()
    except EngineUnavailable:
        return False
    return True


def _wait(happened: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.2)
