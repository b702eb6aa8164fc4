"""What a web process takes: heads and bodies of bounded size and time, over real sockets."""

from __future__ import annotations

import socket
import time

import pytest
import requests

from tests.wire.server import WebServer


def talk(server: WebServer, *parts: bytes, pause: float = 0.0, wait: float = 20.0) -> bytes:
    """Everything the server says until it closes the connection."""
    said = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            while more := connection.recv(65536):
                said += more
        except ConnectionResetError:
            pass
    return said


def test_an_endless_head_is_cut_off(web_server: WebServer) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    said = talk(web_server, head, *[b"X-More: " + b"a" * 8000 + b"\r\n"] * 40)
    assert b"431" in said.splitlines()[0] if said else True
    one_header = talk(web_server, head + b"X-More: ", *[b"a" * 8000] * 40)
    assert b"200" not in one_header
    address = talk(web_server, b"GET /?", *[b"a" * 8000] * 40)
    assert b"200" not in address
    assert web_server.http_status("/healthz") == 200


def test_a_slow_head_is_cut_off(web_server: WebServer) -> None:
    begun = time.monotonic()
    said = talk(web_server, b"GET / HTTP/1.1\r\nHost: local", wait=40)
    took = time.monotonic() - begun
    assert said.startswith(b"HTTP/1.1 408")
    assert 15 < took < 30


def test_a_body_over_the_limit_is_refused_before_anybody_is_asked_for_a_token(web_server: WebServer) -> None:
    for path in ("/api/v1/clusters", "/sign-in/", "/nowhere/"):
        response = requests.post(
            web_server.url + path,
            data=b"a" * 3_000_000,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
            timeout=20,
        )
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "RequestEntityTooLargeException"
    said = talk(
        web_server,
        b"POST /api/v1/clusters HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000000\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 413")


def test_a_compressed_body_is_refused(web_server: WebServer) -> None:
    response = requests.post(
        f"{web_server.url}/api/v1/clusters",
        data=b"\x1f\x8b",
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        timeout=20,
    )
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "UnsupportedMediaTypeException"


@pytest.mark.parametrize("path", ["/sign-in/", "/", "/nowhere/", "/api/v1/", "/api/v1/clusters", "/healthz"])
def test_every_answer_carries_the_policies(web_server: WebServer, path: str) -> None:
    for accept in ("text/html", "application/json"):
        headers = requests.get(
            web_server.url + path, headers={"Accept": accept}, timeout=20, allow_redirects=False
        ).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "Server" not in headers


def test_a_foreign_host_is_refused_without_echo(web_server: WebServer) -> None:
    for path in ("/", "/sign-in/", "/api/v1/clusters"):
        said = talk(
            web_server,
            f"GET {path} HTTP/1.1\r\nHost: evil.example.org\r\nConnection: close\r\n\r\n".encode(),
        )
        assert said.startswith(b"HTTP/1.1 400"), said[:200]
        assert b"evil.example.org" not in said
    response = requests.get(f"{web_server.url}/api/v1/clusters", headers={"Host": "evil"}, timeout=20)
    assert response.json()["error"]["code"] == "BadRequestException"
