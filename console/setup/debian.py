"""Debian packages: which are missing, and installing them as root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.conf import engine_probe
from console.setup.report import Problem, run, say

# Debian keeps PostgreSQL's servers out of PATH.
POSTGRESQL_LIBRARY = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Need:
    """Debian packages that give us something, and how to tell that it is there already."""

    why: str
    packages: tuple[str, ...]
    present: Callable[[], bool]


def _program(name: str) -> Callable[[], bool]:
    # A user's PATH often lacks the directories of system programs.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin:/usr/local/sbin"
    return lambda: shutil.which(name, path=path) is not None


def _engine() -> bool:
    # An engine that the operator names is the operator's to mend; we install one only for the local socket.
    return bool(os.environ.get("DOCKER_HOST")) or not engine_probe.probe().problem or _program("dockerd")()


def _static_busybox() -> bool:
    found = shutil.which("busybox", path="/bin:/usr/bin")
    return found is not None and is_static(Path(found))


def is_static(program: Path) -> bool:
    """Whether a 64-bit ELF program needs no loader (no PT_INTERP segment): it then runs alone in an image."""
    with program.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return False
        (offset,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        file.seek(offset)
        table = file.read(size * count)
    return all(struct.unpack_from("<I", table, index * size)[0] != 3 for index in range(count))


NEEDS = (
    Need(
        "Python's virtual environments",
        ("python3-venv",),
        lambda: bool(importlib.util.find_spec("ensurepip")),
    ),
    Need(
        "certificates of package servers",
        ("ca-certificates",),
        lambda: Path("/etc/ssl/certs/ca-certificates.crt").exists(),
    ),
    Need("Docker Engine, as none answers", ("docker.io", "containerd", "runc", "iptables"), _engine),
    Need(
        "Redis",
        ("redis-server",),
        lambda: bool(os.environ.get("SLIPWAY_REDIS_URL")) or _program("redis-server")(),
    ),
    Need("the sample application's image", ("busybox-static",), _static_busybox),
)

DEV_NEEDS = (
    Need("Redis for the tests", ("redis-server",), _program("redis-server")),
    Need(
        "PostgreSQL for the tests",
        ("postgresql",),
        lambda: any(POSTGRESQL_LIBRARY.glob("*/bin/postgres")) or _program("postgres")(),
    ),
    Need("the browser tests", ("chromium",), _program("chromium")),
    Need("a base image made locally", ("debootstrap",), _program("debootstrap")),
    Need("the compose file's test", ("docker-compose",), _program("docker-compose")),
    Need("hosts in network namespaces", ("iproute2",), _program("ip")),
    Need("engines over SSH in tests", ("openssh-server", "openssh-client"), _program("sshd")),
    Need("certificates of test engines", ("openssl",), _program("openssl")),
    Need("image pulls in tests", ("docker-registry",), _program("docker-registry")),
)


def missing(needs: tuple[Need, ...]) -> list[Need]:
    return [need for need in needs if not need.present()]


def install_missing(*, dev: bool) -> None:
    """Install what is not there. Raises Problem, naming the packages, where we cannot (no root, no apt)."""
    lacking = missing(NEEDS + DEV_NEEDS if dev else NEEDS)
    if not lacking:
        return
    packages = list(dict.fromkeys(name for need in lacking for name in need.packages))
    for need in lacking:
        say(f"missing: {' '.join(need.packages)} ({need.why})")
    command = "apt-get install -y --no-install-recommends " + " ".join(packages)
    if shutil.which("apt-get") is None:
        raise Problem(
            "this is not Debian (no apt-get). Install yourself what is named above, then run this again."
        )
    if os.getuid() != 0:
        raise Problem(
            f"installing needs root. Run: sudo apt-get update && sudo {command}\nthen run this again."
        )
    had_redis = _program("redis-server")()
    say("installing with apt-get: " + " ".join(packages))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], what="apt-get update", env=quiet)
    run(command.split(), what=command, env=quiet)
    if not had_redis and "redis-server" in packages:
        _stop_system_redis()


def _stop_system_redis() -> None:
    """Debian starts a Redis on a TCP port when it installs one. Ours is private, on a unix socket; we asked for the
    program only, so the service that came with it goes."""
    if Path("/run/systemd/system").is_dir():
        run(
            ["systemctl", "disable", "--now", "redis-server"],
            what="stopping Debian's own redis-server service",
        )
        say("Debian's redis-server service was stopped and disabled; Slipway runs a private one")
