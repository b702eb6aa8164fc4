"""Where an engine is looked for, and what is repeated of an answer that is no engine's."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineError, EngineUnavailable
from tests.lab.certificates import LabAuthority

SECRET = "AKIA-credentials-of-a-machine"


class Impostor:
    """Speaks TLS with a certificate that the authority signed, and answers everything with `body`."""

    def __init__(self, folder: Path, status: int, body: str) -> None:
        self.authority = LabAuthority(folder)
        self.asked = asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://169.254.169.254/latest/")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                pass

        files = self.authority.server("127.0.0.1")
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def refusal(self, host: str = "127.0.0.1") -> EngineError:
        url = f"tcp://{host}:{self.server.server_port}"
        engine = open_engine(url, "tests", tls=self.authority.client(), timeout=5, connect_timeout=2)
        with pytest.raises(EngineError) as caught:
            engine.info()
        engine.close()
        return caught.value

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def impostor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Impostor]:
    made = Impostor(tmp_path, *request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    "impostor",
    [
        (200, SECRET),
        (200, json.dumps({"ApiVersion": SECRET})),
        (200, json.dumps([SECRET])),
        (404, SECRET),
        (500, f"<html>{SECRET}</html>"),
        (302, SECRET),
    ],
    indirect=True,
)
def test_what_is_no_engine_is_not_repeated(impostor: Impostor) -> None:
    error = impostor.refusal()
    assert SECRET not in str(error)
    assert "169.254" not in str(error)
    assert impostor.asked == ["/version"]


@pytest.mark.parametrize("impostor", [(200, "{}")], indirect=True)
def test_a_name_that_points_at_a_forbidden_address_is_not_connected_to(
    impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def metadata(host: str, port: Any, *args: Any, **more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", metadata)
    error = impostor.refusal("engine.example.org")
    assert isinstance(error, EngineUnavailable)
    assert "link-local" in str(error)
    assert impostor.asked == []
