"""A throw-away Slipway for benchmarks: its own home, its own port, real processes, the engine that is there.

Importing this module sets Django up for that home, so that the benchmark calls operations as a face would.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="slipway-bench-"))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


os.environ.update(
    SLIPWAY_HOME=str(HOME),
    PORT=str(free_port()),
    SLIPWAY_ADMIN_PASSWORD="bench-" + os.urandom(9).hex(),
    DJANGO_SETTINGS_MODULE="console.settings",
    SLIPWAY_LOG_LEVEL="WARNING",
)
sys.path.insert(0, str(ROOT))


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Start it, wait until the local engine is connected, and take everything down afterwards."""
    log = (HOME / "bench.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_until_ready(process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _remove_containers()
        shutil.rmtree(HOME, ignore_errors=True)


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    import django

    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if (HOME / "slipway.sqlite3").exists() or any(HOME.glob("*.sqlite3")):
            with contextlib.suppress(Exception):
                django.setup()
                from clusters.models import ContainerInstance

                if ContainerInstance.objects.filter(connected=True).exists():
                    time.sleep(3)  # the workers' start-up is not what is measured
                    return
        time.sleep(0.3)
    raise SystemExit(f"Slipway did not start:\n{(HOME / 'bench.log').read_text()[-3000:]}")


def _remove_containers() -> None:
    from base.installation import installation_id

    label = f"label=slipway.installation={installation_id()}"
    for kind, remove in (("ps -aq", "rm -f"), ("network ls -q", "network rm"), ("volume ls -q", "volume rm")):
        listed = subprocess.run(["docker", *kind.split(), "--filter", label], capture_output=True, text=True)
        if listed.stdout.split():
            subprocess.run(["docker", *remove.split(), *listed.stdout.split()], capture_output=True)
