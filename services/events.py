"""Service events: ECS's words, the newest 100 kept, repeats suppressed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import lru_cache

from base import clock
from base.prepared import Given, Prepared
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
    surplus = _SURPLUS.all(service=service.pk)
    if surplus:
        ServiceEvent.objects.filter(pk__in=surplus).delete()


_SURPLUS: Prepared[int] = Prepared(
    lambda: ServiceEvent.objects.filter(service=Given("service")).values_list("pk", flat=True)[KEPT:]
)


def newest(service: Service, count: int = 20) -> tuple[str, ...]:
    """The newest messages, oldest first."""
    return tuple(reversed(_newest(count).all(service=service.pk)))


@lru_cache(maxsize=8)
def _newest(count: int) -> Prepared[str]:
    return Prepared(
        lambda: ServiceEvent.objects.filter(service=Given("service")).values_list("message", flat=True)[
            :count
        ]
    )
