"""The machine's own Docker Engine for tests. Without one these tests fail: they are never skipped.

Each test process is an installation of its own, so that several may run on one engine, and removes
at its end what carries its label, and nothing else.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.port import Engine
from tests.lab import images
from tests.lab.leftovers import remove_all
from tests.lab.tasks import TaskLab, task_lab


@pytest.fixture(scope="session")
def engine_url() -> str:
    return os.environ.get("SLIPWAY_TEST_ENGINE", "unix:///var/run/docker.sock")


@pytest.fixture(scope="session")
def installation() -> str:
    return f"test-{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="session")
def engine(engine_url: str, installation: str) -> Iterator[Engine]:
    """One connection for the session; what it owns is removed at the end."""
    connection = open_engine(engine_url, installation)
    connection.ping()
    yield connection
    remove_all(connection)
    connection.close()


@pytest.fixture(scope="session")
def lab_images(engine: Engine) -> None:
    """All of tests.lab.images on the engine."""
    images.ensure_all(engine)


@pytest.fixture
def lab(engine_url: str, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLab]:
    """Tasks on the engine, driven in this process."""
    with task_lab(engine_url, monkeypatch) as made:
        yield made
