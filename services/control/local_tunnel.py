"""Our end of an engine's helper (clusters/engine/helper.py): keeps it there, and answers what tasks ask of it.

Run by the watcher that follows the engine, so that one process does it for each. The channels of credentials and
metadata are answered by the face that registered itself (console.local); those of the API are passed on to the
console, byte by byte. Nothing on the engine's host has to reach Slipway: everything goes through the engine's own
connection.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.db import close_old_connections, connection

from clusters.engine.errors import EngineError
from clusters.engine.helper import ensure_helper, open_tunnel, remove_helper
from clusters.engine.port import Engine, ExecStream
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from services.models import Task
from services.task_identity import task_role_arn

log = logging.getLogger(__name__)

OPEN, DATA, END, PING, STATUS = 1, 2, 3, 4, 5  # as in clusters/engine/helper_program.py
_HEAD = struct.Struct(">IBI")
# Seconds between pings of one helper, at best and at worst; and at most so many a second by one watcher.
_PING, _SELDOM = 5.0, 10.0
_MOST_PINGS = 20.0
_SILENCES = 4  # pings that a helper may leave unanswered
# Seconds between looks at whether an engine has tasks with a role; and at most so many looks a second by one watcher,
# so that hundreds of engines at rest cost little. What else decides whether it has a helper, the roster tells.
_LOOK = 2.0
_MOST_LOOKS = 5.0
_BACK_OFF = (1.0, 2.0, 5.0, 10.0, 30.0)
# Once it failed so often, at most so many tries a second by one watcher: an installation's engines may all be of
# another architecture than the helper's image.
_MOST_TRIES = 0.5
_LONGEST_PAUSE = 300.0
LONGEST_HEAD = 16 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What a container asked. `source`: its address, as the kernel of the engine's host says it; "" where it shares the
    host's network, and only its token tells who it is."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    source: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    content_type: str = "application/json"


Face = Callable[[Request, Engine], Answer]
_face: list[Face] = []


def answered_by(face: Face) -> None:
    """Who answers credentials and metadata."""
    _face[:] = [face]


def wanted(instance: ContainerInstance) -> bool:
    """Whether this engine should have a helper now."""
    scheme = instance.url.partition(":")[0]
    if settings.SLIPWAY_TASK_ENDPOINT == "off" or scheme in settings.SLIPWAY_EXTRA_ENGINE_SCHEMES:
        return False
    if instance.status == ContainerInstance.Status.INACTIVE or not instance.connected:
        return False
    if settings.SLIPWAY_TASK_ENDPOINT == "all":
        return True
    live = Task.objects.filter(instance=instance).exclude(status="STOPPED").select_related("task_definition")
    return any(task_role_arn(task) for task in live)


class LocalTunnel:
    """One engine's, in a thread of its own, until stop(). `pace`: seconds between looks at its instance's row and
    tasks; None: only when told that it changed."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.pace: float | None = None
        self._told: object = None
        self._stopping, self._look = threading.Event(), threading.Event()
        self._failures = 0
        self._crowd = 0
        self.ping_every = _PING
        self._heard: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"local-{instance_id[:8]}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def failing(self) -> bool:
        return self._failures > 0

    @property
    def answering(self) -> bool:
        """Whether its helper, and so the engine that carries the tunnel, answered a moment ago."""
        return self._heard is not None and time.monotonic() - self._heard < 1.5 * self.ping_every

    def stop(self) -> None:
        self._stopping.set()
        self._look.set()

    def _run(self) -> None:
        while True:
            self._look.clear()
            if self.stopping:
                return
            pause = self.pace
            try:
                close_old_connections()
                instance = ContainerInstance.objects.get(pk=self.instance_id)
                if wanted(instance):
                    self._hold(instance)
                    pause = self._failed()
                elif instance.status == ContainerInstance.Status.INACTIVE:
                    remove_helper(engine_of(instance))
                    return
                else:
                    self._failures = 0
            except ContainerInstance.DoesNotExist:
                return
            except EngineError as error:
                log.warning("the helper of instance %s: %s", self.instance_id, error)
                pause = self._failed()
            except Exception:
                log.exception("the helper of instance %s", self.instance_id)
                pause = _BACK_OFF[-1]
            finally:
                connection.close()
            self._look.wait(pause)

    def _failed(self) -> float:
        """Seconds until the next try. Counted until a helper answers."""
        self._failures += 1
        if self._failures <= len(_BACK_OFF):
            return _BACK_OFF[self._failures - 1]
        return min(max(_BACK_OFF[-1], self._crowd / _MOST_TRIES), _LONGEST_PAUSE)

    def _hold(self, instance: ContainerInstance) -> None:
        """Until the tunnel breaks, or is no longer wanted."""
        engine = engine_of(instance)
        stream = open_tunnel(engine, ensure_helper(engine))
        connection.close()  # not needed for as long as the tunnel lasts
        try:
            _Multiplexer(self, engine, stream).run()
        finally:
            stream.close()

    def is_due(self, looked: float) -> bool:
        """Whether to look at its row again, where that was done at `looked` (monotonic)."""
        if self._look.is_set():
            self._look.clear()
            return True
        return self.pace is not None and time.monotonic() - looked > self.pace

    def still_wanted(self) -> bool:
        try:
            row = ContainerInstance.objects.filter(pk=self.instance_id).first()
            return row is not None and (wanted(row) or not row.connected)
        finally:
            connection.close()

    def share(self, tunnels: int, failing: int, told: object) -> None:
        """How many the same watcher tends, and how many of those fail: all of them together look so often and no more,
        but at once where something else is `told` of the instance's row than before."""
        self.pace = max(_LOOK, tunnels / _MOST_LOOKS) if settings.SLIPWAY_TASK_ENDPOINT == "roles" else None
        self._crowd = failing
        self.ping_every = min(max(_PING, tunnels / _MOST_PINGS), _SELDOM)
        if told != self._told:
            self._told = told
            self._look.set()

    def well(self) -> None:
        self._failures = 0
        self._heard = time.monotonic()


