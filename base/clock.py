"""One place to ask the time, so that tests and simulations can set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """The current time, aware, UTC."""
    return _source() if _source is not None else datetime.now(UTC)


def moment(text: str) -> datetime:
    """Of a text as of ISO 8601; without an offset: UTC. A ValueError where it is none."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@contextmanager
def frozen_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Let `source` tell the time inside the block (tests, simulation)."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
