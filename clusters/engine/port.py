"""The port through which Slipway drives one Docker Engine.

Everything above this module speaks these frozen values and this protocol; the docker SDK
lives behind `sdk.py`, the deterministic twin behind `fake.py`. Both pass one contract suite.

Every method may raise the errors of `clusters.engine.errors`: `EngineUnavailable` (retryable,
the engine did not answer; its state is *unknown*, never "gone") or a permanent `EngineError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

# Labels every container, network and volume of ours carries. The first five are the ECS agent's
# own, so that monitoring agents recognise tasks; the others are Slipway's.
LABEL_CLUSTER = "com.amazonaws.ecs.cluster"
LABEL_CONTAINER_NAME = "com.amazonaws.ecs.container-name"
LABEL_TASK_ARN = "com.amazonaws.ecs.task-arn"
LABEL_FAMILY = "com.amazonaws.ecs.task-definition-family"
LABEL_REVISION = "com.amazonaws.ecs.task-definition-version"
LABEL_INSTALLATION = "slipway.installation"  # installation id: nothing without ours is ever touched
LABEL_ROLE = "slipway.role"  # "container" | "pause" | "helper" | "network" | "volume"

HealthStatus = Literal["NONE", "STARTING", "HEALTHY", "UNHEALTHY"]
ContainerStatus = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What one engine is. CPU in units (1024 per core), memory and disk in MiB."""

    engine_id: str  # the engine's own ID, stable over restarts
    name: str  # host name
    version: str
    api_version: str
    os: str
    architecture: str  # ECS's words: x86_64, arm64
    kernel: str
    cpu: int
    memory: int
    disk_total: int | None  # of the engine's data root, where it can be known
    disk_free: int | None
    storage_driver: str
    cgroup_driver: str  # cgroupfs | systemd | none
    cgroup_version: str  # "1" | "2"
    joint_limits: bool  # whether a task's CPU and memory can be capped over all its containers together
    warnings: tuple[str, ...] = ()
    log_drivers: tuple[str, ...] = ()
    volume_drivers: tuple[str, ...] = ()  # those in use so far: a plugin shows once it was used
    security_modules: tuple[str, ...] = ()  # apparmor, selinux, seccomp and the like
    gpus: tuple[str, ...] = ()  # ids of its GPUs, as the daemon's node-generic-resources names them


