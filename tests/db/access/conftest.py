from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from access import registry
from access.caller import Caller
from access.identities.setup import ensure_ready_made
from access.models import Group, Policy, User
from base.clock import frozen_by


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """A user in the ready-made groups named, or in a group of its own with `statements` held to `scope`."""

    def make(
        username: str = "ana",
        *groups: str,
        statements: list[dict[str, Any]] | None = None,
        scope: tuple[str, ...] = (),
    ) -> User:
        ensure_ready_made()
        user = User.objects.create_user(username, "correct horse battery")
        for name in groups:
            Group.objects.get(name=name).members.add(user)
        if statements is not None:
            own = Group.objects.create(name=f"{username}-group", scope=list(scope))
            document = {"Version": "2012-10-17", "Statement": statements}
            own.policies.add(Policy.objects.create(name=f"{username}-policy", document=document))
            own.members.add(user)
        return user

    return make


@pytest.fixture
def caller_of(make_user: Callable[..., User]) -> Callable[..., Caller]:
    def make(*args: Any, **more: Any) -> Caller:
        return Caller.for_user(make_user(*args, **more), face="rest")

    return make


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Operations registered by a test are forgotten after it."""
    monkeypatch.setattr(registry, "_operations", dict(registry._operations))
    yield


@pytest.fixture
def clock() -> Iterator[Any]:
    from datetime import UTC, datetime, timedelta

    class Clock:
        moment = datetime(2026, 1, 1, tzinfo=UTC)

        def forward(self, **parts: float) -> None:
            self.moment += timedelta(**parts)

    one = Clock()
    with frozen_by(lambda: one.moment):
        yield one
