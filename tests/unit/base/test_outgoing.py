"""Addresses that people give us: which are never connected to, however they are spelled, and by which road."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from django.conf import settings

from base import outgoing

FORBIDDEN = [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "2002:a9fe:a9fe::",
    "64:ff9b::a9fe:a9fe",
]
ALLOWED = [
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "192.168.0.7",
    "172.16.0.1",
    "93.184.216.34",
    "fd12:3456::1",
    "2606:2800::1",
]
SPELLINGS = [
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:a9fe:a9fe]",
    "fe80::1%lo",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_an_address_that_is_never_connected_to(text: str) -> None:
    assert outgoing.judge(ipaddress.ip_address(text))
    with pytest.raises(outgoing.ForbiddenAddress):
        outgoing.check_host(text)
    with pytest.raises((outgoing.ForbiddenAddress, socket.gaierror)):
        outgoing.connect(text, 80, 0.2)


@pytest.mark.parametrize("text", ALLOWED)
def test_an_address_where_an_engine_may_be(text: str) -> None:
    assert outgoing.judge(ipaddress.ip_address(text)) == ""
    outgoing.check_host(text)


@pytest.mark.parametrize("text", SPELLINGS)
def test_other_spellings_are_the_same_address(text: str) -> None:
    with pytest.raises(outgoing.ForbiddenAddress):
        outgoing.check_host(text)


def test_an_operator_may_forbid_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SLIPWAY_OUTGOING_REFUSED", ["127.0.0.0/8", "10.0.0.0/8"])
    assert "SLIPWAY_OUTGOING_REFUSED" in outgoing.judge(ipaddress.ip_address("10.9.9.9"))
    assert outgoing.judge(ipaddress.ip_address("::ffff:127.0.0.1"))
    assert outgoing.judge(ipaddress.ip_address("11.0.0.1")) == ""


class Names:
    """A resolver of the test's own: each look-up of a name answers the next of its addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, port: Any, *args: Any, **more: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self.names[host]
        answer = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answer.split()]


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.headers['Host']}{self.path}")
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * (2_000_000 if self.path == "/large" else 5))

        def log_message(self, *args: Any) -> None:
            pass

    seen: list[str] = []
    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.seen = seen  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_name_is_resolved_once_and_the_connection_goes_there(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, idp=["127.0.0.1", "169.254.169.254"])
    with outgoing.Session() as session:
        assert session.fetch("GET", f"http://idp:{server.server_port}/a") == (200, b"xxxxx")
    assert names.asked == ["idp"]
    assert server.seen == [f"idp:{server.server_port}/a"]  # type: ignore[attr-defined]


def test_a_name_that_points_at_metadata_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, meta=["169.254.169.254"], mixed=["127.0.0.1 169.254.169.254"])
    with outgoing.Session() as session:
        for host in ("meta", "mixed"):
            with pytest.raises(requests.ConnectionError, match="link-local"):
                session.fetch("GET", f"http://{host}/latest/meta-data/")


def test_a_redirect_is_answered_not_followed(server: HTTPServer) -> None:
    with outgoing.Session() as session:
        status, _ = session.fetch("GET", f"http://127.0.0.1:{server.server_port}/away")
        assert status == 302
        answer = session.get(f"http://127.0.0.1:{server.server_port}/away", allow_redirects=True)
        assert answer.status_code == 302


def test_an_answer_is_of_bounded_size(server: HTTPServer) -> None:
    with outgoing.Session() as session, pytest.raises(requests.RequestException, match="larger"):
        session.fetch("GET", f"http://127.0.0.1:{server.server_port}/large")


def test_no_proxy_of_the_environment_is_used(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://169.254.169.254:1")
    with outgoing.Session() as session:
        assert session.fetch("GET", f"http://127.0.0.1:{server.server_port}/")[0] == 200
        with pytest.raises((outgoing.ForbiddenAddress, requests.RequestException)):
            session.fetch("GET", "http://127.0.0.1/", proxies={"http": "http://127.0.0.1:1"})
