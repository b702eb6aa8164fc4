"""The engine port in memory: the deterministic twin of `sdk.py`, held to the same contract suite.

clock = FakeClock()
host = FakeHost(clock=clock)
host.add_image("web:1", Behaviour(healthy_after=5))
engine = FakeEngine(host, "installation-1")
engine.start_container(engine.create_container(ContainerSpec(name="web-1", image="web:1", labels={})))
clock.advance(30)
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from .errors import (
    ContainerNotFound,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    ImageNotFound,
    InvalidRequest,
    NameConflict,
)
from .fake_client import operation
from .fake_exec import FakeExec
from .fake_host import FakeContainer
from .fake_objects import FakeObjects
from .fake_swarm import FakeSwarmCalls
from .fake_world import FakeClock, SystemClock
from .port import (
    LABEL_INSTALLATION,
    ContainerSpec,
    ContainerState,
    ContainerStats,
    EngineEvent,
    EngineInfo,
    ExecStream,
    LogLine,
)
from .translate_spec import CPU_UNITS, owned
from .translate_state import EVENT_ACTIONS, is_reference, split_reference

_NAME = re.compile(r"^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$")


class FakeEngine(FakeObjects, FakeSwarmCalls):
    """One installation's view of a FakeHost."""

    def advance(self, seconds: float) -> None:
        """Let the host's fake clock go on."""
        if isinstance(self.host.clock, SystemClock):
            raise TypeError("the real time cannot be advanced")
        self.host.clock.sleep(seconds)
        self.host.settle()

    @operation
    def ping(self) -> None:
        return None

    @operation
    def info(self) -> EngineInfo:
        host = self.host
        return EngineInfo(
            engine_id=host.hex_of("engine", "id")[:48].upper(),
            name=host.name,
            version="28.0.0",
            api_version="1.47",
            os="linux",
            architecture="x86_64",
            kernel="6.1.0",
            cpu=host.cpu,
            memory=host.memory,
            disk_total=100_000,
            disk_free=50_000,
            storage_driver="overlay2",
            cgroup_driver="cgroupfs",
            cgroup_version="1",
            joint_limits=True,
            log_drivers=host.log_drivers,
            volume_drivers=("local",),
            security_modules=("apparmor", "selinux", "seccomp"),
            gpus=host.gpus,
        )

    def close(self) -> None:
        with self.host.changed:
            self.closed = True
            self.host.changed.notify_all()

    # containers -----------------------------------------------------------------------------

    @operation
    def create_container(self, spec: ContainerSpec) -> str:
        host = self.host
        with host.lock:
            self._check(spec)
            image = host.find_image(spec.image)
            if image is None:
                raise ImageNotFound(f"No such image: {':'.join(split_reference(spec.image))}")
            twin = next((one for one in host.containers.values() if one.spec.name == spec.name), None)
            if twin is not None:
                message = (
                    f'Conflict. The container name "/{spec.name}" is already in use by container "{twin.id}".'
                )
                raise NameConflict(message, twin.id)
            container = FakeContainer(
                id=host.new_id("container"),
                spec=spec,
                labels=owned(spec.labels, self.installation),
                image_id=image[1].id,
                behaviour=host.behaviour_of(image[0], spec),
                created_at=host.clock.now(),
            )
            host.containers[container.id] = container
            for mount in spec.mounts:
                if mount.kind == "volume":
                    host.volumes.setdefault(mount.source, owned({}, self.installation))
            return container.id

    @operation
    def start_container(self, container_id: str) -> None:
        with self.host.lock:
            container = self._owned(container_id)
            if container is None:
                raise ContainerNotFound(f"No such container: {container_id}")
            if container.status != "running":
                self.host.start(container)

    @operation
    def stop_container(self, container_id: str, timeout: int) -> None:
        host = self.host
        with host.lock:
            container = self._owned(container_id)
            if container is None or container.status != "running":
                return
            behaviour, run = container.behaviour, container.run
            host.emit(container, "kill", host.clock.now())
        stubborn = behaviour.ignores_sigterm or behaviour.stop_delay > timeout
        wait = timeout if stubborn else behaviour.stop_delay
        if wait:
            host.clock.sleep(wait)
            host.settle()
        with host.lock:
            if container.status == "running" and container.run == run:
                if stubborn:
                    host.emit(container, "kill", host.clock.now())
                host.finish(container, 137 if stubborn else behaviour.stop_code, host.clock.now())

    @operation
    def kill_container(self, container_id: str, signal: str = "SIGKILL") -> None:
        host = self.host
        with host.lock:
            name = _signal_name(signal)
            container = self._owned(container_id)
            if container is None or container.status != "running":
                return
            behaviour, now = container.behaviour, host.clock.now()
            host.emit(container, "kill", now)
            if name == "SIGKILL":
                host.finish(container, 137, now)
            elif name == behaviour.stop_signal and not behaviour.ignores_sigterm:
                host.schedule(now + timedelta(seconds=behaviour.stop_delay), "stop", container)
                host.settle()

    @operation
    def remove_container(self, container_id: str) -> None:
        host = self.host
        with host.lock:
            container = self._owned(container_id)
            if container is None:
                return
            if container.status == "running":
                host.emit(container, "kill", host.clock.now())
                host.finish(container, 137, host.clock.now())
            del host.containers[container.id]
            host.emit(container, "destroy", host.clock.now())

    @operation
    def inspect_container(self, id_or_name: str) -> ContainerState | None:
        with self.host.lock:
            container = self.host.find(id_or_name)
            return container.state() if container is not None else None

    @operation
    def list_containers(
        self, labels: Mapping[str, str] | None = None, *, detail: bool = True
    ) -> Sequence[ContainerState]:
        wanted = {**(labels or {}), LABEL_INSTALLATION: self.installation}
        with self.host.lock:
            newest_first = reversed(self.host.containers.values())
            return [one.state() for one in newest_first if wanted.items() <= dict(one.labels).items()]

    @operation
    def top_exec(self, container_id: str, command: Sequence[str], timeout: int = 10) -> tuple[int, str]:
        with self.host.lock:
            container = self._owned(container_id)
            if container is None:
                raise ContainerNotFound(f"No such container: {container_id}")
            if container.status != "running":
                raise InvalidRequest(f"Container {container.id} is not running")
            answer = container.behaviour.commands.get(tuple(command), (0, ""))
        if isinstance(answer, EngineError):
            self.host.clock.sleep(timeout if isinstance(answer, EngineTimeout) else 0)
            raise answer
        return answer

    @operation
    def exec_open(
        self,
        container_id: str,
        command: Sequence[str],
        *,
        tty: bool = True,
        columns: int = 80,
        rows: int = 24,
        environment: Sequence[tuple[str, str]] = (),
    ) -> ExecStream:
        with self.host.lock:
            container = self._owned(container_id)
            if container is None:
                raise ContainerNotFound(f"No such container: {container_id}")
            if container.status != "running":
                raise InvalidRequest(f"Container {container.id} is not running")
        return FakeExec(self.host, container, command, tty=tty, columns=columns, rows=rows)

    # streams --------------------------------------------------------------------------------

    @operation
    def events(self, since: datetime | None = None) -> Iterator[EngineEvent]:
        with self.host.lock:
            if since is None:
                seen = max((number for number, _ in self.host.history), default=0)
            else:
                seen = max((number for number, event in self.host.history if event.time < since), default=0)
        return self._events(seen)

    @operation
    def logs(
        self, container_id: str, since: datetime | None = None, limit: int | None = None
    ) -> Iterator[LogLine]:
        with self.host.lock:
            container = self._owned(container_id)
            if container is None:
                raise ContainerNotFound(f"No such container: {container_id}")
            lines = [line for line in container.logs if since is None or line.time >= since]
        return iter(lines[-limit:] if limit else lines)

    @operation
    def stats(self, container_id: str) -> ContainerStats | None:
        with self.host.lock:
            container = self._owned(container_id)
            if container is None or container.status != "running" or container.started_at is None:
                return None
            now = self.host.clock.now()
            elapsed = (now - container.started_at).total_seconds()
            return ContainerStats(
                time=now,
                cpu_total_ns=int(elapsed * container.behaviour.cpu * 1_000_000_000 / CPU_UNITS),
                memory=float(container.behaviour.memory),
                memory_limit=float(container.spec.memory_limit or self.host.memory),
                network_rx=0,
                network_tx=0,
                disk_read=0,
                disk_write=0,
                pids=1,
            )

    # below: helpers -------------------------------------------------------------------------

    def _events(self, seen: int) -> Iterator[EngineEvent]:
        host = self.host
        while True:
            host.settle()
            with host.changed:
                fresh = [(number, event) for number, event in host.history if number > seen]
                if not fresh:
                    if self.closed or not host.reachable:
                        raise EngineUnavailable(f"The event stream of {host.name} ended.")
                    host.changed.wait(self._until_due())
                    continue
            for number, event in fresh:
                seen = number
                if (
                    event.labels.get(LABEL_INSTALLATION) == self.installation
                    and event.action in EVENT_ACTIONS
                ):
                    yield event

    def _until_due(self) -> float | None:
        """How long nothing can happen by itself: for ever under a fake clock, which tells us."""
        due = self.host.next_due()
        if due is None or isinstance(self.host.clock, FakeClock):
            return None
        return max(0.001, (due - datetime.now(UTC)).total_seconds())

    def _check(self, spec: ContainerSpec) -> None:
        """What the real engine refuses at creation."""
        if not _NAME.match(spec.name):
            raise InvalidRequest(
                f"Invalid container name ({spec.name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        if not is_reference(spec.image):
            raise InvalidRequest("invalid reference format")
        if spec.memory_limit is not None and spec.memory_limit < 6:
            raise InvalidRequest("Minimum memory limit allowed is 6MB")
        if spec.cpu_limit is not None and spec.cpu_limit > self.host.cpu:
            cores = self.host.cpu // CPU_UNITS
            raise InvalidRequest(
                f"Range of CPUs is from 0.01 to {cores}.00, as there are only {cores} CPUs available"
            )


def _signal_name(text: str) -> str:
    """ "TERM", "sigterm" and "15" are SIGTERM."""
    try:
        number = int(text) if text.isdigit() else signals.Signals["SIG" + text.upper().removeprefix("SIG")]
        return signals.Signals(number).name
    except (KeyError, ValueError):
        raise InvalidRequest(f"Invalid signal: {text}") from None
