"""WebSocket /live/exec/<session>/: a terminal on a session of ExecuteCommand.

First the client sends JSON: {"tokenValue": "…", "columns": 80, "rows": 24}, and "acknowledges": true if it will tell
how many bytes it has taken. From then on:

client   binary: input   text: {"columns": 100, "rows": 30}, {"acknowledged": 4096}
server   binary: output  text: {"event": "opened"}, {"event": "ended", "reason": "…", "exitCode": 0}

A browser (whoever sends Origin) must be at our own address and signed in as who asked for the session; other programs
have the token alone. Both are looked at again while the terminal is open: who loses the permission loses the terminal.
This process opens no engine: the command is held by another, reached over Redis (services.execute.channel).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from console.live.terminal_access import Guest, admitted, arrived, with_database
from services.execute import channel, sessions
from services.execute.channel import Ending

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_PATH = re.compile(r"/live/exec/([A-Za-z0-9-]{1,64})/?")
TOKEN_SECONDS = 10.0
OPENING_SECONDS = 15.0
CHECK_SECONDS = 15.0
"""How often it is asked whether the client may still have the terminal."""
_DENIED, _ENDED, _BROKEN = 4403, 1000, 1011


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: every WebSocket of the console. Closed before it is accepted, it answers 403."""
    if (await receive())["type"] != "websocket.connect":
        return
    match = _PATH.fullmatch(scope.get("path", ""))
    guest = await arrived(scope) if match else None
    if match is None or guest is None:
        await send({"type": "websocket.close", "code": _DENIED})
        return
    await send({"type": "websocket.accept"})
    with contextlib.suppress(_Gone):
        await _Terminal(match[1], guest, receive, send).run()


class _Gone(Exception):
    """The client went away."""


