"""The control loop's World with ghosts in it: workers that die at any statement and any engine call, jobs that run in
the middle of others, messages that come late, twice or never.

A worker that is killed does nothing more: not one statement of its `finally`, no message, no engine call. What its
open transaction had written is gone, what was committed or done on an engine stays, and its memory is forgotten.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection

from clusters import engines
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_world import FakeClock
from services.control import effects, sweep
from tests.db.control.world import JOBS, World

_ALWAYS = ("SAVEPOINT", "ROLLBACK", "RELEASE")
_DEEPEST = 3  # jobs within jobs


class Killed(BaseException):
    """The process is dead. No code of its own gets to see more than that."""


class HauntedEngine:
    """A FakeEngine each of whose calls is a point where a worker may die, time pass, or another job run."""

    def __init__(self, world: Haunted, engine: FakeEngine) -> None:
        self._world = world
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._engine, name)
        if not callable(attribute) or name in ("close", "advance"):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            self._world.between_steps(f"before {name}")
            answer = attribute(*args, **kwargs)
            self._world.between_steps(f"after {name}")
            return answer

        return call


class Haunted(World):
    """Chances are shares of 1, and 0 in calm weather."""

    def __init__(self, clock: FakeClock, seed: int, say: Callable[..., None]) -> None:
        super().__init__(clock)
        self.random = random.Random(seed)
        self.say = say
        self.lost = self.doubled = self.dying = self.stalling = self.weaving = 0.0
        self.deaths: list[str] = []
        self.woven = self.took_over = 0
        self.after_step: Callable[[], None] = lambda: None
        self._running: list[bool] = []  # jobs within jobs: whether each one's worker is dead
        self._transactions = 0

    def open(self, url: str, installation: str) -> Any:
        return HauntedEngine(self, super().open(url, installation))

    # ---- messages --------------------------------------------------------------------------------

    def send(self, name: str, *args: object, delay: float = 0.0) -> None:
        """Late, out of order, perhaps lost or twice."""
        self._if_alive()
        if self.losing(name) or self.random.random() < self.lost:
            return
        for _ in range(2 if self.random.random() < self.doubled else 1):
            late = self.random.choice([0.0, 0.0, 0.05, 0.4])
            due = self.clock.now() + timedelta(seconds=delay + late)
            heapq.heappush(self._queue, (due, next(self._order), name, args))

    # ---- killing ---------------------------------------------------------------------------------

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Around every statement (connection.execute_wrapper)."""
        if not self._running or sql.startswith(_ALWAYS):
            return execute(sql, params, many, context)
        self._maybe_die(sql[:40])
        answer = execute(sql, params, many, context)
        self._maybe_die(f"after {sql[:40]}")
        return answer

    def _if_alive(self) -> None:
        if self._running and self._running[-1]:
            raise Killed("dead already")

    def _maybe_die(self, where: str) -> None:
        self._if_alive()
        if self.random.random() < self.dying:
            self.deaths.append(where)
            self.say("      killed", where)
            self._running[-1] = True
            raise Killed(where)

    def between_steps(self, where: str) -> None:
        """At an engine call, where no transaction may be open: time passes, other jobs run, workers die."""
        assert len(connection.savepoint_ids) == self._transactions, f"a transaction is open {where}"
        if not self._running:
            return
        self._maybe_die(where)
        if self.random.random() < self.stalling:
            self.clock.advance(self.random.choice([1, 8, 25, 45]))
        if self.random.random() < self.weaving and len(self._running) < _DEEPEST:
            self._weave()
        self._if_alive()

    def _weave(self) -> None:
        """Another worker's job, from beginning to end, between two steps of this one."""
        if self._queue and self._queue[0][0] <= self.clock.now():
            _, _, name, args = heapq.heappop(self._queue)
            self.woven += 1
            self.job(name, *args)

    @contextmanager
    def process(self) -> Iterator[None]:
        """What runs inside may be killed; then it is over, and its memory gone."""
        self._running.append(False)
        try:
            yield
        except Killed:
            self.forget_memory()
            self._revive_connection()
        finally:
            self._running.pop()

    def _revive_connection(self) -> None:
        """A bulk_create outside of any transaction has one of its own, which here is the test's: Django would not go on
        with that. That the worker died once its one statement was committed is as good a story."""
        if len(connection.savepoint_ids) == self._transactions:
            connection.needs_rollback = False

    def forget_memory(self) -> None:
        engines._open.clear()
        effects._seen_images.clear()
        effects._known_networks.clear()

    def job(self, name: str, *args: object) -> None:
        self.job_log.append((name, args))
        self.say("    ", name, *args)
        before = len(self.deaths)
        with self.process():
            JOBS[name](*args)
        self._stepped()
        # A worker started again in its place takes over what it held; only where no other one of its name runs.
        if len(self.deaths) > before and not self._running and self.random.random() < 0.5:
            self.took_over += 1
            with self.process():
                sweep.take_over()

    def _stepped(self) -> None:
        """Whoever looks on is no worker, and is not killed."""
        running, self._running = self._running, []
        try:
            self.after_step()
        finally:
            self._running = running

    # ---- in the place of World's own --------------------------------------------------------------

    def _pump_events(self) -> bool:
        worked = False
        with self.process():
            worked = super()._pump_events()
        if worked:
            self._stepped()
        return worked

    def _sweep(self) -> None:
        self._next_sweep = self.clock.now() + timedelta(seconds=self.sweep_every)
        with self.process():
            sweep.sweep()

    def at_base(self) -> None:
        """Remember how deep the test's own transaction is."""
        self._transactions = len(connection.savepoint_ids)
