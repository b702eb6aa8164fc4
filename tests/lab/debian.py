"""A Debian base image made on this machine with debootstrap, for tests that may not use a registry.

It holds what the production images need: Python with venv, Redis, PostgreSQL. Making it takes more than a minute, so
its tar is kept in the user's cache directory under a hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "redis-server", "postgresql")
_KEY = hashlib.sha256(" ".join((SUITE, *PACKAGES, "2")).encode()).hexdigest()[:12]
IMAGE = f"slipway-lab/debian:{_KEY}"

_LEFT_OUT = (
    *("proc", "sys", "dev", "var/cache/apt", "var/lib/apt/lists", "var/lib/postgresql"),
    *("usr/share/doc", "usr/share/locale", "usr/share/man"),
)

# As the official image reads it: the first start makes the cluster, with the user, password and database of the
# environment.
_POSTGRES_ENTRYPOINT = r"""#!/bin/sh
set -e
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
install -d -o postgres -g postgres -m 0700 "$data"
as() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password && chown postgres /tmp/password
    as initdb -D "$data" -U "$POSTGRES_USER" -A scram-sha-256 --pwfile /tmp/password -E UTF8 >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | as postgres --single -D "$data" postgres >/dev/null
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -D "$data" -c listen_addresses='*'
"""


def cache() -> Path:
    """Where what is slow to make and safe to reuse is kept."""
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-tests"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def ensure_base() -> str:
    """The base image's name; made if the engine lacks it."""
    if docker("image", "inspect", IMAGE, check=False).returncode:
        tar = _root_tar()
        docker("import", str(tar), IMAGE)
    return IMAGE


def ensure_postgres() -> str:
    """An image that behaves like the official PostgreSQL one as far as compose.yaml uses it."""
    name = f"slipway-lab/postgres:{_KEY}"
    recipe = f'FROM {ensure_base()}\nCOPY entrypoint /entrypoint\nCMD ["/bin/sh", "/entrypoint"]\n'
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "entrypoint").write_text(_POSTGRES_ENTRYPOINT)
        Path(directory, "Dockerfile").write_text(recipe)
        build(Path(directory), name)
    return name


def ensure_redis() -> str:
    """The base holds a Redis; compose.yaml says the command. It starts where /data is, as the official image does."""
    name = f"slipway-lab/redis:{_KEY}"
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "Dockerfile").write_text(f"FROM {ensure_base()}\nWORKDIR /data\n")
        build(Path(directory), name)
    return name


def build(context: Path, name: str, *arguments: str) -> None:
    """docker build with the classic builder, and no network inside. An image that had the name before goes."""
    before = docker("images", "-q", name).stdout.strip()
    docker("build", "--network", "none", "-t", name, *arguments, str(context), env={"DOCKER_BUILDKIT": "0"})
    if before and before != docker("images", "-q", name).stdout.strip():
        docker("rmi", before, check=False)


def docker(
    *arguments: str, check: bool = True, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The docker command line; AssertionError with its output if it fails."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert not check or done.returncode == 0, (
        f"docker {' '.join(arguments)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    )
    return done


def _root_tar() -> Path:
    tar = cache() / f"debian-{_KEY}.tar"
    if tar.exists():
        return tar
    # Not below /tmp: Debian's may be mounted noexec, and the packages' scripts run inside.
    root = Path(tempfile.mkdtemp(prefix="debian-", dir=cache()))
    try:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        draft = tar.with_suffix(".new")
        excluded = [f"--exclude=./{path}/*" for path in _LEFT_OUT]
        subprocess.run(["tar", "-C", str(root), *excluded, "-cf", str(draft), "."], check=True)
        draft.replace(tar)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return tar
