"""Checks of the machine: they need neither Django nor the virtual environment."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from console.conf import engine_probe
from console.conf.home import Home
from console.doctor.finding import Check, Finding, ok, problem, warning
from console.setup import debian, python
from console.setup.report import Problem

_OLDEST_API = (1, 41)
_GIB = 1024**3
_CLOCK_SECONDS = 5.0
# Engines print nanoseconds and an offset; seconds are enough here.
_SECONDS_LENGTH = len("2026-01-01T00:00:00")


def python_and_packages() -> Iterator[Finding]:
    try:
        python.check_version()
    except Problem as error:
        yield problem(str(error), "apt-get install python3, or make PYTHON=/path/to/python3 run")
        return
    version = ".".join(str(part) for part in sys.version_info[:3])
    if python.is_current():
        yield ok(f"Python {version}; the pinned packages are in .venv")
    else:
        yield problem(f"Python {version}, but .venv lacks pinned packages", "make setup")


def programs() -> Iterator[Finding]:
    lacking = debian.missing(debian.NEEDS)
    for need in lacking:
        yield problem(
            f"missing: {' '.join(need.packages)} ({need.why})",
            f"make setup as root, or: apt-get install {' '.join(need.packages)}",
        )
    if not lacking:
        yield ok("every program that Slipway starts is installed")


def engine() -> Iterator[Finding]:
    answer = engine_probe.probe()
    if answer.problem:
        yield problem(
            f"no Docker Engine at {answer.endpoint}: {answer.problem}",
            "systemctl start docker, or `make setup` as root; DOCKER_HOST names another engine",
        )
        return
    yield ok(f"Docker Engine {answer.version} (API {answer.api_version}) at {answer.endpoint}")
    if _numbers(answer.api_version) < _OLDEST_API:
        yield problem(
            f"its API {answer.api_version} is older than 1.41", "install Docker Engine 20.10 or newer"
        )
    info = answer.info or {}
    yield from _limits(info)
    yield from _engine_disk(answer.endpoint, str(info.get("DockerRootDir", "")))
    yield from _engine_clock(str(info.get("SystemTime", "")))


def _limits(info: dict[str, object]) -> Iterator[Finding]:
    driver, version = info.get("CgroupDriver", "none"), info.get("CgroupVersion", "1")
    lacking = [
        words
        for key, words in (("MemoryLimit", "memory"), ("CpuCfsQuota", "CPU"), ("PidsLimit", "process"))
        if not info.get(key)
    ]
    if driver == "none" or lacking:
        yield problem(
            f"the engine cannot hold containers to limits ({', '.join(lacking) or 'no cgroup driver'})",
            "mount the control groups (apt-get install cgroupfs-mount, or boot with systemd), then restart the engine",
        )
        return
    yield ok(f"limits are enforced: cgroup v{version}, driver {driver}")
    if driver != "cgroupfs":
        yield warning(
            "with this cgroup driver a task's containers are not capped together, each gets at most the task's",
            '"exec-opts": ["native.cgroupdriver=cgroupfs"] in /etc/docker/daemon.json, if you need joint limits',
        )


def _engine_disk(endpoint: str, root: str) -> Iterator[Finding]:
    if endpoint.startswith("unix://") and root and Path(root).exists():
        yield from _disk(Path(root), "images and containers", warn=5 * _GIB, fail=_GIB)


def _engine_clock(said: str) -> Iterator[Finding]:
    if not said:
        return
    theirs = datetime.fromisoformat(said[:_SECONDS_LENGTH]).replace(tzinfo=UTC)
    if not said.endswith("Z"):
        theirs = datetime.fromisoformat(said[:_SECONDS_LENGTH] + said[-6:])
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    if skew > _CLOCK_SECONDS:
        yield problem(
            f"the engine's clock and ours differ by {skew:.0f} s",
            "synchronise both machines (apt-get install systemd-timesyncd); logs and events show wrong times",
        )


def clock() -> Iterator[Finding]:
    now = datetime.now(UTC)
    # The code cannot be older than itself: a machine that booted in 1970 breaks certificates and sessions.
    written = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if (written - now).total_seconds() > 86400:
        yield problem(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, before this code was written", "set the clock"
        )
        return
    program = shutil.which("timedatectl")
    if program and Path("/run/systemd/system").is_dir():
        asked = [program, "show", "--property=NTPSynchronized", "--value"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
        if answer == "no":
            yield warning("the clock is not synchronised", "timedatectl set-ntp true")
            return
    yield ok(f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC")


def open_files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1024:
        yield warning(
            f"only {soft} open files are allowed to a process (hard limit {hard})", "ulimit -n 4096"
        )
    else:
        yield ok(f"{soft} open files are allowed to a process")


def home_disk() -> Iterator[Finding]:
    root = Home.from_environment().root
    while not root.exists():
        root = root.parent
    yield from _disk(root, "database and logs", warn=2 * _GIB, fail=_GIB // 4)


def _disk(path: Path, what: str, *, warn: int, fail: int) -> Iterator[Finding]:
    facts = os.statvfs(path)
    free = facts.f_bavail * facts.f_frsize
    text = f"{free / _GIB:.1f} GiB free for {what} ({path})"
    if free < fail:
        yield problem(text, "make room: `docker system df` shows what images and stopped containers take")
    elif free < warn:
        yield warning(
            text, "make room soon: `docker system df` shows what images and stopped containers take"
        )
    elif facts.f_files and facts.f_favail * 50 < facts.f_files:
        yield warning(f"few inodes are left on {path}", "remove many small files there (old images, caches)")
    else:
        yield ok(text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


CHECKS: tuple[Check, ...] = (python_and_packages, programs, engine, clock, open_files, home_disk)
