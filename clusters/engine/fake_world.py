"""What the fake engine is made of: time, how containers behave, and faults."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from .errors import EngineError


class Clock(Protocol):
    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeClock:
    """Time that passes only when told to. To wait is to advance it: nothing ever really sleeps.

    `now` fits base.clock.frozen_by. Listeners are called after each advance, without any lock held.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    sleep = advance

    def listen(self, listener: Callable[[], None]) -> None:
        with self._lock:
            self._listeners.append(listener)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a container behaves once it is started. Seconds count from its start; memory in MiB.

    The default runs until it is stopped, ends on its stop signal at once, and passes its health check
    (if it has one) from the first probe. Of signals it heeds that one and SIGKILL.
    """

    exits_after: float | None = None
    exit_code: int = 0
    healthy_after: float | None = 0.0  # None: never
    unhealthy_after: float | None = None  # None: never again
    probe_output: str = "probe failed"
    start_error: str = ""  # StartFailed with these words
    stop_signal: str = "SIGTERM"
    ignores_sigterm: bool = False  # or whichever its stop signal is
    stop_delay: float = 0.0  # between that signal and its end
    stop_code: int = 143
    memory: int = 1  # more than the container's limit: killed for it
    cpu: int = 0  # CPU units it uses
    output: tuple[tuple[Literal["stdout", "stderr"], str], ...] = ()
    # For top_exec: what a command answers (EngineTimeout: it does not end in time).
    commands: Mapping[tuple[str, ...], tuple[int, str] | EngineError] = field(default_factory=dict)

    def passes_probe(self, elapsed: float) -> bool:
        if self.healthy_after is None or elapsed < self.healthy_after:
            return False
        return self.unhealthy_after is None or elapsed < self.unhealthy_after


@dataclass(slots=True)
class Fault:
    """What is to happen to the next `times` calls of `operation` ("*": of any)."""

    operation: str
    error: EngineError | None = None  # None: only the delay
    times: int | None = 1  # None: until lifted
    after_effect: bool = False  # the engine does it, and only the answer is lost
    delay: float = 0.0

    def takes(self, operation: str) -> bool:
        return self.operation in ("*", operation) and self.times != 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the fake, in `FakeHost.calls`."""

    time: datetime
    operation: str
    subject: str


def content_digest(kind: str, what: str) -> str:
    """The same on every host: it names content."""
    return "sha256:" + hashlib.sha256(f"{kind}/{what}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """An image in the fake registry."""

    behaviour: Behaviour
    auth: tuple[str, str] | None = None
    error: EngineError | None = None
    tag: str = ""  # repository:tag
    content: str = ""  # what distinguishes it from what the tag named before
