"""Before Django sees a request: its body is of bounded size, comes in bounded time, and is not compressed.

Django's ASGI handler stores a whole body before any of our code runs, whoever sends it and however long it is; so the
limit has to stand in front of it. Slow and endless *heads* are the server's to refuse: see console/run/http.py.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from console.aws.request import is_aws
from console.refusals import error_body

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 60.0
"""For the whole body, from the moment its head has come."""
_DISCARDED = 16 * 2**20
"""Bytes of a body that is too large which are read to their end, so that its sender gets to see the answer."""


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Gate:
    """ASGI: `application` behind the limits. `seconds`: see BODY_SECONDS."""

    def __init__(self, application: Application, seconds: float = BODY_SECONDS) -> None:
        self.application = application
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.application(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except Refused as refused:
            await _answer(scope, send, refused)
            return
        if body is None:  # the client is gone
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.application(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        headers = dict(scope["headers"])
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        most = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > _DISCARDED:
            raise _too_large(most)
        try:
            async with asyncio.timeout(self.seconds):
                body = await _read(receive, most)
        except TimeoutError:
            message = f"The body did not come within {self.seconds:g} seconds."
            raise Refused(408, "RequestTimeoutException", message) from None
        if encoding not in (b"", b"identity"):
            message = "Compressed bodies are not taken: send it without Content-Encoding."
            raise Refused(415, "UnsupportedMediaTypeException", message)
        return body


def _has_body(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names or b"transfer-encoding" in names


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None when the client went away in the middle."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= most:
            parts.append(part)
        else:
            parts.clear()
        if size > _DISCARDED:
            break
        if not message.get("more_body", False):
            break
    if size > most:
        raise _too_large(most)
    return b"".join(parts)


def _too_large(most: int) -> Refused:
    return Refused(413, "RequestEntityTooLargeException", f"The body is larger than {most} bytes.")


async def _answer(scope: Scope, send: Send, refused: Refused) -> None:
    """AWS's error for AWS's clients, else the error body of REST; the connection is not used again."""
    request_id = str(uuid.uuid4())
    content_type, content = "application/json", error_body(refused.code, refused.message, request_id)
    if is_aws(scope):
        content_type, content = (
            "application/x-amz-json-1.1",
            {"__type": refused.code, "message": refused.message},
        )
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-error", refused.message.encode("ascii", "replace")),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
