"""A Docker Engine of a test's own: a host in a network namespace, with its own dockerd, that may be killed.

    with LabEngine() as host:
        host.url        # unix:///…/docker.sock
        host.address    # where its published ports can be reached
        host.kill()     # kill -9 of dockerd; its containers run on until it starts again
        host.start()
        host.cut_off()  # the cable is pulled; host.plug_in()

    with LabEngine(authority=LabAuthority(folder)) as host:
        host.tcp_url    # tcp://10.99.…:2376, for clients with a certificate of that authority

Needs root, and what LAB hosts need: iproute2, util-linux, docker.io. Everything it makes is removed with it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType

from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineError

from .certificates import LabAuthority

_CGROUPS = Path("/run/slipway-lab-cgroup")
# Run once a host, in its own network, mount and host name: what dockerd needs is mounted where dockerd looks for it.
# The namespaces live as long as this process, so that a dockerd that is started again finds its state.
_HOLD = """
set -e
mount --make-rprivate /
hostname {name}
ip link set lo up
mount --rbind {cgroups} /sys/fs/cgroup
mkdir -p /run/docker /var/lib/docker /etc/docker
mount -t tmpfs tmpfs /run/docker
# Holds the key that the engine's identity is made of: two hosts are two engines.
mount -t tmpfs tmpfs /etc/docker
mount --bind {data} /var/lib/docker
touch {ready}
exec sleep infinity
"""


class LabEngine:
    """`start()` and `remove()`, or a with block."""

    def __init__(self, name: str | None = None, *, authority: LabAuthority | None = None) -> None:
        self.name = name or f"slipway-{uuid.uuid4().hex[:6]}"
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-lab-"))
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "dockerd.log"
        self._holder: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._subnet = ""
        self._authority = authority

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """Only with an authority: by mutual TLS, and only this way does `cut_off` cut it off."""
        return f"tcp://{self.address}:2376"

    @property
    def address(self) -> str:
        return f"{self._subnet}.2"

    def __enter__(self) -> LabEngine:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    # ---- life ------------------------------------------------------------------------------------

    def start(self, seconds: float = 60.0) -> None:
        """Start dockerd (again) and wait until it answers."""
        if self._holder is None:
            self._make_host()
        assert self._holder is not None
        if self._dockerd is not None and self._dockerd.poll() is None:
            return
        # A killed dockerd leaves its pid behind, and it refuses to start if that pid runs (as something else).
        (self.folder / "dockerd.pid").unlink(missing_ok=True)
        self._end_containerd()
        with self.log.open("ab") as log:
            self._dockerd = subprocess.Popen(
                [
                    *("nsenter", "--target", str(self._holder.pid), "--mount", "--uts", "--net"),
                    *("dockerd", "--host", self.url, "--pidfile", str(self.folder / "dockerd.pid")),
                    *("--bip", f"{self._bridge()}.1/24", "--storage-driver", "overlay2"),
                    *self._tls_options(),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers(seconds)

    def kill(self) -> None:
        """kill -9 of dockerd."""
        if self._dockerd is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid(), signal.SIGKILL)
            self._dockerd.wait()

    def stop(self) -> None:
        """An orderly end: dockerd ends its containers."""
        if self._dockerd is not None and self._dockerd.poll() is None:
            os.kill(self._pid(), signal.SIGTERM)
            try:
                self._dockerd.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def cut_off(self) -> None:
        """Pull the cable: nothing reaches it by the network. Its unix socket still answers."""
        _run("ip", "link", "set", self._link(), "down")

    def plug_in(self) -> None:
        _run("ip", "link", "set", self._link(), "up")

    def remove(self) -> None:
        """End it with all its containers, and leave nothing behind."""
        if self._holder is not None:
            self._remove_containers()
            self.stop()
            self._holder.kill()
            self._holder.wait()
            _kill_all(_pids(self.name))
            subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)
            self._holder = None
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what it is made of ----------------------------------------------------------------------

    def _make_host(self) -> None:
        if not _CGROUPS.is_mount():
            _CGROUPS.mkdir(exist_ok=True)
            _run("mount", "--rbind", "/sys/fs/cgroup", str(_CGROUPS))
        data, ready = self.folder / "data", self.folder / "ready"
        data.mkdir()
        _run("ip", "netns", "add", self.name)
        self._connect()
        script = _HOLD.format(
            name=self.name, cgroups=_CGROUPS, data=shlex.quote(str(data)), ready=shlex.quote(str(ready))
        )
        command = ["ip", "netns", "exec", self.name, "unshare", "--uts", "--mount", "sh", "-c", script]
        # ip, unshare and sh each become the next: one process throughout.
        with self.log.open("ab") as log:
            self._holder = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while not ready.exists():
            if self._holder.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the host {self.name} was not made:\n{self.said()}")
            time.sleep(0.02)

    def _connect(self) -> None:
        """A cable to this machine: 10.99.N.1 here, 10.99.N.2 there."""
        taken = subprocess.run(["ip", "-o", "-4", "addr"], capture_output=True, text=True, check=True).stdout
        number = next(n for n in range(1, 250) if f"10.99.{n}." not in taken)
        self._subnet = f"10.99.{number}"
        inside = f"{self._link()}i"[:15]
        _run("ip", "link", "add", self._link(), "type", "veth", "peer", "name", inside)
        _run("ip", "link", "set", inside, "netns", self.name)
        _run("ip", "addr", "add", f"{self._subnet}.1/24", "dev", self._link())
        _run("ip", "link", "set", self._link(), "up")
        inside_it = ("ip", "-n", self.name)
        _run(*inside_it, "addr", "add", f"{self._subnet}.2/24", "dev", inside)
        _run(*inside_it, "link", "set", inside, "up")
        _run(*inside_it, "route", "add", "default", "via", f"{self._subnet}.1")

    def _tls_options(self) -> tuple[str, ...]:
        if self._authority is None:
            return ()
        files = self._authority.server(self.address)
        return (
            *("--host", "tcp://0.0.0.0:2376", "--tlsverify", "--tlscacert", files.ca),
            *("--tlscert", files.cert, "--tlskey", files.key),
        )

    def _link(self) -> str:
        return f"v{self.name.removeprefix('slipway-')}"[:13]

    def _bridge(self) -> str:
        return "172.31" + self._subnet.removeprefix("10.99")

    def _pid(self) -> int:
        """Of dockerd: nsenter becomes it."""
        assert self._dockerd is not None
        return self._dockerd.pid

    def _end_containerd(self) -> None:
        """A new dockerd takes a containerd that is just dying with its parent for one that runs, and waits for it in
        vain."""
        assert self._holder is not None
        noted = Path(f"/proc/{self._holder.pid}/root/run/docker/containerd/containerd.pid")
        if not noted.exists():
            return
        pid = int(noted.read_text())
        _kill_all([pid] if pid in _pids(self.name) else [])
        deadline = time.monotonic() + 10
        while pid in _pids(self.name) and time.monotonic() < deadline:
            time.sleep(0.02)
        noted.unlink(missing_ok=True)

    def _wait_until_it_answers(self, seconds: float) -> None:
        assert self._dockerd is not None
        deadline = time.monotonic() + seconds
        engine = open_engine(self.url, "lab")
        try:
            while True:
                try:
                    engine.ping()
                    return
                except EngineError:
                    if self._dockerd.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(
                            f"dockerd of {self.name} does not answer:\n{self.said()}"
                        ) from None
                    time.sleep(0.1)
        finally:
            engine.close()

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    def _remove_containers(self) -> None:
        """All of them: the engine is the test's own."""
        with contextlib.suppress(RuntimeError, subprocess.SubprocessError):
            self.start()
            docker = ["docker", "--host", self.url]
            listed = subprocess.run(
                [*docker, "ps", "-aq"], capture_output=True, text=True, timeout=30, check=True
            )
            if listed.stdout.split():
                subprocess.run(
                    [*docker, "rm", "-f", *listed.stdout.split()],
                    capture_output=True,
                    timeout=120,
                    check=True,
                )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _pids(namespace: str) -> list[int]:
    done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(line) for line in done.stdout.split()]


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
