#!/usr/bin/env python3
"""Run a command with DATABASE_URL naming a throw-away PostgreSQL cluster, made for it and removed after it.

Usage: python scripts/with_postgres.py COMMAND [ARGUMENT ...]

The cluster listens on a unix socket in a temporary directory only and does not fsync: nothing in it is worth keeping.
Root may not run PostgreSQL, so as root it runs as Debian's user postgres.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARY = Path("/usr/lib/postgresql")
_OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off "
    "-c max_connections=200 -c shared_buffers=64MB -c log_min_messages=warning"
)


def programs() -> Path:
    """The directory of initdb and pg_ctl: the newest of Debian's, or the one in PATH."""
    found = sorted(
        _LIBRARY.glob("*/bin/initdb"), key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0)
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise SystemExit(
            "PostgreSQL is not installed: apt-get install postgresql (or python3 -m console.setup --dev)"
        )
    return Path(on_path).parent


@contextmanager
def cluster() -> Iterator[str]:
    """A running cluster; its DATABASE_URL (database `postgres`, a superuser without password)."""
    directory = Path(tempfile.mkdtemp(prefix="slipway-pg-", dir="/tmp"))
    bin_directory, data = programs(), directory / "data"
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
        as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
    try:
        initdb = [
            str(bin_directory / "initdb"),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        _run([*as_user, *initdb], directory)
        control = [*as_user, str(bin_directory / "pg_ctl"), "-D", str(data), "-w"]
        _run([*control, "-o", f"{_OPTIONS} -k {directory}", "-l", str(directory / "log"), "start"], directory)
        try:
            yield f"postgres://postgres@/postgres?host={directory}"
        finally:
            _run([*control, "-m", "immediate", "stop"], directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    with cluster() as url:
        return subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
