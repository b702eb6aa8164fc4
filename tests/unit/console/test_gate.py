"""The gate before Django: sizes, times and encodings of bodies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings

from console.gate import Gate

MOST = 2_621_440


class Client:
    """Sends `parts`, then says nothing more; `late`: seconds before each part."""

    def __init__(self, *parts: bytes, late: float = 0.0, gone: bool = False, **headers: str) -> None:
        self.parts = list(parts)
        self.late, self.gone = late, gone
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.sent: list[dict[str, Any]] = []
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(self.late)
        if not self.parts:
            if self.gone:
                return {"type": "http.disconnect"}
            await asyncio.sleep(3600)
        part = self.parts.pop(0)
        self.taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.gone}

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    def ask(self, seconds: float = 5.0) -> bytes | None:
        """What the application was given, None where it was not asked."""
        seen: list[bytes] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            message = await receive()
            assert message["more_body"] is False
            seen.append(message["body"])

        scope = {"type": "http", "method": "POST", "headers": self.headers}
        asyncio.run(Gate(application, seconds)(scope, self.receive, self.send))
        return seen[0] if seen else None

    def error(self, status: int, code: str) -> None:
        head, body = self.sent
        assert head["status"] == status
        headers = dict(head["headers"])
        assert headers[b"connection"] == b"close"
        error = json.loads(body["body"])["error"]
        assert error["code"] == code and error["message"] and error["fields"] == {}
        assert error["requestId"].encode() == headers[b"x-request-id"]


def test_the_limit_is_djangos_own() -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == MOST


def test_a_body_is_handed_on_whole() -> None:
    assert Client(b"a" * 10, b"b" * 10, b"", content_length="20").ask() == b"a" * 10 + b"b" * 10
    assert Client(b"c", b"d", transfer_encoding="chunked").ask() == b"cd"
    assert Client(b"a" * MOST, content_length=str(MOST)).ask() == b"a" * MOST
    assert Client(b"x", content_length="1", content_encoding="identity").ask() == b"x"


def test_a_body_that_is_too_large_is_read_to_its_end_and_refused() -> None:
    client = Client(b"a" * MOST, b"b", transfer_encoding="chunked")
    assert client.ask() is None
    client.error(413, "RequestEntityTooLargeException")
    assert client.taken == MOST + 1


def test_an_endless_body_is_not_read_to_its_end() -> None:
    client = Client(*[b"a" * 2**20] * 100, transfer_encoding="chunked")
    assert client.ask() is None
    client.error(413, "RequestEntityTooLargeException")
    assert client.taken <= 17 * 2**20
    declared = Client(b"a", content_length=str(10**12))
    assert declared.ask() is None
    declared.error(413, "RequestEntityTooLargeException")
    assert declared.taken == 0


def test_a_slow_body_is_given_up() -> None:
    client = Client(*[b"a"] * 1000, late=0.05, transfer_encoding="chunked")
    assert client.ask(seconds=0.3) is None
    client.error(408, "RequestTimeoutException")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    client = Client(b"\x1f\x8b", content_length="2", content_encoding=encoding)
    assert client.ask() is None
    client.error(415, "UnsupportedMediaTypeException")


def test_a_client_that_goes_away_is_not_answered() -> None:
    client = Client(b"half", gone=True, content_length="8")
    assert client.ask() is None
    assert client.sent == []
