from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.server import WebServer


@pytest.fixture(scope="session")
def web_server() -> Iterator[WebServer]:
    """One running web process for the whole session, on SQLite, or on PostgreSQL where DATABASE_URL says so. Tests
    share it: each makes what it needs under names of its own."""
    server = WebServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()
