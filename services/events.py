"""Service events: ECS's words, the newest 100 kept, repeats suppressed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

from base import clock
from services.models import Service, ServiceEvent

KEPT = 100


def announce(service: Service, *messages: str) -> None:
    """Write the messages as the service's newest events, in this order."""
    if not messages:
        return
    # Several in one moment still have an order: a microsecond each.
    now = clock.now()
    ServiceEvent.objects.bulk_create(
        ServiceEvent(
            service=service,
            event_id=uuid.uuid4(),
            message=message,
            created_at=now + timedelta(microseconds=i),
        )
        for i, message in enumerate(messages)
    )
    surplus = ServiceEvent.objects.filter(service=service).values_list("pk", flat=True)[KEPT:]
    ServiceEvent.objects.filter(pk__in=list(surplus)).delete()


def newest(service: Service, count: int = 20) -> tuple[str, ...]:
    """The newest messages, oldest first."""
    rows: Iterable[str] = ServiceEvent.objects.filter(service=service).values_list("message", flat=True)[
        :count
    ]
    return tuple(reversed(list(rows)))
