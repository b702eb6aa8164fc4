"""The local Docker Engine: started when none answers, detached, so that it outlives Slipway."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from console.conf import engine_probe
from console.setup.report import Problem, run, say

LOG = Path("/var/log/slipway-dockerd.log")
_PID = Path("/var/run/docker.pid")
_START_SECONDS = 60


def ensure_running() -> None:
    """Nothing to do if an engine answers. Raises Problem if ours cannot be started."""
    answer = engine_probe.probe()
    if not answer.problem:
        return
    if os.environ.get("DOCKER_HOST"):
        # Not ours to start. Slipway runs without it, shows it as unreachable and picks it up when it answers.
        say(f"warning: the engine at DOCKER_HOST={answer.endpoint} does not answer: {answer.problem}")
        return
    if os.getuid() != 0:
        raise Problem(
            f"no Docker Engine answers at {answer.endpoint} ({answer.problem}).\n"
            "    Start it (sudo systemctl start docker), or let this user in (sudo usermod -aG docker $USER, then "
            "sign in again)."
        )
    if _starting():
        # Debian's package starts it when it is installed; a second one beside it would break the first one's network.
        say("Docker Engine is starting")
    elif Path("/run/systemd/system").is_dir():
        say("starting Docker Engine (systemctl start docker)")
        run(["systemctl", "start", "docker"], what="systemctl start docker")
    else:
        _start_detached()
    _wait()


def _starting() -> bool:
    """Whether a dockerd is alive that does not answer yet."""
    try:
        pid = int(_PID.read_text())
        return Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd"
    except (OSError, ValueError):
        return False


def _start_detached() -> None:
    program = shutil.which(
        "dockerd", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin:/usr/local/sbin"
    )
    if program is None:
        raise Problem(
            "dockerd was not found although it should be installed; apt-get install --reinstall docker.io"
        )
    say(f"starting Docker Engine (dockerd, detached; its log is {LOG})")
    descriptor = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A session of its own: neither Ctrl-C nor the end of Slipway reaches it.
        subprocess.Popen(
            [program],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(descriptor)


def _wait() -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        answer = engine_probe.probe()
        if not answer.problem:
            say(f"Docker Engine {answer.version} answers")
            return
        time.sleep(0.2)
    raise Problem(
        f"Docker Engine did not answer within {_START_SECONDS} s. Its last words are in {LOG} or journalctl."
    )
