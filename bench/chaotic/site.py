"""What is broken: an installation of its own, and hosts of the lab with a Docker Engine each on a small disk."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import psycopg

from bench.chaotic.tally import STRANGER, Client, Engine
from bench.lab import traces
from bench.lab.certificates import LabAuthority
from bench.lab.engine import LabEngine

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "chaos:1"
DISK = 192  # MiB of each host
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 3600 & wait $!; done"]


class Host:
    """A lab host whose engine keeps its data on a disk of its own, so that it can be filled."""

    _image = b""  # as the first host saved it

    def __init__(self, number: int, label: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=traces.PREFIX))
        self.disk = self.folder / "data"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(self.disk)], check=True)
        self.lab = LabEngine(
            f"slipway-{label}-{number}", authority=LabAuthority(self.folder / "tls"), folder=self.folder
        )
        self.lab._authority.client()  # type: ignore[union-attr]
        self.lab.start()
        self.engine = Engine(self.lab.name, self.lab.url)
        self._furnish()

    def _furnish(self) -> None:
        """The image of all tasks, the same on every host, and a container of somebody else."""
        client = docker.APIClient(base_url=self.lab.url, version="1.41")
        if Host._image:
            client.load_image(Host._image)
        else:
            client.import_image_from_data(_busybox(), *IMAGE.split(":"), changes=["ENV PATH=/bin"])
            Host._image = b"".join(client.get_image(IMAGE))
        made = client.create_container(IMAGE, COMMAND, name=STRANGER)
        client.start(made["Id"])
        client.close()

    @property
    def dockerd(self) -> int:
        return int(self.lab._pid())

    def fill(self) -> None:
        """Write until there is no byte left."""
        with contextlib.suppress(OSError), (self.disk / "filler").open("wb") as file:
            while True:
                file.write(b"\0" * 1024 * 1024)

    def clear(self) -> None:
        (self.disk / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        with contextlib.suppress(Exception):
            os.kill(self.dockerd, signal.SIGCONT)
        self.clear()
        with contextlib.suppress(Exception):
            self.lab.remove()
        subprocess.run(["umount", "-l", str(self.disk)], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _busybox() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(shutil.which("busybox") or "/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()


class Installation:
    """`manage.py run` on a home and a port of its own; on PostgreSQL where DATABASE_URL says so."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="slipway-chaos-home-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "SLIPWAY_HOME": str(self.home),
            "PORT": str(self.port),
            "DOCKER_HOST": f"unix:///run/{self.home.name}-nobody.sock",
            "SLIPWAY_ADMIN_PASSWORD": "chaos-" + uuid.uuid4().hex,
            "SLIPWAY_STEADY_SECONDS": os.environ.get("SLIPWAY_STEADY_SECONDS", "3"),
            "SLIPWAY_THROTTLE_BASE": "1",
            "SLIPWAY_THROTTLE_CAP": "10",
            "SLIPWAY_PLACEMENT_RETRY": "3",
            "SLIPWAY_WEB_WORKERS": "1",
            "SLIPWAY_LOG_LEVEL": "WARNING",
        }
        self.database = "sqlite"
        if os.environ.get("DATABASE_URL", "").startswith("postgres"):
            self.database = "postgresql"
            name = f"chaos_{uuid.uuid4().hex[:10]}"
            url = os.environ["DATABASE_URL"]
            with psycopg.connect("postgresql://" + url.partition("://")[2], autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            head, _, query = url.partition("?")
            self.environment["DATABASE_URL"] = f"{head.rpartition('/')[0]}/{name}" + (
                f"?{query}" if query else ""
            )
        self.output = self.home / "chaos.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 180
        while not self.status().get("ready"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"Slipway did not start:\n{self.output.read_text()[-3000:]}")
            time.sleep(0.3)

    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    def pid(self, name: str) -> int:
        found = self.status().get("processes", {}).get(name, {}).get("pid") or 0
        return int(found)

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"manage.py {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def client(self) -> Client:
        code = (
            "from access.registry import call, system_caller\n"
            "print(call('create_token', system_caller('chaos'), username='admin', name='chaos').secret)"
        )
        return Client(
            f"http://127.0.0.1:{self.port}", self.manage("shell", "--no-imports", "-c", code).splitlines()[-1]
        )

    def identity(self) -> str:
        code = "from base.installation import installation_id\nprint(installation_id())"
        return self.manage("shell", "--no-imports", "-c", code).splitlines()[-1]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)


@contextlib.contextmanager
def site(hosts: int) -> Iterator[tuple[Installation, list[Host]]]:
    """Everything up, every host registered and connected; everything gone afterwards."""
    installation, made = Installation(), []
    label = uuid.uuid4().hex[:6]
    try:
        for number in range(1, hosts + 1):
            made.append(Host(number, label))
        installation.start()
        for number, host in enumerate(made):
            installation.manage(
                *("register_instance", host.lab.tcp_url, "--tls-folder", str(host.folder / "tls")),
                *("--attribute", f"ecs.availability-zone=chaos-{'abc'[number % 3]}"),
            )
        yield installation, made
    finally:
        installation.stop()
        for host in made:
            host.remove()