class _Terminal:
    def __init__(self, session_id: str, guest: Guest, receive: Receive, send: Send) -> None:
        self.session_id = session_id
        self.guest = guest
        self._receive, self._send = receive, send
        self._in, self._out = channel.list_in(session_id), channel.list_out(session_id)
        self._acknowledges = False

    async def run(self) -> None:
        hello = await self._hello()
        if hello is None:
            return
        self._acknowledges = hello.get("acknowledges") is True
        client = redis.from_url(
            settings.REDIS_URL, socket_timeout=10, socket_connect_timeout=5, health_check_interval=20
        )
        try:
            await self._held(client, hello)
        except (RedisError, OSError) as error:
            log.warning("terminal %s: Redis is not reached (%r)", self.session_id, error)
            await self._end(Ending("Redis was not reached."), _BROKEN)
        finally:
            await client.aclose()

    async def _hello(self) -> dict[str, Any] | None:
        """The client's first message, its token used up; None where it was refused."""
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                hello = _json(await self._message())
        except TimeoutError:
            hello = {}
        token = hello.get("tokenValue")
        taken = isinstance(token, str) and await with_database(self._take, token)
        if not taken:
            await self._close(_DENIED, "The token is wrong, was used, or is too old.")
            return None
        return hello

    def _take(self, token: str) -> bool:
        row = sessions.take(self.session_id, token, self.guest.actor)
        if row is not None:
            self.guest.session = row
        return row is not None

    async def _held(self, client: redis.Redis, hello: Mapping[str, Any]) -> None:
        """From the moment the session is offered to the processes that hold commands, to its end."""
        size = _size(hello)
        if size is not None:
            await _push(client, self._in, size)
        await _push(client, channel.WAITING, self.session_id.encode())
        parts = [
            asyncio.create_task(part)
            for part in (self._show(client), self._take_input(client), self._look_after(client))
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            results = await asyncio.gather(*parts, return_exceptions=True)
            # Whatever ended it: the command must not wait for a terminal that is gone.
            with contextlib.suppress(RedisError):
                await _push(client, self._in, channel.CLOSE)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, _Gone):
                raise result

    # ---- from the command ------------------------------------------------------------------------

    async def _show(self, client: redis.Redis) -> None:
        """Until it ends. Nothing is taken from Redis before the client has taken what came before."""
        clock = asyncio.get_running_loop().time
        heard, opened = clock(), False
        while True:
            found: Any = await client.blpop([self._out], timeout=1)
            if found is None:
                if clock() - heard > (channel.SILENCE if opened else OPENING_SECONDS):
                    await self._lost(opened)
                    return
                continue
            heard = clock()
            kind, payload = found[1][:1], found[1][1:]
            if kind == channel.DATA:
                await self._send({"type": "websocket.send", "bytes": payload})
                if not self._acknowledges:
                    await _push(client, self._in, channel.ACKNOWLEDGE + b"%d" % len(payload))
            elif kind == channel.OPENED:
                opened = True
                await self._tell({"event": "opened"})
            elif kind == channel.ENDED:
                await self._end(Ending.unpacked(payload), _ENDED)
                return

    async def _lost(self, opened: bool) -> None:
        ending = Ending(
            "The process that holds the command went silent."
            if opened
            else "No process took the session: is `exec` running?"
        )
        await with_database(sessions.end, self.session_id, ending)
        await self._end(ending, _BROKEN)

    # ---- from the client -------------------------------------------------------------------------

    async def _take_input(self, client: redis.Redis) -> None:
        while True:
            message = await self._message()
            if (data := message.get("bytes")) is not None:
                self.guest.used = True
                for start in range(0, len(data), channel.LARGEST):
                    await self._give(client, channel.DATA + data[start : start + channel.LARGEST])
                continue
            said = _json(message)
            size, taken = _size(said), said.get("acknowledged")
            if size is not None:
                await self._give(client, size)
            if self._acknowledges and isinstance(taken, int) and not isinstance(taken, bool) and taken > 0:
                await self._give(client, channel.ACKNOWLEDGE + b"%d" % taken)

    async def _give(self, client: redis.Redis, message: bytes) -> None:
        """To the command; while it takes nothing, neither do we."""
        waiting = await _push(client, self._in, message)
        while waiting > channel.MOST_WAITING:
            await asyncio.sleep(0.02)
            waiting = int(await client.llen(self._in))  # type: ignore[misc]

    # ---- meanwhile -------------------------------------------------------------------------------

    async def _look_after(self, client: redis.Redis) -> None:
        """Tell the other side that the terminal is there, and ask whether it still may be."""
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            await asyncio.sleep(channel.BEAT)
            await _push(client, self._in, channel.PING)
            if clock() - checked > CHECK_SECONDS:
                checked = clock()
                refused = await with_database(admitted, self.guest)
                if refused:
                    await _push(client, self._in, channel.CLOSE + refused.encode())
                    await self._end(Ending(refused), _DENIED)
                    return

    # ---- the client's side of the wire -----------------------------------------------------------

    async def _message(self) -> Mapping[str, Any]:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise _Gone
        return message

    async def _tell(self, what: Mapping[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": json.dumps(what)})

    async def _end(self, ending: Ending, code: int) -> None:
        with contextlib.suppress(Exception):  # it may be gone already
            await self._tell({"event": "ended", "reason": ending.reason, "exitCode": ending.exit_code})
            await self._close(code, ending.reason)

    async def _close(self, code: int, reason: str) -> None:
        await self._send(
            {"type": "websocket.close", "code": code, "reason": reason.encode()[:120].decode(errors="ignore")}
        )


async def _push(client: redis.Redis, key: str, message: bytes) -> int:
    """How many messages wait there now."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.rpush(key, message)
        pipe.expire(key, channel.KEPT)
        return int((await pipe.execute())[0])


def _json(message: Mapping[str, Any]) -> dict[str, Any]:
    """The object of a text message; an empty one for anything else."""
    text = message.get("text")
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _size(said: Mapping[str, Any]) -> bytes | None:
    columns, rows = said.get("columns"), said.get("rows")
    whole = all(
        isinstance(one, int) and not isinstance(one, bool) and 0 < one <= 1000 for one in (columns, rows)
    )
    return channel.size(columns, rows) if whole else None  # type: ignore[arg-type]
