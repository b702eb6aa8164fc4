"""One place to ask the time, so that tests and simulations can set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """The current time, aware, UTC."""
    return _source() if _source is not None else datetime.now(UTC)


@contextmanager
def frozen_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Let `source` tell the time inside the block (tests, simulation)."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
