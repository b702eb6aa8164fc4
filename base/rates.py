"""How often something was done lately, counted over all processes in Redis: what rate limits stand on.

A window slides: the count of the window before weighs as much as of it still lies within the last `seconds`. Where
Redis does not answer, each process counts for itself, and Redis is left alone for a moment: a limit that is somewhat
too generous is better than a console that stands still.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import cast

import redis

from base import live

log = logging.getLogger(__name__)
_PREFIX = "slipway:rate:"
_LEFT_ALONE = 5.0
_KEPT = 20_000

_lock = threading.Lock()
_own: dict[str, int] = {}
_asked_again_at = 0.0


def hit(kind: str, who: str, most: int, seconds: int = 60, *, count: int = 1) -> float:
    """Count one more of `kind` by `who`. 0.0 while there are at most `most` in `seconds`, else seconds to wait.

    `count=0` only looks. `who` may be anything, a token too: what is kept is a digest.
    """
    now = time.time()
    number, into = divmod(now, seconds)
    base = f"{_PREFIX}{kind}:{hashlib.sha256(who.encode()).hexdigest()[:32]}:{seconds}:"
    current, before = _counts(f"{base}{int(number)}", f"{base}{int(number) - 1}", count, seconds)
    weighed = current + before * (1 - into / seconds)
    if weighed <= most - (0 if count else 1):
        return 0.0
    # Until enough of the window before has gone, or this one has.
    if before and current < most:
        return max(1.0, seconds * (1 - (most - current) / before) - into)
    return max(1.0, seconds - into)


def _counts(current: str, before: str, count: int, seconds: int) -> tuple[int, int]:
    global _asked_again_at
    if time.monotonic() >= _asked_again_at:
        try:
            pipe = live.client().pipeline(transaction=False)
            pipe.incrby(current, count)
            pipe.expire(current, 2 * seconds)
            pipe.get(before)
            answers = pipe.execute()
            return int(answers[0]), int(cast(bytes, answers[2] or b"0"))
        except (redis.RedisError, OSError) as error:
            _asked_again_at = time.monotonic() + _LEFT_ALONE
            log.warning("rate limits are counted by each process for itself: %s", error)
    with _lock:
        if len(_own) > _KEPT:
            _own.clear()
        _own[current] = _own.get(current, 0) + count
        return _own[current], _own.get(before, 0)


def forget() -> None:
    """This process's own counts, and that Redis did not answer. For tests."""
    global _asked_again_at
    with _lock:
        _own.clear()
    _asked_again_at = 0.0
