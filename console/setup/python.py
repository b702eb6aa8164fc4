"""The virtual environment `.venv` with the pinned packages."""

from __future__ import annotations

import shutil
import subprocess
import sys

from console.conf.home import BASE_DIR
from console.setup import stamps
from console.setup.report import Problem, run, say

VENV = BASE_DIR / ".venv"
PROGRAM = VENV / "bin" / "python"
_MINIMUM = (3, 11)
_RUN_TIME, _TEST_TIME = BASE_DIR / "requirements.txt", BASE_DIR / "requirements-dev.txt"
_STAMP = VENV / ".slipway-stamp"


def check_version() -> None:
    if sys.version_info < _MINIMUM:
        raise Problem(
            f"Python {sys.version_info.major}.{sys.version_info.minor} is too old; Slipway needs "
            f"{_MINIMUM[0]}.{_MINIMUM[1]} or newer (Debian 12 has it). Set PYTHON=/path/to/python3 for make."
        )


def is_current(*, dev: bool = False) -> bool:
    """Whether `.venv` works and holds the pinned packages. What the tests need contains what running needs."""
    wanted = {_full_stamp()} if dev else {_full_stamp(), stamps.digest([_RUN_TIME])}
    return any(stamps.fresh(_STAMP, value) for value in wanted) and _works()


def ensure_environment(*, dev: bool) -> None:
    """Make `.venv` and install the pinned packages, unless they are there. Raises Problem."""
    if is_current(dev=dev):
        return
    if not _works():
        say("making the virtual environment .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], what="python3 -m venv")
    requirements = _TEST_TIME if dev else _RUN_TIME
    say(f"installing Python packages ({requirements.name}); the first time this takes a minute or two")
    run([*_pip(), "-r", str(requirements)], what="pip install", cwd=BASE_DIR)
    stamps.write(_STAMP, _full_stamp() if dev else stamps.digest([_RUN_TIME]))


def install_extra(requirement: str) -> None:
    """One more package into `.venv`. Raises Problem."""
    run([*_pip(), requirement], what=f"pip install {requirement}")


def _pip() -> list[str]:
    return [str(PROGRAM), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]


def _full_stamp() -> str:
    return stamps.digest([_RUN_TIME, _TEST_TIME])


def _works() -> bool:
    """Whether .venv's interpreter still runs; an upgraded or removed system Python leaves a dead link."""
    if not PROGRAM.exists():
        return False
    return (
        subprocess.run([str(PROGRAM), "-c", "import pip"], capture_output=True, check=False).returncode == 0
    )
