"""Waiting before starting again what keeps failing to start. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scheduler.model import Failure, Timing, seconds

CONSISTENTLY = 3  # failures in a row after which the service says so in an event


@dataclass(frozen=True, slots=True)
class Throttle:
    """Nothing is started before `until`. `failed`: how many failed to start in a row (0: only crashes pace it)."""

    until: datetime
    failed: int
    reason: str

    @property
    def consistently(self) -> bool:
        return self.failed >= CONSISTENTLY


def delay(failed: int, desired: int, timing: Timing) -> float:
    """Seconds to wait after the newest of `failed` failures in a row. It grows by rounds: each of the desired
    tasks failing once is one round, whatever the number of tasks.

    10 desired, base 5, cap 900: 10 failures are round 1: 5 s; 11 to 20: 10 s; 21 to 30: 20 s; from round 9 on
    (5 * 256 = 1280) 900 s, for as long as it takes: it never gives up.
    """
    rounds = -(-failed // max(1, desired))
    # No float overflows: 2.0 ** 1024 would.
    return min(timing.throttle_cap, timing.throttle_base * 2.0 ** min(rounds - 1, 64))


def throttle(
    failures: Sequence[Failure], last_started_at: datetime | None, desired: int, timing: Timing, now: datetime
) -> Throttle | None:
    """What the failures (newest last) make the service wait for, until whenever that is. None: nothing.

    Only tasks that never reached RUNNING make the wait grow; a task that reaches RUNNING ends the row. Tasks that
    ran but ended before they were healthy only pace the next start (`Timing.crash_pause`). Failures that lie in
    the future (the clock was set back) count, but nothing waits for their time to come.
    """
    row = [
        f
        for f in failures
        if not f.reached_running and (last_started_at is None or f.stopped_at > last_started_at)
    ]
    waits = []
    if newest := _newest(row, now):
        until = newest.stopped_at + seconds(delay(len(row), desired, timing))
        waits.append(Throttle(until, len(row), newest.reason))
    if newest := _newest([f for f in failures if f.reached_running], now):
        waits.append(Throttle(newest.stopped_at + seconds(timing.crash_pause), 0, newest.reason))
    return max(waits, key=lambda wait: wait.until, default=None)


def _newest(failures: Sequence[Failure], now: datetime) -> Failure | None:
    return max((f for f in failures if f.stopped_at <= now), key=lambda f: f.stopped_at, default=None)
