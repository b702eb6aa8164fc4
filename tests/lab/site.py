"""An installation together with the engine it drives: what the tests of the control loop stand on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineError
from clusters.engine.port import LABEL_FAMILY, LABEL_REVISION, LABEL_ROLE, LABEL_TASK_ARN, ContainerState

from . import images
from .installation import Installation, until
from .leftovers import remove_all
from .remote import Remote

BREAKER = {"enable": True, "rollback": True}
LIMITS_OF_TIME = 180.0  # seconds; the machine may be busy


class Site:
    """`with Site(engine_url) as site:`; `site.remote` asks the installation, `site.engine` the engine."""

    def __init__(self, engine_url: str, environment: Mapping[str, str] | None = None) -> None:
        self.url = engine_url
        self.installation = Installation({"DOCKER_HOST": engine_url, **(environment or {})})

    def __enter__(self) -> Site:
        try:
            self.installation.start()
            self.remote = Remote(self.installation)
            self.engine = open_engine(self.url, self.remote.identity())
            until(
                lambda: [one for one in self.remote.instances() if one["connected"]],
                "the engine is connected",
            )
        except BaseException:
            self.installation.remove()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.installation.stop()
        self.remote.close()
        try:
            remove_all(self.engine)
        finally:
            self.engine.close()
            self.installation.remove()

    # ---- what is there ---------------------------------------------------------------------------

    def image(self, name: str) -> str:
        return images.ensure_image(self.engine, name)

    def containers(self, *, running: bool = True, detail: bool = False) -> list[ContainerState]:
        """Of tasks, without pause containers."""
        found = self.engine.list_containers({LABEL_ROLE: "container"}, detail=detail)
        return [one for one in found if one.status == "running" or not running]

    def deployed(self, service: str, seconds: float = LIMITS_OF_TIME) -> dict[str, Any]:
        """The service, once no deployment is in progress and it is steady."""

        def steady() -> dict[str, Any] | None:
            row: dict[str, Any] = self.remote.service(name=service)
            return row if not row["deploying"] and row["steady_since"] else None

        try:
            return dict(until(steady, f"{service} is steady", seconds, every=0.3))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story(service)}") from None

    def story(self, service: str) -> str:
        """What a person would look at when the service is not as it should be."""
        row = self.remote.service(name=service)
        lines = [f"{name}: {value}" for name, value in row.items() if name != "events"]
        for task in self.remote.tasks(service=service):
            names = ("definition", "status", "desired_status", "stop_code", "failed", "stopped_reason")
            lines.append(f"task {task['id'][:8]} " + " ".join(str(task[name]) for name in names))
        return "\n".join([*lines, *row["events"][-20:], self.installation.said()[-6000:]])

    def tasks(self, service: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        return [task for task in self.remote.tasks(service=service) if task["status"] == status]

    def orphans(self) -> list[str]:
        """Containers of ours without a live task that knows them."""
        live = {task["arn"] for task in self.remote.live_tasks()}
        found = self.engine.list_containers(detail=False)
        return [one.name for one in found if one.labels.get(LABEL_TASK_ARN) not in live]

    def run(
        self, document: Mapping[str, Any], seconds: float = 60.0, status: str = "RUNNING"
    ) -> dict[str, Any]:
        """Register and run one standalone task; the task once it has that status."""
        definition = self.remote.register(document=document)
        started = self.remote.run_task(task_definition=definition)
        assert started["failures"] == [], started["failures"]
        return self.task(started["tasks"][0], status, seconds)

    def task(self, task_id: str, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """The task, once it has that status (or has gone past it: then an AssertionError with its story)."""

        def there() -> dict[str, Any] | None:
            row: dict[str, Any] = self.remote.tasks(ids=[task_id])[0]
            assert row["status"] != "STOPPED" or status == "STOPPED", row
            return row if row["status"] == status else None

        return dict(until(there, f"task {task_id} is {status}", seconds, every=0.2))


def container(name: str, image: str, **more: Any) -> dict[str, Any]:
    """A container definition: small, and quick to stop."""
    return {"name": name, "image": image, "memory": 16, "cpu": 0, "stopTimeout": 2, **more}


def definition(family: str, *containers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"family": family, "containerDefinitions": list(containers), **more}


# ---- watching the safety rules -------------------------------------------------------------------


@dataclass
class Sample:
    """One look: rows and engine. `engine` None: it did not answer."""

    at: float
    rows: dict[str, int]
    engine: tuple[ContainerState, ...] | None

    @property
    def running(self) -> int | None:
        return None if self.engine is None else len(self.engine)


@dataclass
class Sampler:
    """Looks at a service's tasks in rows and engine all the time, in a thread and with connections of its own.

    `healthy(container)`: whether the engine shows it as one that serves.
    """

    site: Site
    service: str
    checks_health: bool
    family: str
    steady: float = 40.0
    healthy: Callable[[ContainerState], bool] = lambda state: True
    every: float = 0.15
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Sampler:
        self._remote = Remote(self.site.installation)
        self._engine = open_engine(self.site.url, self.site.engine.installation, timeout=5)
        self._stopping = threading.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        # Its process takes seconds to start: nothing is to happen unseen meanwhile.
        until(lambda: self.samples or self._trouble, "the first look")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._remote.close()
        self._engine.close()
        if self._trouble is not None and error is None:
            raise self._trouble

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self.every):
                rows = self._remote.standing(
                    service=self.service, checks_health=self.checks_health, steady=self.steady
                )
                self.samples.append(Sample(time.monotonic(), rows, self._look()))
        except BaseException as error:
            self._trouble = error

    def _look(self) -> tuple[ContainerState, ...] | None:
        try:
            found = self._engine.list_containers(
                {LABEL_FAMILY: self.family, LABEL_ROLE: "container"}, detail=False
            )
        except EngineError:
            return None
        return tuple(one for one in found if one.status == "running")

    # ---- what was seen -----------------------------------------------------------------------------

    def most(self) -> tuple[int, int]:
        """The most tasks at once: by rows, by the engine's running containers."""
        seen = [sample.running for sample in self.samples if sample.running is not None]
        return max(sample.rows["live"] for sample in self.samples), max(seen)

    def least_healthy(self, until: float | None = None) -> tuple[int, int]:
        """The fewest healthy tasks at once: by rows, by the engine."""
        looked = [one for one in self.samples if one.engine is not None and (until is None or one.at < until)]
        rows = min(sample.rows["healthy"] for sample in looked)
        return rows, min(sum(1 for c in sample.engine or () if self.healthy(c)) for sample in looked)

    def by_revision(self) -> Sequence[dict[str, int]]:
        """Running containers by revision number, look by look."""
        found = []
        for sample in self.samples:
            count: dict[str, int] = {}
            for one in sample.engine or ():
                count[one.labels[LABEL_REVISION]] = count.get(one.labels[LABEL_REVISION], 0) + 1
            found.append(count)
        return found
