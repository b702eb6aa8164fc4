"""Removing a host without a trace, whoever made it and however that ended: nothing is needed but its folder.

Its processes are killed, not asked: containers by their cgroups, the rest by the host's network namespace. Its mounts
live in its own mount namespace and go with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.lab import wires

PREFIX = "slipway-lab-"  # of folders of hosts that live as long as the process that made them
_NOTE = "host.json"
CGROUPS = Path("/run/slipway-lab-cgroup")


def note(folder: Path, name: str, number: int, *, kept: bool) -> None:
    """Write down whose host this is. `kept`: it outlives the process that makes it."""
    owner = None if kept else _identity(os.getpid())
    text = json.dumps({"name": name, "number": number, "owner": owner})
    draft = folder / f"{_NOTE}.new"
    draft.write_text(text)
    draft.replace(folder / _NOTE)


def noted(folder: Path) -> dict[str, object]:
    """What `note` wrote; empty where the maker did not come so far."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        found: dict[str, object] = json.loads((folder / _NOTE).read_text())
        return found
    return {}


def abandoned() -> Iterator[Path]:
    """Folders of hosts whose maker was killed before it could remove them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = noted(folder).get("owner")
        if owner and _identity(int(str(owner).partition("-")[0])) != owner:
            yield folder


def remove_host(name: str, folder: Path) -> None:
    """Everything of it. Safe to repeat, and where little or nothing of it is there."""
    containers = _containers(folder)

    def living() -> list[int]:
        return [*wires.pids(name), *_pids_of_containers(containers)]

    def dead() -> bool:
        left = living()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    if not wires.wait_for(dead, 20):
        raise wires.LabError(f"processes of {name} cannot be killed: {living()}")
    for container in containers:
        _remove_cgroups(container)
    with wires.one_at_a_time():
        wires.remove(name)
        shared = not wires.remove_switch_if_unused()
        if not shared and CGROUPS.is_mount():
            wires.quietly("umount", "--lazy", str(CGROUPS))
        if not shared:
            with contextlib.suppress(OSError):
                CGROUPS.rmdir()
    # A mount of it goes with the last of its processes, which may take the kernel a moment.
    wires.wait_for(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists(), 5)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise wires.LabError(f"{folder} cannot be removed")


def _containers(folder: Path) -> set[str]:
    root = folder / "data" / "containers"
    return {entry.name for entry in root.iterdir()} if root.is_dir() else set()


def _pids_of_containers(containers: set[str]) -> list[int]:
    """A process says in which cgroups it is, and those of a container are named after its id."""
    if not containers:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            cgroups = (entry / "cgroup").read_text()
            if any(container in cgroups for container in containers):
                found.append(int(entry.name))
    return found


def _remove_cgroups(container: str) -> None:
    root = Path("/sys/fs/cgroup")
    for pattern in (f"*/docker/{container}", f"docker/{container}", f"system.slice/docker-{container}.scope"):
        for top in root.glob(pattern):
            # A task's containers lie in the cgroup of its pause container: the innermost go first.
            for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                top.rmdir()


def _identity(pid: int) -> str:
    """A process, told from a later one with the same number by when it began; empty where it does not run."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{pid}-{fields[19]}"
    return ""
