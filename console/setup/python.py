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


def check_version() -> None:
    if sys.version_info < _MINIMUM:
        raise Problem(
            f"Python {sys.version_info.major}.{sys.version_info.minor} is too old; Slipway needs "
            f"{_MINIMUM[0]}.{_MINIMUM[1]} or newer (Debian 12 has it). Set PYTHON=/path/to/python3 for make."
        )


def ensure_environment(*, dev: bool) -> None:
    """Make `.venv` and install the pinned packages, unless they are there. Raises Problem."""
    requirements = BASE_DIR / ("requirements-dev.txt" if dev else "requirements.txt")
    run_time, test_time = BASE_DIR / "requirements.txt", BASE_DIR / "requirements-dev.txt"
    full = stamps.digest([run_time, test_time])
    wanted = full if dev else stamps.digest([run_time])
    stamp = VENV / ".slipway-stamp"
    # What the tests need contains what running needs.
    if _works() and (stamps.fresh(stamp, wanted) or stamps.fresh(stamp, full)):
        return
    if not _works():
        say("making the virtual environment .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], what="python3 -m venv")
    say(f"installing Python packages ({requirements.name}); the first time this takes a minute or two")
    pip = [str(PROGRAM), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*pip, "-r", str(requirements)], what="pip install", cwd=BASE_DIR)
    stamps.write(stamp, wanted)


def install_extra(requirement: str) -> None:
    """One more package into `.venv`. Raises Problem."""
    pip = [str(PROGRAM), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*pip, requirement], what=f"pip install {requirement}")


def _works() -> bool:
    """Whether .venv's interpreter still runs; an upgraded or removed system Python leaves a dead link."""
    if not PROGRAM.exists():
        return False
    return (
        subprocess.run([str(PROGRAM), "-c", "import pip"], capture_output=True, check=False).returncode == 0
    )
