"""A host of the lab: a network namespace on the lab's switch, with a Docker Engine of its own that may be killed.

    with LabEngine() as host:
        host.url        # unix:///…/docker.sock
        host.address    # 10.99.0.N: where its published ports can be reached, also from other hosts of the lab
        host.kill()     # kill -9 of dockerd; its containers run on until it starts again
        host.start()
        host.cut_off()  # the cable is pulled; host.plug_in()

    with LabEngine(authority=LabAuthority(folder)) as host:
        host.tcp_url    # tcp://10.99.…:2376, for clients with a certificate of that authority

Needs root, and what LAB hosts need: iproute2, util-linux, docker.io. Everything it makes is removed with it; what a
killed process could not remove, `make lab-down` does.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from bench.lab import traces, wires
from bench.lab.certificates import LabAuthority
from clusters.engine.connect import open_engine
from clusters.engine.errors import EngineError

# Run once a host, in its own network, mount and host name: what dockerd needs is mounted where dockerd looks for it.
# The namespaces live as long as this process, so that a dockerd that is started again finds its state.
_HOLD = """
set -e
mount --make-rprivate /
hostname {name}
ip link set lo up
mount --rbind {cgroups} /sys/fs/cgroup
umount --lazy {cgroups}
# Its own sockets, locks and pids: /run/docker.sock is this host's engine.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/docker /run/sshd /run/lock /var/lib/docker /etc/docker
# Holds the key that the engine's identity is made of: two hosts are two engines.
mount -t tmpfs tmpfs /etc/docker
mount --bind {data} /var/lib/docker
touch {ready}
exec sleep infinity
"""


class LabEngine:
    """`start()` and `remove()`, or a with block. `folder`: keep the host there, beyond the life of this process.
    `resources`: generic ones that it declares, KIND=VALUE."""

    def __init__(
        self,
        name: str | None = None,
        *,
        authority: LabAuthority | None = None,
        folder: Path | None = None,
        resources: Sequence[str] = (),
    ) -> None:
        self.name = name or f"slipway-{uuid.uuid4().hex[:6]}"
        self._kept = folder is not None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder or Path(tempfile.mkdtemp(prefix=traces.PREFIX))
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "dockerd.log"
        self._holder: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._number = 0
        self._authority = authority
        self._resources = resources

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """Only with an authority: by mutual TLS, and only this way does `cut_off` cut it off."""
        return f"tcp://{self.address}:2376"

    @property
    def address(self) -> str:
        return f"{wires.SUBNET}.{self._number}"

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
        if self._dockerd is not None and self._dockerd.poll() is None:
            return
        # A killed dockerd leaves its pid behind, and it refuses to start if that pid runs (as something else).
        (self.folder / "dockerd.pid").unlink(missing_ok=True)
        self._end_containerd()
        self._dockerd = self.spawn(
            *(
                "dockerd",
                "--host",
                self.url,
                "--host",
                "unix:///run/docker.sock",
                "--pidfile",
                str(self.folder / "dockerd.pid"),
            ),
            *("--bip", f"172.31.{self._number}.1/24", "--storage-driver", "overlay2"),
            *self._tls_options(),
            *(part for one in self._resources for part in ("--node-generic-resource", one)),
        )
        self._wait_until_it_answers(seconds)

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program on this host: its network, mounts and name. It ends with the host at the latest."""
        assert self._holder is not None, "the host is not made yet"
        inside = ("nsenter", "--target", str(self._holder.pid), "--mount", "--uts", "--net")
        with self.log.open("ab") as log:
            return subprocess.Popen([*inside, *command], stdout=log, stderr=log, start_new_session=True)

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
        wires.pull(self._number)

    def plug_in(self) -> None:
        wires.plug(self._number)

    def remove(self) -> None:
        """End it with all its containers, and leave nothing behind."""
        traces.remove_host(self.name, self.folder)
        for process in (self._dockerd, self._holder):
            if process is not None:
                process.wait()
        self._dockerd = self._holder = None

    # ---- what it is made of ----------------------------------------------------------------------

    def _make_host(self) -> None:
        data, ready = self.folder / "data", self.folder / "ready"
        data.mkdir(exist_ok=True)
        # First of all, so that whatever follows is found again.
        traces.note(self.folder, self.name, 0, kept=self._kept)
        with wires.one_at_a_time():
            if not traces.CGROUPS.is_mount():
                traces.CGROUPS.mkdir(exist_ok=True)
                wires.command("mount", "--rbind", "/sys/fs/cgroup", str(traces.CGROUPS))
            wires.command("ip", "netns", "add", self.name)
            self._number = wires.connect(self.name)
            traces.note(self.folder, self.name, self._number, kept=self._kept)
        script = _HOLD.format(
            name=self.name,
            cgroups=traces.CGROUPS,
            data=shlex.quote(str(data)),
            ready=shlex.quote(str(ready)),
        )
        command = ["ip", "netns", "exec", self.name, "unshare", "--uts", "--mount", "sh", "-c", script]
        # ip, unshare and sh each become the next: one process throughout.
        with self.log.open("ab") as log:
            self._holder = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while not ready.exists():
            if self._holder.poll() is not None or time.monotonic() > deadline:
                raise wires.LabError(f"the host {self.name} was not made:\n{self.said()}")
            time.sleep(0.02)

    def _tls_options(self) -> tuple[str, ...]:
        if self._authority is None:
            return ()
        files = self._authority.server(self.address)
        return (
            *("--host", "tcp://0.0.0.0:2376", "--tlsverify", "--tlscacert", files.ca),
            *("--tlscert", files.cert, "--tlskey", files.key),
        )

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

        def gone() -> bool:
            if pid not in wires.pids(self.name):
                return True
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return False

        wires.wait_for(gone, 10)
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
                        raise wires.LabError(
                            f"dockerd of {self.name} does not answer:\n{self.said()}"
                        ) from None
                    time.sleep(0.1)
        finally:
            engine.close()

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""
