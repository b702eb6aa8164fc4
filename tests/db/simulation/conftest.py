from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from base import clock, ids, jobs_by_name, live
from base.installation import installation_id
from clusters import engines
from clusters.engine.connect import register_scheme, unregister_scheme
from clusters.engine.fake_world import FakeClock
from clusters.operations import ensure_defaults
from services.control import effects, reconcile
from services.scheduler.plan import plan
from tests.db.simulation.haunted import Haunted
from tests.unit.scheduler.rules import check


def _dice(seed: int) -> SimpleNamespace:
    """In the place of `secrets`, so that ids and whatever is sorted by them replay."""
    dice = random.Random(seed)
    return SimpleNamespace(
        token_hex=lambda n: dice.randbytes(n).hex(),
        randbelow=dice.randrange,
        choice=dice.choice,
        token_urlsafe=lambda n: dice.randbytes(n).hex(),
    )


def _checked_plan(snapshot: Any, now: Any) -> Any:
    made = plan(snapshot, now)
    check(snapshot, made, now)
    return made


@pytest.fixture
def haunt(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Callable[[int, Callable[..., None]], Haunted]]:
    """Makes a Haunted world of a seed, with the cluster `default` and no engine yet."""
    settings.SLIPWAY_EXTRA_ENGINE_SCHEMES = frozenset({"fake"})
    time, statements = FakeClock(), ExitStack()

    def make(seed: int, say: Callable[..., None]) -> Haunted:
        made = Haunted(time, seed, say)
        monkeypatch.setattr(jobs_by_name, "send", made.send)
        monkeypatch.setattr(jobs_by_name, "send_on_commit", made.send)
        monkeypatch.setattr(jobs_by_name, "send_many_on_commit", made.send_many)
        monkeypatch.setattr(ids, "secrets", _dice(seed))
        monkeypatch.setattr(effects, "time", SimpleNamespace(monotonic=lambda: time.now().timestamp()))
        monkeypatch.setattr(reconcile, "plan", _checked_plan)
        installation_id.cache_clear()
        installation_id()  # drawn here and now, and not by whatever asks first
        made.forget_memory()
        register_scheme("fake", made.open)  # type: ignore[arg-type]
        ensure_defaults()
        made.at_base()
        statements.enter_context(connection.execute_wrapper(made.statement))
        return made

    monkeypatch.setattr(live, "_send", lambda topics: None)
    monkeypatch.setattr(engines, "_open", {})
    monkeypatch.setattr(effects, "_seen_images", {})
    monkeypatch.setattr(effects, "_known_networks", set())
    try:
        with statements, clock.frozen_by(time.now):
            yield make
    finally:
        unregister_scheme("fake")
        installation_id.cache_clear()
