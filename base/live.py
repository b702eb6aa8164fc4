"""Telling open pages that something changed.

A topic is an opaque string (`service:default/web`, `task:<id>`, `instances`). Publishing carries no data: the
page fetches its fragment again, under its own permissions. A lost message costs a page its freshness until the
next one, never its truth. So nobody waits for Redis: a thread of each process takes what was said in the last few
milliseconds and sends it as one message. Where much happens there is one every tenth of a second, which eyes do not
see: hundreds a second would keep Redis and every process that listens busy.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import threading
import time
from functools import lru_cache

import redis
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)
CHANNEL = "slipway:live"
"""A message on it is the JSON list of the topics that changed."""

# Seconds: before what is said after a pause is sent, and between two messages.
_GATHER, _APART = 0.005, 0.1
_MOST_WAITING = 20_000
"""Topics kept while Redis does not answer: beyond them pages are not told, which a lost Redis costs them anyway."""


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """One connection pool a process. Short time-outs: pages must never hold up the loop."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def publish(*topics: str) -> None:
    """Announce the topics once the current transaction has committed."""
    transaction.on_commit(lambda: _send(topics), robust=True)


class _Sender:
    """The thread that sends, begun by the first topic."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    def add(self, topics: tuple[str, ...]) -> None:
        with self._lock:
            sleeps = not self._waiting
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.update(dict.fromkeys(topics))
            self._idle.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        if sleeps:
            self._wake.set()

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all that was said so far has gone out, or could not."""
        self._idle.wait(seconds)

    def _run(self) -> None:
        sent = -math.inf
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(max(_GATHER, sent + _APART - time.monotonic()))
            with self._lock:
                topics, self._waiting = list(self._waiting), {}
            if topics:
                _deliver(topics)
                sent = time.monotonic()
            with self._lock:
                if not self._waiting:
                    self._idle.set()


def _deliver(topics: list[str]) -> None:
    try:
        client().publish(CHANNEL, json.dumps(topics))
    except redis.RedisError as error:
        log.debug("no live update: %s", error)


_sender = _Sender()


def _send(topics: tuple[str, ...]) -> None:
    _sender.add(topics)


def _begin_anew() -> None:
    """A forked process has none of its parent's threads."""
    global _sender
    _sender = _Sender()


os.register_at_fork(after_in_child=_begin_anew)
# A command that ends at once has its pages told all the same.
atexit.register(lambda: _sender.flush())