@dataclass(frozen=True, slots=True)
class PortBinding:
    container_port: int
    host_port: int  # 0 when asked for: the engine chooses
    protocol: str = "tcp"
    host_ip: str = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount. `kind` volume: `source` is the volume's name; bind: an absolute host path; tmpfs: no source."""

    kind: Literal["volume", "bind", "tmpfs"]
    target: str
    source: str = ""
    read_only: bool = False
    size: int | None = None  # MiB, tmpfs only
    options: tuple[str, ...] = ()  # tmpfs mount options


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`test` as Docker takes it (["CMD", ...] or ["CMD-SHELL", "..."]); seconds elsewhere.

    None in ContainerSpec.health_check means the image's own HEALTHCHECK is switched off.
    """

    test: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 3
    start_period: int = 0


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Device:
    host_path: str
    container_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything needed to create one container. Units: CPU units, MiB, seconds."""

    name: str  # deterministic: a second create with the same name raises NameConflict
    image: str  # a reference, a digest reference, or an image id
    labels: Mapping[str, str]
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    network_mode: str = "bridge"  # bridge | host | none | a network's name | container:<id or name>
    network_aliases: tuple[str, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    cpu_shares: int | None = None
    cpu_limit: int | None = None  # hard ceiling, CPU units
    memory_limit: int | None = None  # hard ceiling, MiB
    memory_reservation: int | None = None  # soft, MiB
    memory_swap: int | None = None  # MiB beyond memory_limit; None: engine default
    memory_swappiness: int | None = None
    cgroup_parent: str | None = None
    pids_limit: int | None = None
    health_check: HealthCheck | None = None
    mounts: tuple[Mount, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    read_only: bool = False
    privileged: bool = False
    init: bool | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    gpus: tuple[str, ...] = ()  # ids: exactly these, by the engine's NVIDIA runtime
    shm_size: int | None = None  # MiB
    ulimits: tuple[Ulimit, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    hostname: str | None = None
    security_opt: tuple[str, ...] = ()
    tty: bool = False
    interactive: bool = False
    log_driver: str = "json-file"
    log_options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    stop_timeout: int | None = None


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the engine says of one container."""

    id: str
    name: str
    labels: Mapping[str, str]
    image: str
    image_id: str
    status: ContainerStatus
    health: HealthStatus = "NONE"
    health_output: str = ""  # last probe's output
    failing_streak: int = 0
    exit_code: int | None = None  # only once it ran and ended
    oom_killed: bool = False
    error: str = ""  # the engine's own word for a failed start
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    pid: int = 0
    ip_addresses: Mapping[str, str] = field(default_factory=dict)  # network name -> IPv4
    ports: tuple[PortBinding, ...] = ()
    restart_count: int = 0
    stop_signal: str = "SIGTERM"  # what the image wants to be stopped with


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """`digest` is what to pin: the repo digest ("repo@sha256:…") where the image came from a registry
    under this reference, else the image id ("sha256:…"). ContainerSpec.image takes either."""

    id: str
    digest: str
    repo_digests: tuple[str, ...]
    size: int  # bytes
    created_at: datetime | None = None
    tags: tuple[str, ...] = ()  # "repository:tag", every name it has


@dataclass(frozen=True, slots=True)
class InUse:
    """Image ids, names of volumes, names of networks."""

    images: frozenset[str]
    volumes: frozenset[str]
    networks: frozenset[str]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    name: str
    labels: Mapping[str, str]
    driver: str = "bridge"
    subnet: str | None = None
    gateway: str | None = None
    internal: bool = False
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkState:
    id: str
    name: str
    labels: Mapping[str, str]
    driver: str
    subnets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SwarmState:
    """What one engine says of itself as a node of a Swarm. `managers`: addresses (host:port) of those it knows."""

    state: str  # inactive | pending | active | error | locked
    node_id: str = ""
    address: str = ""
    manager: bool = False
    managers: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class SwarmNode:
    """A node as a manager sees it. `ready`: it answers the managers."""

    id: str
    name: str
    manager: bool
    ready: bool


@dataclass(frozen=True, slots=True)
class SwarmTokens:
    """Whoever has one may join the swarm: never kept, never logged."""

    worker: str = field(repr=False)
    manager: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One event about a container of this installation. `action`: start, die, oom, kill, destroy,
    health_status (then `health` is set)."""

    time: datetime
    action: str
    container_id: str
    container_name: str
    labels: Mapping[str, str]
    exit_code: int | None = None
    health: HealthStatus | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    time: datetime  # microseconds, UTC
    stream: Literal["stdout", "stderr"]
    message: str  # without the newline; undecodable bytes replaced


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """One reading. CPU nanoseconds, network and disk bytes count up since the start: the use between two
    readings is their difference. Memory in MiB, without page cache that can be dropped."""

    time: datetime
    cpu_total_ns: int
    memory: float
    memory_limit: float
    network_rx: int
    network_tx: int
    disk_read: int
    disk_write: int
    pids: int


@dataclass(frozen=True, slots=True)
class PullProgress:
    status: str
    done: int  # bytes
    total: int  # bytes, 0 when unknown


class ExecStream(Protocol):
    """A command that runs in a container with its input and output at hand: what a terminal is connected to.

    One thread may read while another writes. Everything but `close` may raise EngineError.
    """

    def read(self, timeout: float | None = None) -> bytes | None:
        """What it has written, at most 64 KiB at a time. b"" once it has ended; None when nothing came within
        `timeout` seconds (None: wait)."""
        ...

    def write(self, data: bytes) -> None:
        """Give it to the command's input; waits while the engine takes no more."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Tell its terminal the new size. One that has ended is left alone."""
        ...

    def exit_code(self) -> int | None:
        """None while it runs, and where the engine no longer knows."""
        ...

    def close(self) -> None:
        """Let go of it, and end what still runs of it: the command and what it began, as far as the container has a
        shell to do it with. May be called twice."""
        ...


class Engine(Protocol):
    """One Docker Engine, driven on behalf of one installation (`LABEL_INSTALLATION`)."""

    installation: str

    def ping(self) -> None: ...

    def info(self) -> EngineInfo: ...

    def close(self) -> None: ...

    # containers -----------------------------------------------------------------------------
    def create_container(self, spec: ContainerSpec) -> str:
        """Create it and answer its id. Raises NameConflict (with the id) where the name exists,
        ImageNotFound, or InvalidRequest with the engine's words."""
        ...

    def start_container(self, container_id: str) -> None:
        """Start it; "already started" is success. Raises PortConflict, StartFailed, ContainerNotFound."""
        ...

    def stop_container(self, container_id: str, timeout: int) -> None:
        """SIGTERM (or the image's STOPSIGNAL), then SIGKILL after `timeout` seconds; answers once it has
        ended. Not running or not there is success. Refuses (NotOurs) without our label."""
        ...

    def kill_container(self, container_id: str, signal: str = "SIGKILL") -> None:
        """Send a signal. Not running or not there is success. Refuses (NotOurs) without our label."""
        ...

    def remove_container(self, container_id: str) -> None:
        """Force-remove it with its anonymous volumes. Not there is success. Refuses (NotOurs) without our label."""
        ...

    def inspect_container(self, id_or_name: str) -> ContainerState | None:
        """None where the engine says there is none."""
        ...

    def list_containers(
        self, labels: Mapping[str, str] | None = None, *, detail: bool = True
    ) -> Sequence[ContainerState]:
        """All containers of this installation (running or not) that carry `labels` too. `detail=False` makes
        one engine call only: exit code, health output and times may then be absent."""
        ...

    def top_exec(self, container_id: str, command: Sequence[str], timeout: int = 10) -> tuple[int, str]:
        """Run a command in it and answer (exit code, output): for probes and tests, never for user terminals."""
        ...

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
        """Run a command in it and hold its input and output. With `tty` there is a terminal of that size, and errors
        come among the output; without, errors come among it too. Raises ContainerNotFound, InvalidRequest where the
        container does not run, NotOurs. A command that does not exist says so in its output and ends with 126 or 127.
        """
        ...

    # images ---------------------------------------------------------------------------------
    def image(self, reference: str) -> ImageInfo | None: ...

    def pull(self, reference: str, auth: tuple[str, str] | None = None) -> Iterator[PullProgress]:
        """Pull it, yielding progress. Raises ImageNotFound, PullDenied (permanent), PullFailed (retryable)."""
        ...

    def import_image(self, tar: bytes, reference: str, changes: Sequence[str] = ()) -> ImageInfo:
        """`docker import` of a root file system tar."""
        ...

    def save_image(self, image_id: str) -> Iterator[bytes]:
        """The image as `docker save` writes it, in pieces as they come. Asked for by id it carries no names. Raises
        ImageNotFound at once."""
        ...

    def load_image(self, archive: Iterable[bytes]) -> None:
        """`docker load` of what `save_image` yields, taken piece by piece: neither side ever holds the whole. What is
        there already is success. Raises InvalidRequest for what is no archive, PullFailed (retryable) for one that
        ends too soon; what `archive` itself raises comes through."""
        ...

    def list_images(self) -> Sequence[ImageInfo]:
        """All images that have a name or are no mere layers of others: whoever brought them. `digest` is the id."""
        ...

    def in_use(self) -> InUse:
        """What the containers of everybody, running or not, are made from and hang on. One engine call."""
        ...

    def remove_image(self, reference: str) -> None:
        """Remove this name (`repo:tag`, `repo@digest`) or, by id, an image that has at most one; the image goes with
        its last name. Not there is success; one that a container is made from, or that is asked for by id and has
        several names, is refused (InvalidRequest). Never forced."""
        ...

    # networks and volumes -------------------------------------------------------------------
    def ensure_network(self, spec: NetworkSpec) -> NetworkState: ...

    def list_networks(self) -> Sequence[NetworkState]: ...

    def remove_network(self, name: str) -> None: ...

    def ensure_volume(
        self,
        name: str,
        labels: Mapping[str, str],
        driver: str = "local",
        options: Mapping[str, str] | None = None,
    ) -> None: ...

    def list_volumes(self) -> Sequence[str]: ...

    def remove_volume(self, name: str) -> None: ...

    # Swarm, for networks between hosts ------------------------------------------------------
    def swarm(self) -> SwarmState: ...

    def swarm_init(self, address: str) -> None:
        """Begin a swarm, reached by others at `address` ("": the engine chooses, where it has one address only)."""
        ...

    def swarm_tokens(self) -> SwarmTokens:
        """On a manager, as all that follow but the last."""
        ...

    def swarm_join(self, managers: Sequence[str], token: str, address: str) -> None:
        """Join as what the token says. EngineBusy where the managers do not answer in time."""
        ...

    def swarm_nodes(self) -> Sequence[SwarmNode]: ...

    def swarm_set_role(self, node_id: str, role: str) -> None:
        """`role`: worker | manager."""
        ...

    def swarm_remove_node(self, node_id: str) -> None:
        """Forget a node that does not answer any more."""
        ...

    def swarm_leave(self) -> None:
        """Leave it, whatever that means for the others. In none is success."""
        ...

    # streams --------------------------------------------------------------------------------
    def events(self, since: datetime | None = None) -> Iterator[EngineEvent]:
        """Blocks and yields events of this installation's containers; ends with EngineUnavailable."""
        ...

    def logs(
        self, container_id: str, since: datetime | None = None, limit: int | None = None
    ) -> Iterator[LogLine]:
        """Lines after `since` (inclusive), oldest first, no follow; `limit`: only the newest that many."""
        ...

    def stats(self, container_id: str) -> ContainerStats | None:
        """One reading without waiting; None where it does not run."""
        ...
