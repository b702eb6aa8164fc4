"""How the installer speaks, and how it runs other programs."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path


class Problem(Exception):
    """Something a person must mend; the message says what and how."""


def say(text: str) -> None:
    print(f"slipway: {text}", flush=True)


def run(
    command: Sequence[str], *, what: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Run it quietly; on failure raise Problem with its last lines. The whole output is nobody's reading otherwise."""
    environment = {**os.environ, **(env or {})}
    tail: deque[str] = deque(maxlen=15)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        cwd=cwd,
    ) as process:
        if process.stdout is not None:
            tail.extend(process.stdout)
    if process.returncode:
        raise Problem(f"{what} failed (exit code {process.returncode}):\n    " + "    ".join(tail).rstrip())
