from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.identities.setup import ensure_ready_made
from access.models import Group, User
from base import jobs_by_name, live
from services.models import Deployment, Service, ServiceRevision, Task, TaskDefinition, TaskSet
from tests.db.web.access_scene import scene  # noqa: F401 (a fixture)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Jobs that were sent, instead of a broker; pages are told of nothing."""
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(jobs_by_name, "send", lambda name, *args, delay=0.0: sent.append((name, *args)))
    monkeypatch.setattr(live, "_send", lambda topics: None)
    return sent


@dataclass
class Reader:
    """A person's browser."""

    client: Client
    user: User
    seen: list[int] = field(default_factory=list)

    def text(self, path: str, status: int = 200, **headers: str) -> str:
        """The page's HTML, white space joined."""
        cache.clear()
        response = self.client.get(path, headers=headers or None)
        assert response.status_code == status, response.content[:3000]
        return _joined(response.content.decode())

    def queries(self, path: str) -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as made:
            response = self.client.get(path)
        assert response.status_code == 200
        return len(made)

    def post(self, path: str, status: int = 302, **data: Any) -> str:
        response = self.client.post(path, data)
        assert response.status_code == status, _joined(response.content.decode())[:3000]
        return response["Location"] if status == 302 else _joined(response.content.decode())


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def reader(db: None, jobs: object) -> Callable[..., Reader]:
    """reader("read-only"): somebody of that group, signed in."""

    def make(*groups: str) -> Reader:
        ensure_ready_made()
        user = User.objects.create_user(f"user-{User.objects.count()}")
        for group in groups:
            Group.objects.get(name=group).members.add(user)
        client = Client()
        client.force_login(user)
        return Reader(client, user)

    return make


@pytest.fixture
def rows() -> Callable[[], list[Any]]:
    """All rows a console write could touch, to compare before and after."""

    def snapshot() -> list[Any]:
        models = (Service, ServiceRevision, Deployment, Task, TaskDefinition, TaskSet)
        return [list(model.objects.order_by("pk").values()) for model in models]

    return snapshot
