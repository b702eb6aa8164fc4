"""Small images for tests, made on the spot from the machine's static busybox (Debian's
`busybox-static`), for real engines; and the same by name for the fake one.

Every image has /bin/app (what it does) and /bin/health (its health check, to be given in the
container's definition as HEALTH_CHECK). References carry a hash of the content, so a changed script
is a new image.
"""

from __future__ import annotations

import functools
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusters.engine.fake_host import FakeHost
from clusters.engine.fake_world import Behaviour
from clusters.engine.port import Engine

HEALTH_CHECK = ("CMD", "/bin/health")
_TRAP = "trap 'exit 0' TERM INT\n"
_FOREVER = _TRAP + "while true; do sleep 3600 & wait $!; done\n"
_SERVE = """
mkdir -p /tmp/www
echo "${VERSION:-1}" > /tmp/www/index.html
httpd -f -p "${PORT:-80}" -h /tmp/www &
"""
_PROBE = 'exec timeout 5 wget -q -O /dev/null "http://127.0.0.1:${PORT:-80}/"\n'


@dataclass(frozen=True)
class LabImage:
    """`app` and `health` are shell scripts; `behaviour` says the same to the fake engine."""

    name: str
    app: str
    health: str = "exit 0\n"
    changes: tuple[str, ...] = ()
    stop_signal: str | None = None
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(stop_code=0))

    @property
    def all_changes(self) -> tuple[str, ...]:
        return ('CMD ["/bin/app"]', "ENV PATH=/bin", *self.changes)

    @property
    def reference(self) -> str:
        """Such as slipway-lab/web:1f3a…"""
        content = "\0".join((self.app, self.health, *self.all_changes))
        return f"slipway-lab/{self.name}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


_IMAGES = (
    LabImage("idle", _FOREVER),
    # Serves its VERSION on PORT (80), and is healthy as soon as it does.
    LabImage("web", _SERVE + _FOREVER, _PROBE),
    LabImage(
        "never-healthy",
        _SERVE + _FOREVER,
        "echo not today; exit 1\n",
        behaviour=Behaviour(healthy_after=None, probe_output="not today", stop_code=0),
    ),
    LabImage("crash", "echo dying >&2; exit 3\n", behaviour=Behaviour(exits_after=0, exit_code=3)),
    LabImage("crash-soon", "sleep 2; exit 4\n", behaviour=Behaviour(exits_after=2, exit_code=4)),
    LabImage("crash-late", "sleep 20; exit 1\n", behaviour=Behaviour(exits_after=20, exit_code=1)),
    LabImage("done", "exit 0\n", behaviour=Behaviour(exits_after=0)),
    LabImage(
        "stubborn",
        "trap '' TERM INT\nwhile true; do sleep 1; done\n",
        behaviour=Behaviour(ignores_sigterm=True),
    ),
    # Ends on SIGINT, which its image says to be its stop signal, and ignores SIGTERM. From a registry
    # only: an import cannot say so.
    LabImage(
        "interrupted",
        "trap 'exit 6' INT\ntrap '' TERM\nwhile true; do sleep 0.2; done\n",
        stop_signal="SIGINT",
        behaviour=Behaviour(stop_signal="SIGINT", stop_code=6),
    ),
    # Its first process holds EAT (200) MiB: it fills its buffer, and then waits for a reader in vain. Not at once:
    # an engine begins to watch for a lack of memory only just after the start, and would not know why it ended.
    LabImage(
        "eater",
        "mkfifo /tmp/hold\nsleep 0.4\nexec dd if=/dev/zero bs=${EAT:-200}M count=1 1<>/tmp/hold\n",
        behaviour=Behaviour(memory=200, ignores_sigterm=True),
    ),
    # Burns one core.
    LabImage("burner", _TRAP + "while true; do :; done\n", behaviour=Behaviour(cpu=1024, stop_code=0)),
    LabImage(
        "talker",
        "echo first\nsleep 0.2\necho second >&2\nsleep 0.2\necho third\n" + _FOREVER,
        behaviour=Behaviour(
            output=(("stdout", "first"), ("stderr", "second"), ("stdout", "third")), stop_code=0
        ),
    ),
    LabImage(
        "no-executable",
        "",
        changes=('CMD ["/bin/nonesuch"]',),
        behaviour=Behaviour(start_error='exec: "/bin/nonesuch": no such file or directory'),
    ),
    # Carries a HEALTHCHECK of its own, which always fails.
    LabImage("own-check", _FOREVER, changes=("HEALTHCHECK --interval=1s --retries=1 CMD exit 1",)),
)
IMAGES = {image.name: image for image in _IMAGES}
# What top_exec is asked in tests, so that the fake can answer too.
EXEC_BOTH = ("/bin/sh", "-c", "echo out; exit 7")


def reference(name: str) -> str:
    """The reference of one of IMAGES."""
    return IMAGES[name].reference


def ensure_image(engine: Engine, name: str) -> str:
    """Have it on a real engine; answers its reference. Cheap when it is there already."""
    image = IMAGES[name]
    if image.stop_signal is not None:
        raise ValueError(f"{name} has a stop signal of its own: publish it in a registry")
    if engine.image(image.reference) is None:
        engine.import_image(image_tar(image), image.reference, image.all_changes)
    return image.reference


def ensure_busybox(engine: Engine) -> str:
    """An image with all of busybox's commands that runs until it is stopped."""
    return ensure_image(engine, "idle")


def ensure_all(engine: Engine) -> None:
    for name, image in IMAGES.items():
        if image.stop_signal is None:
            ensure_image(engine, name)


def add_to_fake(host: FakeHost) -> None:
    """The same images, by reference and behaviour, on a fake host."""
    for image in _IMAGES:
        host.add_image(image.reference, image.behaviour)


def image_tar(image: LabImage, extra: Mapping[str, bytes] | None = None) -> bytes:
    """The image's root file system, with these files more."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "dev", "etc", "proc", "sys", "root", "tmp"):
            _add(tar, folder, kind=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        _add(tar, "bin/busybox", _busybox(), mode=0o755)
        for applet in _applets():
            _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox")
        _add(tar, "bin/app", f"#!/bin/sh\n{image.app}".encode(), mode=0o755)
        _add(tar, "bin/health", f"#!/bin/sh\n{image.health}".encode(), mode=0o755)
        for path, data in (extra or {}).items():
            _add(tar, path, data)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
        _add(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    return buffer.getvalue()


def _add(
    tar: tarfile.TarFile,
    path: str,
    data: bytes = b"",
    *,
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
    tar.addfile(entry, io.BytesIO(data))


@functools.cache
def _busybox_path() -> str:
    found = shutil.which("busybox")
    if found is None:
        raise RuntimeError("These tests need a static busybox: apt-get install busybox-static")
    return found


@functools.cache
def _busybox() -> bytes:
    return Path(_busybox_path()).read_bytes()


@functools.cache
def _applets() -> tuple[str, ...]:
    listed = subprocess.run([_busybox_path(), "--list"], check=True, capture_output=True, text=True)
    return tuple(name for name in listed.stdout.split() if name != "busybox")
