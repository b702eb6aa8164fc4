"""One command to run it all: Redis, web, worker, beat and watcher under one supervisor.

Containers and the Docker Engine are not its children: they stay when it ends, and the next run finds them again.
Called by: `manage.py run`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import suppress

from django.conf import settings
from django.db import DatabaseError

from base.errors import OperationError
from console.conf.home import Home
from console.conf.logs import redact
from console.run import specs
from console.run.child import Child, Spec
from console.run.lock import write_status
from console.run.output import LogFile, Terminal
from console.run.prepare import ADMINISTRATOR, prepare

_REDIS_SECONDS = 20.0
_WEB_SECONDS = 60.0
_ONE_REQUEST_SECONDS = 1.0


class StartError(Exception):
    """Slipway cannot start; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """The listening socket of all web processes. Raises StartError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {host}:{port}: {error.strerror}. "
            f"Another program may hold it; choose another port: PORT={port + 1} make run"
        ) from error
    listener.listen(512)
    listener.setblocking(False)
    return listener


def shown_host(host: str) -> str:
    """What to type in a browser on this machine for a bind address."""
    if host in {"0.0.0.0", "::"}:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


class Supervisor:
    """Holds the children. `run` returns the exit code once everything has ended."""

    def __init__(self, home: Home, listener: socket.socket) -> None:
        self._home = home
        self._listener = listener
        self._terminal = Terminal()
        self._log = LogFile(home.logs / "slipway.log")
        self._children: list[Child] = []
        self._stop = asyncio.Event()
        self._started_at = time.time()
        self._asked_at = 0.0
        self._ready = False

    @property
    def address(self) -> str:
        if settings.SLIPWAY_URL:
            return str(settings.SLIPWAY_URL)
        return f"http://{shown_host(settings.SLIPWAY_BIND)}:{self._listener.getsockname()[1]}"

    async def run(self) -> int:
        self._catch_signals()
        code = 0
        try:
            await self._start()
            await self._stop.wait()
        except StartError as error:
            self._say(str(error))
            code = 1
        finally:
            await self._end()
        return code

    # --- starting --------------------------------------------------------------------------------

    async def _start(self) -> None:
        self._say(f"starting; state and logs are in {self._home.root}")
        if not settings.SLIPWAY_REDIS_URL:
            await self._start_redis()
        if self._stop.is_set():
            return
        # In a thread: Django's database calls block, and signals must be heard meanwhile.
        password = await asyncio.to_thread(self._prepare)
        if self._stop.is_set():
            self._announce_password(password)
            return
        workers = max(1, settings.SLIPWAY_WEB_WORKERS)
        for index in range(1, workers + 1):
            self._add(specs.web(index, self._listener.fileno(), several=workers > 1))
        self._add(specs.worker())
        self._add(specs.watcher())
        self._add(specs.terminals())
        self._add(specs.beat(self._home))
        answered = await self._web_answers()
        if self._stop.is_set():
            self._announce_password(password)
            return
        self._ready = answered
        self._write_status()
        self._announce(answered, password)

    def _prepare(self) -> str | None:
        try:
            return prepare(self._say)
        except DatabaseError as error:
            raise StartError(f"the database cannot be used: {redact(str(error).strip())}") from error
        except OperationError as error:
            raise StartError(f"the first administrator cannot be made: {error}") from error

    async def _start_redis(self) -> None:
        with suppress(FileNotFoundError):
            # Of a run that was killed. We hold the lock, so nobody listens on it.
            self._home.redis_socket.unlink()
        child = self._add(specs.redis(self._home))
        deadline = time.monotonic() + _REDIS_SECONDS
        while not self._stop.is_set():
            if await _redis_answers(str(self._home.redis_socket)):
                return
            if time.monotonic() > deadline or child.restarts >= 3:
                raise StartError(f"Redis does not start; see {self._home.logs / 'redis.log'}")
            await asyncio.sleep(0.05)

    async def _web_answers(self) -> bool:
        deadline = time.monotonic() + _WEB_SECONDS
        while not self._stop.is_set() and time.monotonic() < deadline:
            if await _http_answers(self._listener.getsockname()):
                return True
            await asyncio.sleep(0.1)
        return False

    def _add(self, spec: Spec) -> Child:
        log = LogFile(self._home.logs / f"{spec.name}.log")
        child = Child(spec, self._terminal, log, self._write_status)
        self._children.append(child)
        child.start()
        return child

    # --- ending ----------------------------------------------------------------------------------

    async def _end(self) -> None:
        self._say("stopping; containers and the engine stay as they are")
        # Redis last: the others still hand back their jobs.
        others = [child for child in self._children if child.spec.name != "redis"]
        await asyncio.gather(*(child.stop() for child in others))
        await asyncio.gather(*(child.stop() for child in self._children if child not in others))
        self._write_status()
        self._say("stopped")
        self._terminal.close()
        self._log.close()
        self._listener.close()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        # `nohup make run` ignores hang-ups on purpose; otherwise a closed terminal means stop.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_stop)

    def _asked_to_stop(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            self._asked_at = time.monotonic()
            return
        # One Ctrl-C may arrive twice: from the terminal, and passed on by make.
        if time.monotonic() - self._asked_at < _ONE_REQUEST_SECONDS:
            return
        self._say("asked twice: killing what is left")
        for child in self._children:
            child.kill()

    # --- telling ---------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._log.line(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")
        self._terminal.line("slipway", text)

    def _announce(self, answered: bool, password: str | None) -> None:
        if not answered:
            self._say(f"the console does not answer yet; see {self._home.logs / 'web-1.log'}")
        self._terminal.plain("")
        self._terminal.plain(f"  Slipway is at {self.address}")
        if password is None:
            self._terminal.plain(f"  Sign in as {ADMINISTRATOR}.")
        self._announce_password(password)
        self._terminal.plain("  Next: `make demo` in another terminal deploys the sample application;")
        self._terminal.plain(
            "  `make doctor` checks this machine; Ctrl-C stops Slipway and leaves containers running."
        )
        self._terminal.plain("")
        self._log.line(f"ready at {self.address}")

    def _announce_password(self, password: str | None) -> None:
        """To the terminal only: a log file would keep it."""
        if password is not None:
            self._terminal.plain(f"  Sign in as {ADMINISTRATOR} with the password {password}")
            self._terminal.plain("  (shown this once; change it after signing in)")

    def _write_status(self) -> None:
        processes = {
            child.spec.name: {
                "pid": child.pid,
                "state": child.state,
                "restarts": child.restarts,
                "started_at": child.started_at,
            }
            for child in self._children
        }
        status = {
            "pid": os.getpid(),
            "address": self.address,
            "ready": self._ready,
            "started_at": self._started_at,
            "processes": processes,
        }
        write_status(self._home.status, status)


async def _redis_answers(path: str) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        # While it loads its file it answers -LOADING.
        return (await asyncio.wait_for(reader.readline(), 2)).startswith(b"+PONG")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def _http_answers(address: tuple[str, int] | tuple[str, int, int, int]) -> bool:
    """Whether a web process answers at all; any status will do."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])
    try:
        reader, writer = await asyncio.open_connection(host, address[1])
    except OSError:
        return False
    try:
        writer.write(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        # The kernel accepts before any process does, so this waits for a web process to come up.
        return (await asyncio.wait_for(reader.readline(), _WEB_SECONDS)).startswith(b"HTTP/1.1")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
