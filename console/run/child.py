"""One supervised process: started, its lines passed on, started again when it dies, stopped in order.

Called by: `console.run.supervisor`.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from console.conf.home import BASE_DIR
from console.run.output import LogFile, Terminal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 15.0
# A process that lived this long was well: the next death is a new story, not the same one again.
_WELL_AFTER_SECONDS = 20.0
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """How to run one process. `stop_seconds`: how long it may take to end by itself after SIGTERM."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    stop_seconds: float = 8.0
    # Its lines go to its file only, not to the terminal.
    quiet: bool = False


class Child:
    """Runs a spec until `stop`. `changed` is called at every start and end (the status file follows)."""

    def __init__(self, spec: Spec, terminal: Terminal, log: LogFile, changed: Callable[[], None]) -> None:
        self.spec = spec
        self.restarts = 0
        self.pid = 0
        self.started_at = 0.0
        self._terminal = terminal
        self._log = log
        self._changed = changed
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        if self.pid:
            return "running"
        return "stopped" if self._stopping.is_set() else "restarting"

    def start(self) -> None:
        self._running = asyncio.create_task(self._keep_running(), name=self.spec.name)

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL to its whole process group after `stop_seconds`. Returns when it is gone."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.spec.stop_seconds)
            except TimeoutError:
                self._say(
                    f"did not end within {self.spec.stop_seconds:g} s; killed (its work is picked up again)"
                )
                _signal_group(process.pid, signal.SIGKILL)
        if self._running is not None:
            await self._running

    def kill(self) -> None:
        """At once, without waiting: the second Ctrl-C."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            _signal_group(self._process.pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        delay = _FIRST_DELAY
        while not self._stopping.is_set():
            lived, ending = await self._run_once()
            if self._stopping.is_set():
                break
            delay = _FIRST_DELAY if lived >= _WELL_AFTER_SECONDS else delay
            self._say(f"{ending} after {lived:.1f} s; starting it again in {delay:.1f} s")
            self.restarts += 1
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                delay = min(delay * 2, _LONGEST_DELAY)

    async def _run_once(self) -> tuple[float, str]:
        """How long it lived, and how it ended, in words."""
        began = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **self.spec.env, "PYTHONUNBUFFERED": "1"},
                cwd=BASE_DIR,
                pass_fds=self.spec.pass_fds,
                # Ctrl-C in the terminal reaches the supervisor alone, which stops the others in order.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        except OSError as error:
            return 0.0, f"could not be started ({error})"
        self._process, self.pid, self.started_at = process, process.pid, time.time()
        self._changed()
        if self._stopping.is_set():  # asked to stop while it was being started
            _signal_group(process.pid, signal.SIGTERM)
        pump = asyncio.create_task(self._pass_lines_on(process))
        code = await process.wait()
        # A grandchild may still hold the pipe; the process itself is what counts.
        await asyncio.wait([pump], timeout=1.0)
        pump.cancel()
        self.pid = 0
        self._changed()
        return time.monotonic() - began, _ending(code)

    async def _pass_lines_on(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        rest = b""
        while chunk := await process.stdout.read(_LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._line(line)
        if rest:
            self._line(rest)

    def _line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace").rstrip()
        if text:
            self._log.line(text)
            if not self.spec.quiet:
                self._terminal.line(self.spec.name, text)

    def _say(self, text: str) -> None:
        line = f"{self.spec.name} {text}"
        self._log.line(line)
        self._terminal.line("slipway", line)


def _die_with(parent: int) -> Callable[[], None]:
    """For the child, before exec: the kernel kills it when the supervisor dies, even by SIGKILL, so that the next run
    never meets leftovers. Called between fork and exec: nothing but system calls in it."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        os.kill(pid, number)


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
