"""One supervisor per home: a lock that dies with its holder, and a status file that says what runs.

Called by: `console.run.supervisor`, `console.run.doctor`.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any


class AlreadyRunning(Exception):
    """Another supervisor holds this home. `pid` is 0 when it is not known."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"another Slipway (pid {pid}) runs on this home")
        self.pid = pid


class HomeLock:
    """An flock on SLIPWAY_HOME/run.lock. The kernel drops it when the process ends, however it ends, so there is no
    stale lock to clean up. Children do not inherit the descriptor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> HomeLock:
        """Raises AlreadyRunning."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(int(holder) if holder.isdigit() else 0) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let two processes lock two different files of one name.
        os.close(self._descriptor)


def write_status(path: Path, status: dict[str, Any]) -> None:
    """Replace the status file at once, so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(json.dumps(status, indent=2) + "\n", "utf-8")
    draft.chmod(0o600)
    draft.replace(path)


def read_status(path: Path) -> dict[str, Any]:
    """The last status, {} where there is none. It may be of a supervisor that is gone: the lock tells."""
    try:
        status = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}