class _Multiplexer:
    def __init__(self, owner: LocalTunnel, engine: Engine, stream: ExecStream) -> None:
        self.owner, self.engine, self.stream = owner, engine, stream
        self.channels: dict[int, _Channel] = {}
        self._buffer = bytearray()

    def send(self, number: int, kind: int, payload: bytes = b"") -> None:
        self.stream.write(_HEAD.pack(number, kind, len(payload)) + payload)

    def run(self) -> None:
        heard = pinged = looked = time.monotonic()
        try:
            while not self.owner.stopping:
                now = time.monotonic()
                if now - pinged > self.owner.ping_every:
                    pinged = now
                    self.send(0, PING)
                if self.owner.is_due(looked):
                    looked = now
                    if not self.owner.still_wanted():
                        return
                if now - heard > _SILENCES * self.owner.ping_every:
                    log.warning("the helper of instance %s went silent", self.owner.instance_id)
                    return
                data = self.stream.read(min(_PING, (self.owner.pace or 2 * _PING) / 2))
                if data == b"":
                    return
                if data:
                    heard = now
                    self._take(data)
        finally:
            for channel in list(self.channels.values()):
                channel.give(None)

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            number, kind, length = _HEAD.unpack_from(self._buffer)
            if len(self._buffer) < _HEAD.size + length:
                return
            payload = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
            del self._buffer[: _HEAD.size + length]
            self._frame(number, kind, payload)

    def _frame(self, number: int, kind: int, payload: bytes) -> None:
        if kind == OPEN:
            told = json.loads(payload)
            self.channels[number] = _Channel(self, number, told["kind"], told["source"])
        elif kind in (DATA, END) and number in self.channels:
            self.channels[number].give(payload if kind == DATA else None)
        elif kind == PING:
            self.owner.well()
        elif kind == STATUS and (why := json.loads(payload).get("error")):
            log.warning("the helper of instance %s: %s", self.owner.instance_id, why)


class _Channel:
    """One connection of a container."""

    def __init__(self, tunnel: _Multiplexer, number: int, kind: str, source: str) -> None:
        self.tunnel, self.number, self.kind = tunnel, number, kind
        self.source = "" if kind == "loopback" else source
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._run, name=f"local-{number}", daemon=True).start()

    def give(self, data: bytes | None) -> None:
        """What the container sent; None: no more."""
        self._waiting.put(data)

    def _run(self) -> None:
        try:
            head = self._head()
            if head and (self.kind == "local" or _is_local(head)):
                self._answer(head)
            elif head:
                self._pass_on(head)
        except (EngineError, OSError) as error:
            log.debug("a connection of instance %s: %s", self.tunnel.owner.instance_id, error)
        except Exception:
            log.exception("a connection of instance %s", self.tunnel.owner.instance_id)
        finally:
            connection.close()
            self.tunnel.channels.pop(self.number, None)
            with contextlib.suppress(EngineError):
                self.tunnel.send(self.number, END)

    def _head(self) -> bytes:
        """What came first: the head of a request, for the API as much as came at once."""
        seen = b""
        while len(seen) < LONGEST_HEAD:
            try:
                data = self._waiting.get(timeout=20)
            except queue.Empty:
                return b""
            if data is None:
                return b""
            seen += data
            if b"\r\n\r\n" in seen or self.kind == "api" or (self.kind == "loopback" and not _is_local(seen)):
                break
        return seen

    def _answer(self, head: bytes) -> None:
        lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if len(words) != 3 or not _face:
            answer = Answer(400, b'{"code": "BadRequest", "message": "not an HTTP request"}')
        else:
            close_old_connections()
            asked = Request(words[0], words[1], headers, self.source, self.tunnel.owner.instance_id)
            answer = _face[0](asked, self.tunnel.engine)
        reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}.get(
            answer.status, "Error"
        )
        said = (
            f"HTTP/1.1 {answer.status} {reason}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self.tunnel.send(self.number, DATA, said.encode() + answer.body)

    def _pass_on(self, first: bytes) -> None:
        with socket.create_connection(console_address(), timeout=10) as console:
            console.settimeout(120)
            console.sendall(first)
            threading.Thread(target=self._upwards, args=(console,), daemon=True).start()
            while data := console.recv(65536):
                self.tunnel.send(self.number, DATA, data)

    def _upwards(self, console: socket.socket) -> None:
        try:
            while (data := self._waiting.get()) is not None:
                console.sendall(data)
            console.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _is_local(head: bytes) -> bool:
    path = head[:256].split(b" ")[1:2]
    return bool(path) and path[0].startswith((b"/v2/credentials/", b"/v4/"))


def console_address() -> tuple[str, int]:
    """Where this process finds the console."""
    given = settings.SLIPWAY_CONSOLE_ADDRESS
    if given:
        host, _, port = given.rpartition(":")
        return host.strip("[]"), int(port)
    bind = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.SLIPWAY_BIND, settings.SLIPWAY_BIND)
    return bind, settings.SLIPWAY_PORT
