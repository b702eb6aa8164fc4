"""GET /live/?topic=…: server-sent events for the pages.

event: state   data: open | broken     whether changes are heard at the moment
event: topic   data: ["service:default/web", …]
event: beat    data: (empty)           every 15 s, so that the page notices a dead connection
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from access.middleware import console_caller
from console.live.hub import Listener, hub
from console.live.topics import allowed

HEARTBEAT = 15.0
LONGEST = 600.0
"""Seconds after which a stream ends and the browser asks again: sessions and permissions change meanwhile."""
GATHER = 0.05


async def live(request: HttpRequest) -> HttpResponseBase:
    """401 without a session, 403 when none of the topics may be followed; those that may not are left out."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=401)
    topics = request.GET.getlist("topic")
    kept = await sync_to_async(_allowed)(request, topics)
    if topics and not kept:
        return HttpResponse(status=403)
    response = StreamingHttpResponse(stream(kept), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _allowed(request: HttpRequest, topics: list[str]) -> list[str]:
    return allowed(console_caller(request), topics)


async def stream(topics: list[str]) -> AsyncIterator[bytes]:
    """The events of one page, until it goes away or LONGEST has passed."""
    clock = asyncio.get_running_loop().time
    end = clock() + LONGEST
    with hub().listen(topics) as listener:
        told: bool | None = None
        yield b"retry: 1500\n\n"
        while clock() < end:
            if listener.state is not None and listener.state != told:
                told = listener.state
                yield event("state", "open" if told else "broken")
            changed = listener.take()
            if changed:
                yield event("topic", json.dumps(changed))
            if not await _woken(listener):
                yield event("beat", "")
            else:
                await asyncio.sleep(GATHER)


async def _woken(listener: Listener) -> bool:
    """False when nothing happened for a heartbeat."""
    try:
        await asyncio.wait_for(listener.wake.wait(), HEARTBEAT)
    except TimeoutError:
        return False
    listener.wake.clear()
    return True


def event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
