from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from base import clock, jobs_by_name, live
from clusters import engines
from clusters.engine.connect import register_scheme, unregister_scheme
from clusters.engine.fake_world import FakeClock
from clusters.operations import ensure_defaults
from services.control import effects

from .world import World


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[World]:
    """A World with the cluster `default` and no engine yet. The test's own transaction never commits, so what is to be
    sent on commit is queued at once; the queue is worked off only after the operation has returned anyway."""
    settings.SLIPWAY_EXTRA_ENGINE_SCHEMES = frozenset({"fake"})
    made = World(FakeClock())
    monkeypatch.setattr(jobs_by_name, "send", made.send)
    monkeypatch.setattr(jobs_by_name, "send_on_commit", made.send)
    monkeypatch.setattr(jobs_by_name, "send_many_on_commit", made.send_many)
    monkeypatch.setattr(live, "_send", lambda topics: None)
    monkeypatch.setattr(engines, "_open", {})
    monkeypatch.setattr(effects, "_seen_images", {})
    monkeypatch.setattr(effects, "_known_networks", set())
    register_scheme("fake", made.open)
    try:
        with clock.frozen_by(made.clock.now):
            ensure_defaults()
            yield made
    finally:
        unregister_scheme("fake")
