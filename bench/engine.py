"""The references every benchmark runs beside Slipway: the raw engine SDK at its best parallelism, and Swarm."""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import docker
from docker.models.containers import Container

IMAGE = "slipway-bench/idle:1"
MEMORY = 32  # MiB
CPU = 64  # units: 1024 to a core
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 3600 & wait $!; done"]
MARK = "slipway-bench"

client = docker.from_env(max_pool_size=32)


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


def last_start(label: str, count: int, *, timeout: float = 120, newer: float = 0.0) -> float:
    """Wait until `count` containers with this label run, and answer the newest of their starts."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = client.containers.list(filters={"label": label, "status": "running"}, ignore_removed=True)
        if len(found) == count:
            with contextlib.suppress(docker.errors.NotFound):
                newest = max(started_at(container) for container in found)
                if newest > newer:
                    return newest
        time.sleep(0.05)
    raise SystemExit(f"not {count} containers with {label} after {timeout} s")


def wait_gone(label: str, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
            return
        time.sleep(0.1)
    raise SystemExit(f"containers with {label} are still there after {timeout} s")


# ---- the raw SDK -------------------------------------------------------------------------------


def create_and_start() -> str:
    host = client.api.create_host_config(mem_limit=f"{MEMORY}m", nano_cpus=CPU * 10**9 // 1024, cpu_shares=CPU)
    made = client.api.create_container(IMAGE, COMMAND, host_config=host, labels={MARK: "raw"})
    client.api.start(made["Id"])
    return str(made["Id"])


def raw(count: int, threads: int) -> float:
    """Seconds from the first call to the last StartedAt of `count` containers; takes them down again."""
    begin = time.time()
    with ThreadPoolExecutor(threads) as pool:
        ids = list(pool.map(lambda _: create_and_start(), range(count)))
    taken = last_start(f"{MARK}=raw", count) - begin
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
    resources = docker.types.Resources(cpu_limit=CPU * 10**9 // 1024, mem_limit=MEMORY * 2**20)
    return client.services.create(
        IMAGE,
        command=COMMAND,
        name=f"{MARK}-swarm",
        container_labels={MARK: "swarm"},
        mode=docker.types.ServiceMode("replicated", replicas=count),
        resources=resources,
        restart_policy=docker.types.RestartPolicy("any", delay=0),
    )


def swarm_deploy(count: int) -> float:
    begin = time.time()
    service = swarm_service(count)
    taken = last_start(f"{MARK}=swarm", count) - begin
    service.remove()
    wait_gone(f"{MARK}=swarm")
    return taken
