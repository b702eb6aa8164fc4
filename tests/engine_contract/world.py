"""Where a contract case runs: on the fake engine with a fake clock, or on a real one.

The cases only speak to `World`. What the two worlds do differently is here: how time passes, where
images come from, and how an engine is made to fail.
"""

from __future__ import annotations

import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from clusters.engine.errors import EngineTimeout, PullFailed
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.engine.fake_world import FakeClock
from clusters.engine.port import ContainerSpec, Engine, EngineEvent, HealthCheck
from tests.lab import images
from tests.lab.leftovers import remove_all

FAST_CHECK = HealthCheck(images.HEALTH_CHECK, interval=1, timeout=5, retries=2)


class World(ABC):
    """`engine` is ours; `stranger` is another installation's connection to the same engine."""

    engine: Engine
    stranger: Engine
    engine_has_a_shell = True
    """The fake's shell knows a few words only: clusters/engine/fake_exec.py."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._numbers = itertools.count(1)

    # building ------------------------------------------------------------------------------------

    def name(self) -> str:
        return f"{self.prefix}-{next(self._numbers)}"

    def image(self, name: str) -> str:
        return images.reference(name)

    def spec(self, image: str = "idle", **fields: Any) -> ContainerSpec:
        fields.setdefault("name", self.name())
        fields.setdefault("labels", {})
        return ContainerSpec(image=self.image(image) if image in images.IMAGES else image, **fields)

    def created(self, image: str = "idle", **fields: Any) -> str:
        return self.engine.create_container(self.spec(image, **fields))

    def running(self, image: str = "idle", **fields: Any) -> str:
        container_id = self.created(image, **fields)
        self.engine.start_container(container_id)
        return container_id

    def foreign(self) -> str:
        """A running container of the other installation."""
        container_id = self.stranger.create_container(self.spec())
        self.stranger.start_container(container_id)
        return container_id

    # looking -------------------------------------------------------------------------------------

    def state(self, container_id: str) -> Any:
        found = self.engine.inspect_container(container_id)
        assert found is not None, f"{container_id} is gone"
        return found

    def until(self, happened: Callable[[], bool], within: float, what: str) -> None:
        """Let time pass until it has happened."""
        waited = 0.0
        while not happened():
            assert waited < within, f"not within {within} s: {what}"
            self.wait(0.1)
            waited += 0.1

    def ended(self, container_id: str, within: float = 10) -> Any:
        self.until(lambda: self.state(container_id).status == "exited", within, "the container ends")
        return self.state(container_id)

    def collect(self, events: Iterator[EngineEvent], count: int, within: float = 10) -> list[EngineEvent]:
        """The next `count` events of a stream that blocks."""
        found: list[EngineEvent] = []
        reader = threading.Thread(target=lambda: found.extend(itertools.islice(events, count)), daemon=True)
        reader.start()
        deadline = time.monotonic() + within
        while reader.is_alive() and time.monotonic() < deadline:
            reader.join(0.05)
        assert len(found) == count, f"wanted {count} events, saw {[event.action for event in found]}"
        return found

    # what the worlds do differently ----------------------------------------------------------------

    @abstractmethod
    def wait(self, seconds: float) -> None: ...

    @abstractmethod
    def now_monotonic(self) -> float:
        """The world's own clock, in seconds, for measuring durations."""

    @abstractmethod
    def published(self, image: str, *, closed: bool = False) -> str:
        """A reference to pull; `closed`: with CREDENTIALS only."""

    @abstractmethod
    def tagged(self, image_id: str) -> str:
        """A further name that somebody gave this image."""

    @abstractmethod
    def unknown_reference(self) -> str:
        """In a registry that answers, but has no such image."""

    @abstractmethod
    def unreachable_registry(self) -> str:
        """A reference in a registry that does not answer."""

    @abstractmethod
    def nowhere(self) -> Engine:
        """An engine that does not answer at all."""

    @abstractmethod
    def silent(self) -> AbstractContextManager[Engine]:
        """An engine that takes requests and never answers."""

    @abstractmethod
    def hasty(self, operation: str) -> AbstractContextManager[Engine]:
        """Our engine, but the answer to `operation` comes too late: the effect happens, unseen."""

    @abstractmethod
    def another_connection(self) -> Engine:
        """A further connection of our own installation, as another process has."""

    def clean(self) -> None:
        """Remove what the case left behind."""
        for engine in (self.engine, self.stranger):
            remove_all(engine)


CREDENTIALS = ("puller", "pull-secret")


class FakeWorld(World):
    engine_has_a_shell = False

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.clock = FakeClock()
        self.host = FakeHost(clock=self.clock)
        images.add_to_fake(self.host)
        for image in images.IMAGES.values():
            self.host.behave(image.reference, replace(image.behaviour, commands=_COMMANDS))
        self.engine = FakeEngine(self.host, "ours")
        self.stranger = FakeEngine(self.host, "theirs")

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def now_monotonic(self) -> float:
        return self.clock.now().timestamp()

    def published(self, image: str, *, closed: bool = False) -> str:
        reference = f"registry.test:5000/{self.name()}:v1"
        self.host.publish(reference, images.IMAGES[image].behaviour, auth=CREDENTIALS if closed else None)
        return reference

    def tagged(self, image_id: str) -> str:
        key = f"slipway-lab/also:{self.name().lower()}"
        info = self.host.by_id()[image_id]
        self.host.images[key] = replace(info, tags=(key,), repo_digests=())
        return key

    def unknown_reference(self) -> str:
        return "registry.test:5000/unknown:v1"

    def unreachable_registry(self) -> str:
        self.host.publish("dead.test:5000/x:v1", error=PullFailed("dial tcp: connection refused"))
        return "dead.test:5000/x:v1"

    def nowhere(self) -> Engine:
        host = FakeHost(clock=self.clock, name="nowhere")
        host.go_down()
        return FakeEngine(host, "ours")

    @contextmanager
    def silent(self) -> Iterator[Engine]:
        host = FakeHost(clock=self.clock, name="silent")
        host.fail("*", EngineTimeout("no answer in time"), times=None, delay=1)
        yield FakeEngine(host, "ours")

    @contextmanager
    def hasty(self, operation: str) -> Iterator[Engine]:
        self.host.fail(operation, EngineTimeout("no answer in time"), after_effect=True)
        yield self.engine

    def another_connection(self) -> Engine:
        return FakeEngine(self.host, "ours")


_COMMANDS = {
    images.EXEC_BOTH: (7, "out\n"),
    ("sleep", "5"): EngineTimeout("'sleep 5' did not end in time."),
}
