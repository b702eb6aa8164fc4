"""Telling open pages that something changed.

A topic is an opaque string (`service:default/web`, `task:<id>`, `instances`). Publishing carries no data: the
page fetches its fragment again, under its own permissions. A lost message costs a page its freshness until the
next one, never its truth.
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache

import redis
from django.conf import settings
from django.db import transaction

from base import clock

log = logging.getLogger(__name__)
CHANNEL = "slipway:live:"


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """One connection pool a process. Short time-outs: pages must never hold up the loop."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def publish(*topics: str) -> None:
    """Announce the topics once the current transaction has committed."""
    transaction.on_commit(lambda: _send(topics), robust=True)


def _send(topics: tuple[str, ...]) -> None:
    try:
        pipe = client().pipeline(transaction=False)
        for topic in dict.fromkeys(topics):
            pipe.publish(CHANNEL + topic, json.dumps({"topic": topic, "at": clock.now().isoformat()}))
        pipe.execute()
    except redis.RedisError as error:
        log.debug("no live update: %s", error)
