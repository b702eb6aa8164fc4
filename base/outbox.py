"""How a lower room tells upper rooms what happened without calling up.

`publish("instance.drained", {...})` inside a transaction writes a row with the change itself; upper rooms
`subscribe` in their app's ready(). Delivery is at least once and in order of writing, by the job
`base.deliver_facts`, woken on commit and by the sweep. Handlers must be idempotent.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from base import jobs_by_name
from base.models import OutboxFact

log = logging.getLogger(__name__)
Handler = Callable[[Mapping[str, Any]], None]
_handlers: dict[str, list[Handler]] = defaultdict(list)


def subscribe(topic: str, handler: Handler) -> None:
    if handler not in _handlers[topic]:
        _handlers[topic].append(handler)


def publish(topic: str, payload: Mapping[str, Any]) -> None:
    """Write the fact in the current transaction; a topic nobody subscribed to costs nothing."""
    if not _handlers[topic]:
        return
    OutboxFact.objects.create(topic=topic, payload=dict(payload))
    jobs_by_name.send_on_commit("base.deliver_facts")


def deliver(limit: int = 200) -> int:
    """Hand pending facts to their subscribers; answers how many were delivered. A failing fact stays for the sweep."""
    delivered = 0
    for fact in OutboxFact.objects.all()[:limit]:
        try:
            with transaction.atomic():
                if not OutboxFact.objects.filter(pk=fact.pk).delete()[0]:
                    continue  # another worker took it
                for handler in _handlers[fact.topic]:
                    handler(fact.payload)
            delivered += 1
        except Exception:
            log.exception("fact %s could not be delivered", fact)
            OutboxFact.objects.filter(pk=fact.pk).update(attempts=fact.attempts + 1)
    return delivered
