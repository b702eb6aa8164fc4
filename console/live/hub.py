"""One subscription to Redis per web process, shared by every open page of it.

A page is a Listener: a set of topics and those of them that changed since it was last told. Events that come faster
than a page takes them fall together, so nothing can pile up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

import redis.asyncio as redis
from django.conf import settings
from redis.exceptions import RedisError

from base.live import CHANNEL

log = logging.getLogger(__name__)
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
LINGER = 20.0
"""Seconds the subscription outlives its last listener."""


class Listener:
    """What one stream waits for. `state`: True while the hub hears Redis, None before it is known."""

    def __init__(self, topics: Iterable[str], state: bool | None) -> None:
        self.topics = frozenset(topics)
        self.changed: set[str] = set()
        self.state = state
        self.wake = asyncio.Event()

    def take(self) -> list[str]:
        found, self.changed = sorted(self.changed), set()
        return found


class Hub:
    """Runs while there are listeners."""

    def __init__(self) -> None:
        self._by_topic: dict[str, set[Listener]] = defaultdict(set)
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.connected: bool | None = None

    @contextlib.contextmanager
    def listen(self, topics: Iterable[str]) -> Iterator[Listener]:
        listener = Listener(topics, self.connected)
        self._listeners.add(listener)
        for topic in listener.topics:
            self._by_topic[topic].add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            for topic in listener.topics:
                self._by_topic[topic].discard(listener)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]
            if not self._listeners:
                # People walk from page to page: the next one listens in a moment.
                asyncio.get_running_loop().call_later(LINGER, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        if self._listeners or self._task is None:
            return
        task, self._task, self.connected = self._task, None, None
        # The loop holds tasks weakly: one that is being cancelled must not be collected before it has ended.
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()

    async def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                async with (
                    redis.from_url(
                        settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=20
                    ) as client,
                    client.pubsub(ignore_subscribe_messages=False) as pubsub,
                ):
                    await pubsub.subscribe(CHANNEL)
                    async with contextlib.aclosing(pubsub.listen()) as messages:
                        async for message in messages:
                            if message["type"] == "subscribe":
                                # Only now is anything heard: what changed before is for the pages to fetch.
                                self._tell_state(True)
                                wait = _FIRST_WAIT
                            elif message["type"] == "message":
                                self._tell(message["data"])
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("live pages: Redis is not heard (%s); trying again in %.1f s", error, wait)
            self._tell_state(False)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _tell(self, data: bytes | str) -> None:
        for topic in json.loads(data):
            for listener in self._by_topic.get(topic, ()):
                listener.changed.add(topic)
                listener.wake.set()

    def _tell_state(self, connected: bool) -> None:
        self.connected = connected
        for listener in self._listeners:
            listener.state = connected
            listener.wake.set()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
