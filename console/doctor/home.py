"""Checks of SLIPWAY_HOME and of what runs on it. Standard library only."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from console.conf.home import Home
from console.doctor.finding import Check, Finding, ok, problem, warning
from console.run.lock import read_status


def permissions() -> Iterator[Finding]:
    home = Home.from_environment()
    if not home.root.exists():
        yield ok(f"{home.root} does not exist yet; the first `make run` makes it")
        return
    found = False
    for directory in (home.root, home.keys, home.logs, home.redis_data, home.run):
        for finding in _private(directory, 0o700):
            found = True
            yield finding
    for key in sorted(home.keys.glob("*")) if home.keys.is_dir() else []:
        for finding in _private(key, 0o600):
            found = True
            yield finding
    if not os.access(home.root, os.W_OK):
        found = True
        yield problem(f"{home.root} cannot be written by this user", "run as its owner, or set SLIPWAY_HOME")
    if not found:
        yield ok(f"{home.root} and its keys are readable by their owner only")


def _private(path: Path, mode: int) -> Iterator[Finding]:
    if not path.exists():
        return
    facts = path.lstat()
    if facts.st_uid != os.getuid():
        yield problem(
            f"{path} belongs to user {facts.st_uid}", f"chown {os.getuid()} {path}, or run as that user"
        )
    elif stat.S_IMODE(facts.st_mode) & 0o077:
        yield problem(f"{path} can be read by others", f"chmod {mode:o} {path}")


def running() -> Iterator[Finding]:
    """Whether Slipway runs on this home: if so each process, if not what is left over and whether the port is free."""
    home = Home.from_environment()
    status = read_status(home.status)
    if _locked(home.lock):
        yield ok(f"Slipway runs at {status.get('address', '?')} (pid {status.get('pid', '?')})")
        for name, facts in status.get("processes", {}).items():
            if facts["state"] != "running":
                yield problem(f"{name} is {facts['state']}", f"see {home.logs / (name + '.log')}")
            elif facts["restarts"]:
                yield warning(
                    f"{name} was started again {facts['restarts']} times",
                    f"see {home.logs / (name + '.log')}",
                )
        return
    yield from _leftovers(home, status)
    yield from _port()


def _locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _leftovers(home: Home, status: dict[str, dict[str, dict[str, int]]]) -> Iterator[Finding]:
    """Processes of a supervisor that is gone. They die with it; one that did not would hold the socket or the data."""
    for name, facts in status.get("processes", {}).items():
        pid = facts.get("pid", 0)
        if pid and _is_ours(pid, name, home):
            yield problem(f"{name} (pid {pid}) is left over from a run that is gone", f"kill {pid}")


def _is_ours(pid: int, name: str, home: Home) -> bool:
    """A pid may have been given to somebody else since: the home must be in its environment or command line."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    mark = os.fsencode(home.root)
    expected = b"redis" if name == "redis" else b"console" if name.startswith("web") else b"manage.py celery"
    return any(word in command for word in expected.split()) and (mark in command or mark in environment)


def _port() -> Iterator[Finding]:
    host, port = os.environ.get("SLIPWAY_BIND", "127.0.0.1"), os.environ.get("PORT", "8000")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except (OSError, ValueError) as error:
            yield problem(f"{host}:{port} cannot be listened on: {error}", f"PORT={_another(port)} make run")
            return
    yield ok(f"port {port} on {host} is free")


def _another(port: str) -> int:
    return int(port) + 1 if port.isdigit() and int(port) < 65535 else 8001


CHECKS: tuple[Check, ...] = (permissions, running)
