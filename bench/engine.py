"""The references every benchmark runs beside Slipway: the raw engine SDK at its best parallelism, and Swarm."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import docker
from docker.models.containers import Container

IMAGE = "slipway-bench/idle:1"
MEMORY = 32  # MiB
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 3600 & wait $!; done"]
MARK = "slipway-bench"

client = docker.from_env(max_pool_size=32)


@dataclass
class Settings:
    """What every contender's containers get besides memory."""

    cpu: int = 0
    """Ceiling in units, 1024 to a core; 0 for none. Of a sixteenth of a core runc, which starts a container within its
    cgroup, has a sixteenth as well: half of the time of a start is waiting for the next period then."""

    @property
    def nano_cpus(self) -> int:
        return self.cpu * 10**9 // 1024

    @property
    def shares(self) -> int:
        return self.cpu or 2  # ECS's two for a container that asks for none


settings = Settings()


def options(description: str | None) -> argparse.Namespace:
    """The command line of a benchmark with contenders; `--cpu` goes into `settings`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--cpu", type=int, default=0, help="ceiling of each container in units; 0: none")
    given = parser.parse_args()
    settings.cpu = given.cpu
    return given


def ensure_image() -> str:
    """A busybox image made from the machine's static busybox; answers its reference."""
    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.get(IMAGE)
        return IMAGE
    binary = shutil.which("busybox")
    if binary is None:
        raise SystemExit("busybox is missing: apt-get install busybox-static")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(binary, "bin/busybox")
        for name in ("sh", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    client.api.import_image_from_data(buffer.getvalue(), *IMAGE.split(":"), changes=["ENV PATH=/bin"])
    return IMAGE


def started_at(container: Container) -> float:
    """When the engine says it started, in seconds since the epoch."""
    container.reload()
    text = container.attrs["State"]["StartedAt"][:26].rstrip("Z")
    return datetime.fromisoformat(text + "+00:00").timestamp()


class Starts:
    """Counts the starts of containers with a label from the engine's events: polling would slow what is measured."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._ids: list[str] = []
        self._grown = threading.Condition()
        self._stream = client.api.events(
            decode=True, filters={"type": "container", "event": "start", "label": label}
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for event in self._stream:
            with self._grown:
                self._ids.append(event["id"])
                self._grown.notify()

    def __enter__(self) -> Starts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def last(self, count: int, timeout: float = 120) -> float:
        """Wait for `count` starts; the newest StartedAt, in seconds since the epoch."""
        with self._grown:
            if not self._grown.wait_for(lambda: len(self._ids) >= count, timeout):
                raise SystemExit(
                    f"{len(self._ids)} of {count} containers with {self.label} after {timeout} s"
                )
        return max(started_at(client.containers.get(key)) for key in self._ids)


def wait_gone(label: str, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
            return
        time.sleep(0.1)
    raise SystemExit(f"containers with {label} are still there after {timeout} s")


# ---- the raw SDK -------------------------------------------------------------------------------


def create_and_start() -> str:
    host = client.api.create_host_config(
        mem_limit=f"{MEMORY}m", nano_cpus=settings.nano_cpus, cpu_shares=settings.shares
    )
    made = client.api.create_container(IMAGE, COMMAND, host_config=host, labels={MARK: "raw"})
    client.api.start(made["Id"])
    return str(made["Id"])


def raw(count: int, threads: int) -> float:
    """Seconds from the first call to the last StartedAt of `count` containers; takes them down again."""
    with Starts(f"{MARK}=raw") as starts:
        begin = time.time()
        with ThreadPoolExecutor(threads) as pool:
            ids = list(pool.map(lambda _: create_and_start(), range(count)))
        taken = starts.last(count) - begin
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: client.api.remove_container(key, force=True), ids))
    wait_gone(f"{MARK}=raw")
    return taken


# ---- Swarm -------------------------------------------------------------------------------------


@contextlib.contextmanager
def swarm() -> Iterator[None]:
    """A one-node Swarm on the same engine; left again afterwards where we began it."""
    joined = client.info()["Swarm"]["LocalNodeState"] == "active"
    if not joined:
        client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:0")
    try:
        yield
    finally:
        if not joined:
            client.swarm.leave(force=True)


def swarm_service(count: int) -> docker.models.services.Service:
    """Swarm's own defaults otherwise: among them, it waits 5 s before it restarts a task."""
    resources = docker.types.Resources(cpu_limit=settings.nano_cpus or None, mem_limit=MEMORY * 2**20)
    return client.services.create(
        IMAGE,
        command=COMMAND,
        name=f"{MARK}-swarm",
        container_labels={MARK: "swarm"},
        mode=docker.types.ServiceMode("replicated", replicas=count),
        resources=resources,
    )


def swarm_deploy(count: int) -> float:
    with Starts(f"{MARK}=swarm") as starts:
        begin = time.time()
        service = swarm_service(count)
        taken = starts.last(count) - begin
    service.remove()
    wait_gone(f"{MARK}=swarm")
    return taken
