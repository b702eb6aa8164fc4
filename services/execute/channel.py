"""What a terminal in a web process and the process that holds its command say to each other, over Redis.

Two lists a session, so that nothing is lost while one side is busy, and none can swell: `out` holds at most WINDOW
bytes that were not acknowledged, `in` at most MOST_WAITING messages. A message is one letter and what it carries. Both
sides give up when they hear nothing for SILENCE seconds: rows then say how it ended (services.execute.sessions).
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings

WAITING = "slipway:exec:waiting"
"""Ids of sessions that were opened and that no process holds yet."""
WINDOW = 256 * 1024
MOST_WAITING = 256
LARGEST = 64 * 1024
"""Bytes of one message of input."""
BEAT = 5.0
SILENCE = 30.0
KEPT = 120
"""Seconds after which the lists of a session that nobody touches are gone."""
_BLOCK = 1

# To the command.
DATA, RESIZE, ACKNOWLEDGE, PING, CLOSE = b"d", b"r", b"a", b"p", b"x"
# From it (DATA too).
OPENED, BEAT_OUT, ENDED = b"o", b"b", b"e"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended, for the terminal. `exit_code` None: it did not end by itself."""

    reason: str
    exit_code: int | None = None

    def packed(self) -> bytes:
        return ENDED + json.dumps({"reason": self.reason, "exitCode": self.exit_code}).encode()

    @classmethod
    def unpacked(cls, payload: bytes) -> Ending:
        found: dict[str, Any] = json.loads(payload)
        return cls(str(found["reason"]), found["exitCode"])


def list_in(session: str) -> str:
    return f"slipway:exec:{session}:in"


def list_out(session: str) -> str:
    return f"slipway:exec:{session}:out"


def size(columns: int, rows: int) -> bytes:
    return RESIZE + b"%dx%d" % (columns, rows)


def parsed_size(payload: bytes) -> tuple[int, int]:
    """Columns and rows, kept to what a terminal may have."""
    columns, _, rows = payload.partition(b"x")
    return _within(columns), _within(rows)


def _within(number: bytes) -> int:
    return max(1, min(int(number or 1), 1000))


def alive_key() -> str:
    """Set while a process on this host holds commands, or would."""
    return f"slipway:exec:alive:{socket.gethostname()}"


def connect() -> redis.Redis:
    """A client for the process that holds commands; waits for messages a second at a time."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_BLOCK + 5, socket_connect_timeout=5, health_check_interval=20
    )


def wait_for(client: redis.Redis, key: str) -> bytes | None:
    """The next message of a list; None after a second without one."""
    found = client.blpop([key], timeout=_BLOCK)
    return found[1] if found else None  # type: ignore[return-value, index]


def send(client: redis.Redis, key: str, *messages: bytes) -> None:
    pipe = client.pipeline(transaction=False)
    pipe.rpush(key, *messages)
    pipe.expire(key, KEPT)
    pipe.execute()
