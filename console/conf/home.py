"""Where an installation keeps its state. Standard library only: the installer, which runs before any
package is there, and `doctor`, which must work when Django does not, read the same paths.

Called by: `console.settings`, `console.run`, `scripts/`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# sockaddr_un holds 108 bytes with the closing NUL; names in the run directory are at most this long.
_SOCKET_PATH_LIMIT = 107
_LONGEST_SOCKET_NAME = len("/redis.sock")


class HomeError(Exception):
    """The state directory cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one installation. Only `prepare` touches the disk."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """SLIPWAY_HOME, or `var/` beside the code. A relative path is taken from the current directory."""
        configured = os.environ.get("SLIPWAY_HOME", "").strip()
        return cls(Path(os.path.abspath(configured)) if configured else BASE_DIR / "var")

    @property
    def database(self) -> Path:
        return self.root / "slipway.sqlite3"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def redis_data(self) -> Path:
        return self.root / "redis"

    @property
    def beat_schedule(self) -> Path:
        return self.root / "beat-schedule"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def status(self) -> Path:
        """JSON written by the supervisor: what runs, under which pids, at which address."""
        return self.root / "status.json"

    @property
    def run(self) -> Path:
        """Where the unix sockets are: `run/`, or a short directory keyed by the home when that path is too long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
            return inside
        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return _short_base() / f"slipway-{os.getuid()}-{key}"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    def prepare(self) -> None:
        """Make the directories, readable by their owner only. Raises HomeError."""
        for directory in (self.root, self.keys, self.logs, self.redis_data, self.run):
            _make_private(directory)


def _short_base() -> Path:
    """A short directory we may write to: root's /run, the user's own runtime directory, or the temporary one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.getuid() == 0 and os.access("/run", os.W_OK):
        return Path("/run")
    if runtime and len(os.fsencode(runtime)) <= 40 and os.access(runtime, os.W_OK):
        return Path(runtime)
    # A long TMPDIR would bring the same problem back.
    temporary = tempfile.gettempdir()
    return Path(temporary) if len(os.fsencode(temporary)) <= 40 else Path("/tmp")  # noqa: S108


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.lstat()
    except OSError as error:
        raise HomeError(
            f"{directory} cannot be made: {error.strerror}. Set SLIPWAY_HOME to a writable place."
        ) from error
    if not stat.S_ISDIR(facts.st_mode):
        raise HomeError(f"{directory} is not a directory (a symbolic link is refused). Remove or rename it.")
    if facts.st_uid != os.getuid():
        # In a shared /tmp somebody else may have taken the name to read our socket.
        raise HomeError(
            f"{directory} belongs to user {facts.st_uid}, not to {os.getuid()}. Set SLIPWAY_HOME elsewhere."
        )
    if stat.S_IMODE(facts.st_mode) & 0o077:
        directory.chmod(0o700)
