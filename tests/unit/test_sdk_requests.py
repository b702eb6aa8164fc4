"""How many requests the driver makes: starting a task's containers must not cost one too many."""

from __future__ import annotations

import socketserver
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.engine.errors import InvalidRequest, NotOurs
from clusters.engine.port import LABEL_INSTALLATION, ContainerSpec
from clusters.engine.sdk import SdkEngine
from clusters.engine.sdk_containers import OwnedIds
from clusters.engine.transport import Timeouts, TlsFiles, Transport

ID = "ab" * 32


class RecordingTransport:
    """Answers create and inspect; notes every request."""

    read_timeout = 60.0

    def __init__(self, owner: str = "ours") -> None:
        self.requests: list[str] = []
        self._owner = owner

    def call(self, method: str, path: str, **options: Any) -> Any:
        self.requests.append(f"{method} {path}")
        if path == "/containers/create":
            return {"Id": ID}
        if path.endswith("/json"):
            return {
                "Id": ID,
                "Name": "/x",
                "Config": {"Labels": {LABEL_INSTALLATION: self._owner}},
                "State": {"Status": "running"},
            }
        return None


def _engine(transport: RecordingTransport) -> SdkEngine:
    return SdkEngine(cast(Transport, transport), "ours")


def test_the_life_of_a_container_made_here_is_one_request_a_step() -> None:
    transport = RecordingTransport()
    engine = _engine(transport)
    container_id = engine.create_container(ContainerSpec(name="x", image="app:1", labels={}))
    engine.start_container(container_id)
    engine.stop_container(container_id, 5)
    engine.kill_container(container_id)
    engine.remove_container(container_id)
    assert transport.requests == [
        "POST /containers/create",
        f"POST /containers/{ID}/start",
        f"POST /containers/{ID}/stop",
        f"POST /containers/{ID}/kill",
        f"DELETE /containers/{ID}",
    ]


def test_a_container_made_elsewhere_is_looked_at_once() -> None:
    transport = RecordingTransport()
    engine = _engine(transport)
    engine.stop_container(ID, 5)
    engine.remove_container(ID)
    assert transport.requests == [
        f"GET /containers/{ID}/json",
        f"POST /containers/{ID}/stop",
        f"DELETE /containers/{ID}",
    ]


def test_a_strangers_container_gets_no_request_but_the_look() -> None:
    transport = RecordingTransport(owner="theirs")
    engine = _engine(transport)
    for act in (engine.start_container, engine.kill_container, engine.remove_container):
        with pytest.raises(NotOurs):
            act(ID)
    assert set(transport.requests) == {f"GET /containers/{ID}/json"}


def test_a_name_is_never_taken_for_a_known_id() -> None:
    """Names come back with other containers; only ids are remembered."""
    transport = RecordingTransport()
    engine = _engine(transport)
    engine.remove_container("x")
    engine.remove_container("x")
    assert transport.requests.count("GET /containers/x/json") == 2


def test_what_is_remembered_is_bounded() -> None:
    ids = OwnedIds(most=2)
    for one in ("a", "b", "a", "c"):
        ids.add(one)
    assert [one in ids for one in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    ("url", "tls", "word"),
    [
        ("tcp://10.0.0.1:2376", None, "client certificates"),
        ("http://10.0.0.1", None, "only unix://, tcp:// and ssh://"),
        ("ssh://host", None, "private key"),
        ("tcp://10.0.0.1:2376", TlsFiles("/no/ca", "/no/cert", "/no/key"), "certificate"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(url: str, tls: TlsFiles | None, word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        Transport(url, tls, Timeouts())


class _Counting(socketserver.ThreadingUnixStreamServer):
    """An engine that answers {} to everything, and counts the connections it was opened."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.connections = 0
        super().__init__(path, _Answers)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _Answers(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            if line == b"\r\n":
                body = b'{"ApiVersion": "1.41"}'
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)


def test_all_that_is_asked_of_a_local_engine_goes_over_one_connection(tmp_path: Path) -> None:
    with _Counting(str(tmp_path / "engine.sock")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        transport = Transport(f"unix://{tmp_path}/engine.sock", None, Timeouts())
        for number in range(5):
            assert transport.call("GET", f"/containers/{number}/json") == {"ApiVersion": "1.41"}
        assert server.connections == 1
        transport.close()
        server.shutdown()
