"""A Docker host in memory: its containers, images, networks and ports, and what happens in time.

`FakeEngine` (fake.py) is a client of it; several may share one host, as installations share an
engine. All is deterministic: ids are counted, addresses and ports are handed out in order, and
what is due happens at its exact time, in order, whenever the host is next looked at.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from .errors import EngineError, EngineUnavailable, StartFailed
from .fake_images import FakeImages
from .fake_network import FakeNetwork
from .fake_world import Behaviour, Call, Clock, FakeClock, Fault, SystemClock
from .port import (
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    EngineEvent,
    HealthStatus,
    LogLine,
    PortBinding,
)
from .refusals import start_refusal

LOG_DRIVERS = ("awslogs", "fluentd", "gelf", "journald", "json-file", "local", "splunk", "syslog")
_KEPT_EVENTS = 256  # as the real engine


@dataclass(slots=True)
class FakeContainer:
    id: str
    spec: ContainerSpec
    labels: Mapping[str, str]
    image_id: str
    behaviour: Behaviour
    created_at: datetime
    status: ContainerStatus = "created"
    health: HealthStatus = "NONE"
    health_output: str = ""
    failing_streak: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    pid: int = 0
    addresses: dict[str, str] = field(default_factory=dict)
    ports: tuple[PortBinding, ...] = ()
    logs: list[LogLine] = field(default_factory=list)
    run: int = 0  # counts starts: what was due for an earlier run is void

    def state(self) -> ContainerState:
        return ContainerState(
            id=self.id,
            name=self.spec.name,
            labels=dict(self.labels),
            image=self.spec.image,
            image_id=self.image_id,
            status=self.status,
            health=self.health,
            health_output=self.health_output,
            failing_streak=self.failing_streak,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            error=self.error,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            pid=self.pid,
            ip_addresses=dict(self.addresses),
            ports=self.ports,
            stop_signal=self.behaviour.stop_signal,
        )


class FakeHost(FakeImages):
    """Set it up with add_image, publish, occupy_port; trouble it with fail, go_down, restart, end_container."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        name: str = "fake-host",
        cpu: int = 2048,
        memory: int = 8192,
        any_image: bool = False,
        gpus: Iterable[str] = (),
    ) -> None:
        super().__init__(clock or SystemClock(), any_image=any_image)
        self.name = name
        self.cpu = cpu
        self.memory = memory
        self.gpus = tuple(gpus)
        self.log_drivers = LOG_DRIVERS
        self.reachable = True
        self.changed = threading.Condition(self.lock)
        self.containers: dict[str, FakeContainer] = {}
        self.network = FakeNetwork()
        self.volumes: dict[str, dict[str, str]] = {}
        self.history: deque[tuple[int, EngineEvent]] = deque(maxlen=_KEPT_EVENTS)
        self.calls: deque[Call] = deque(maxlen=100_000)
        self.choose_behaviour: Callable[[ContainerSpec], Behaviour | None] | None = None
        self._faults: list[Fault] = []
        self._due: list[tuple[datetime, int, str, str, int]] = []
        self._counter = itertools.count(1)
        self._event_numbers = itertools.count(1)
        if isinstance(self.clock, FakeClock):
            self.clock.listen(self.settle)

    # setting it up ---------------------------------------------------------------------------

    def occupy_port(self, port: int, protocol: str = "tcp") -> None:
        """Something else on the host listens there."""
        self.network.occupied.add((port, protocol))

    def free_port(self, port: int, protocol: str = "tcp") -> None:
        self.network.occupied.discard((port, protocol))

    # trouble -----------------------------------------------------------------------------------

    def fail(
        self,
        operation: str,
        error: EngineError | None = None,
        *,
        times: int | None = 1,
        after_effect: bool = False,
        delay: float = 0.0,
    ) -> Fault:
        """See Fault; `operation` is a method's name or "*". Lift it with `lift`."""
        fault = Fault(operation, error, times, after_effect, delay)
        with self.lock:
            self._faults.append(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        with self.lock:
            self._faults.remove(fault)

    def next_fault(self, operation: str) -> Fault | None:
        with self.lock:
            for fault in self._faults:
                if fault.takes(operation):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
            return None

    def go_down(self) -> None:
        """Unreachable: containers live on, nobody can ask, streams end."""
        with self.changed:
            self.reachable = False
            self.changed.notify_all()

    def come_back(self) -> None:
        with self.changed:
            self.reachable = True
            self.changed.notify_all()

    def restart(self) -> None:
        """The engine is killed and starts again: its containers have ended with 137, unseen."""
        with self.changed:
            self.settle()
            for container in self.containers.values():
                if container.status == "running":
                    self._end(container, 137, self.clock.now())
            self.history.clear()
            self.changed.notify_all()

    def end_container(self, id_or_name: str, exit_code: int, *, oom: bool = False) -> None:
        """Its process ends now by itself."""
        with self.lock:
            container = self.find(id_or_name)
            if container is None or container.status != "running":
                raise ValueError(f"{id_or_name} does not run")
            self.finish(container, exit_code, self.clock.now(), oom=oom)

    def say(self, id_or_name: str, message: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """It writes a line."""
        with self.lock:
            container = self.find(id_or_name)
            if container is None:
                raise ValueError(f"no container {id_or_name}")
            container.logs.append(LogLine(self.clock.now(), stream, message))

    # time --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let all that is due by now happen, each at its own time."""
        with self.changed:
            now = self.clock.now()
            while self._due and self._due[0][0] <= now:
                moment, _, what, container_id, run = heapq.heappop(self._due)
                container = self.containers.get(container_id)
                if container is None or container.run != run or container.status != "running":
                    continue
                behaviour = container.behaviour
                if what == "probe":
                    self._probe(container, moment)
                else:
                    code = behaviour.stop_code if what == "stop" else behaviour.exit_code
                    self.finish(container, code, moment, oom=what == "oom")

    def next_due(self) -> datetime | None:
        with self.lock:
            return self._due[0][0] if self._due else None

    # what the engine does ------------------------------------------------------------------------

    def find(self, id_or_name: str) -> FakeContainer | None:
        """By id, by name, or by the first digits of an id."""
        if (exact := self.containers.get(id_or_name)) is not None:
            return exact
        for container in self.containers.values():
            if container.spec.name == id_or_name.lstrip("/"):
                return container
        beginning = [one for one in self.containers.values() if id_or_name and one.id.startswith(id_or_name)]
        return beginning[0] if len(beginning) == 1 else None

    def _give_gpus(self, spec: ContainerSpec) -> None:
        """The words of an engine without NVIDIA's runtime, and of the runtime for an id it does not know."""
        if spec.gpus and not self.gpus:
            message = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
            raise start_refusal("", 500, message)
        for gpu in spec.gpus:
            if gpu not in self.gpus:
                raise StartFailed(f"nvidia-container-cli: device error: {gpu}: unknown device: unknown")

    def _uses(self, image_id: str) -> bool:
        return any(container.image_id == image_id for container in self.containers.values())

    def new_id(self, kind: str) -> str:
        return self.hex_of(kind, str(next(self._counter)))

    def hex_of(self, kind: str, what: str) -> str:
        return hashlib.sha256(f"{self.name}/{kind}/{what}".encode()).hexdigest()

    def start(self, container: FakeContainer) -> None:
        """Raises StartFailed or PortConflict, and leaves the reason in the container, as the engine does."""
        try:
            addresses = self._join_network(container)
            self._give_gpus(container.spec)
            if container.behaviour.start_error:
                raise StartFailed(container.behaviour.start_error)
            ports = self.network.bind(
                container.spec, [port for other in self.containers.values() for port in other.ports]
            )
        except EngineError as error:
            container.error = str(error)
            raise
        now = self.clock.now()
        container.run += 1
        container.status, container.started_at, container.finished_at = "running", now, None
        container.exit_code, container.error, container.oom_killed = None, "", False
        container.addresses, container.ports = addresses, ports
        container.pid = 1000 + next(self._counter)
        container.failing_streak, container.health_output = 0, ""
        self._schedule_life(container, now)
        container.logs.extend(LogLine(now, stream, text) for stream, text in container.behaviour.output)
        self.emit(container, "start", now)

    def finish(
        self, container: FakeContainer, exit_code: int, moment: datetime, *, oom: bool = False
    ) -> None:
        """Its process ends: the state changes and the events are told."""
        if oom:
            self.emit(container, "oom", moment)
        self._end(container, 137 if oom else exit_code, moment)
        container.oom_killed = oom
        self.emit(container, "die", moment, exit_code=container.exit_code)

    def emit(
        self,
        container: FakeContainer,
        action: str,
        moment: datetime,
        *,
        exit_code: int | None = None,
        health: HealthStatus | None = None,
    ) -> None:
        event = EngineEvent(
            moment, action, container.id, container.spec.name, dict(container.labels), exit_code, health
        )
        with self.changed:
            self.history.append((next(self._event_numbers), event))
            self.changed.notify_all()

    def require_reachable(self) -> None:
        if not self.reachable:
            raise EngineUnavailable(f"The engine {self.name} did not answer.")

    def _end(self, container: FakeContainer, exit_code: int, moment: datetime) -> None:
        container.status, container.finished_at, container.exit_code = "exited", moment, exit_code
        container.pid, container.ports, container.addresses = 0, (), {}
        if container.health != "NONE":
            container.health = "UNHEALTHY"  # as the real engine, once it stops probing; without an event

    def _schedule_life(self, container: FakeContainer, now: datetime) -> None:
        behaviour, limit = container.behaviour, container.spec.memory_limit
        if limit is not None and behaviour.memory > limit:
            self.schedule(now + timedelta(seconds=behaviour.exits_after or 0.1), "oom", container)
        elif behaviour.exits_after is not None:
            self.schedule(now + timedelta(seconds=behaviour.exits_after), "exit", container)
        check = container.spec.health_check
        container.health = "NONE"
        if check is not None and check.test[0] != "NONE":
            container.health = "STARTING"
            self.schedule(now + timedelta(seconds=check.interval), "probe", container)

    def schedule(self, moment: datetime, what: str, container: FakeContainer) -> None:
        """`what`: exit, oom, stop or probe; void once the container has ended."""
        heapq.heappush(self._due, (moment, next(self._counter), what, container.id, container.run))

    def _probe(self, container: FakeContainer, moment: datetime) -> None:
        check, started = container.spec.health_check, container.started_at
        if check is None or started is None:
            return
        elapsed = (moment - started).total_seconds()
        before = container.health
        if container.behaviour.passes_probe(elapsed):
            container.failing_streak, container.health, container.health_output = 0, "HEALTHY", "ok"
        else:
            container.health_output = container.behaviour.probe_output
            if before != "STARTING" or elapsed > check.start_period:
                container.failing_streak += 1
            if container.failing_streak >= check.retries:
                container.health = "UNHEALTHY"
        if container.health != before:
            self.emit(container, "health_status", moment, health=container.health)
        self.schedule(moment + timedelta(seconds=check.interval), "probe", container)

    def _join_network(self, container: FakeContainer) -> dict[str, str]:
        mode = container.spec.network_mode
        if not mode.startswith("container:"):
            taken = [address for one in self.containers.values() for address in one.addresses.values()]
            return self.network.address_for(mode, taken)
        other = self.find(mode.removeprefix("container:"))
        if other is None:
            raise StartFailed(f"No such container: {mode.removeprefix('container:')}")
        if other.status != "running":
            raise StartFailed(f"cannot join network of a non running container: {other.id}")
        return {}
