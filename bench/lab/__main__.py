"""`make lab N=3`, `make lab-down`: hosts on this machine that stay, each with a Docker Engine of its own.

    python -m bench.lab up 3         hosts 1 to 3: those that are missing are made, and registered where Slipway runs
    python -m bench.lab show
    python -m bench.lab down         removes them all; also what a killed test or benchmark left. Safe to repeat

LAB names the lab where several people share the machine (letters and digits, default `lab`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from bench.lab import traces, wires
from bench.lab.certificates import LabAuthority
from bench.lab.engine import LabEngine
from console.conf.home import BASE_DIR, Home

_ROOT = Path("/var/tmp/slipway-lab")
_ZONES = "abcdefghijklmnopqrstuvwxyz"
_DAYS = 365


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.lab", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("up", "show", "down"))
    parser.add_argument("hosts", type=int, nargs="?", default=3)
    parser.add_argument("--lab", default=os.environ.get("LAB", "lab"))
    options = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9]{0,19}", options.lab):
        parser.error("a lab's name is 1 to 20 lower-case letters and digits")
    if not 1 <= options.hosts <= 100:
        parser.error("1 to 100 hosts")
    if os.getuid():
        parser.error("hosts are network namespaces and mounts: this needs root")
    folder = _ROOT / options.lab
    try:
        if options.what == "up":
            up(folder, options.hosts)
        elif options.what == "down":
            down(folder)
        else:
            show(folder)
    except (wires.LabError, subprocess.CalledProcessError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def up(folder: Path, amount: int) -> None:
    """Make the hosts that are missing, one after the other, and register them."""
    _remove_abandoned()
    for number in range(1, amount + 1):
        name, place = _name(folder, number), folder / str(number)
        if _runs(place, name):
            continue
        traces.remove_host(name, place)
        authority = LabAuthority(place / "tls", days=_DAYS)
        authority.client()
        engine = LabEngine(name, authority=authority, folder=place)
        engine.start()
        print(f"made {name} at {engine.tcp_url}", flush=True)
    show(folder)


def show(folder: Path) -> None:
    """Where the hosts are, and registered with what. Registers those that are not, where Slipway runs."""
    places = _places(folder)
    if not places:
        print("no host runs: make lab N=3")
        return
    running = _slipway_runs()
    for place in places:
        if running:
            _manage(*_registration(place))
        else:
            print(f"{_url(place)}\n    certificates in {place / 'tls'}, local socket {place / 'docker.sock'}")
    if not running:
        print(
            "Slipway does not run on this home. `make lab` again registers them once it does, or one by one:"
        )
        print("    .venv/bin/python manage.py " + " ".join(_registration(places[0])))
    print("make lab-down removes them.")


def down(folder: Path) -> None:
    """Deregister and remove all hosts of this lab, and those of processes that were killed."""
    places = _places(folder)
    if places and _slipway_runs():
        _manage("deregister_instance", "--force", *[_url(place) for place in places if _url(place)])
    for place in places:
        traces.remove_host(_name(folder, int(place.name)), place)
        print(f"removed {_name(folder, int(place.name))}", flush=True)
    for name in sorted(wires.namespaces()):
        # Made, and killed before its folder was noted.
        if re.fullmatch(rf"{re.escape(_name(folder, 0)[:-1])}[0-9]+", name):
            traces.remove_host(name, folder / name.removeprefix(_name(folder, 0)[:-1]))
    _remove_abandoned()
    for left in (folder, _ROOT):
        with contextlib.suppress(OSError):
            left.rmdir()


def _remove_abandoned() -> None:
    for place in list(traces.abandoned()):
        name = str(traces.noted(place)["name"])
        traces.remove_host(name, place)
        print(f"removed {name}, whose maker was killed", flush=True)


def _places(folder: Path) -> list[Path]:
    found = [place for place in folder.iterdir() if place.name.isdigit()] if folder.is_dir() else []
    return sorted(found, key=lambda place: int(place.name))


def _name(folder: Path, number: int) -> str:
    return f"slipway-{folder.name}-{number}"


def _url(place: Path) -> str:
    number = traces.noted(place).get("number")
    return f"tcp://{wires.SUBNET}.{number}:2376" if number else ""


def _runs(place: Path, name: str) -> bool:
    if name not in wires.namespaces() or not (place / "docker.sock").exists():
        return False
    command = ["docker", "--host", f"unix://{place / 'docker.sock'}", "version"]
    return not subprocess.run(command, capture_output=True, check=False, timeout=30).returncode


def _registration(place: Path) -> list[str]:
    zone = f"lab-{_ZONES[(int(place.name) - 1) % len(_ZONES)]}"
    return [
        *("register_instance", _url(place), "--tls-folder", str(place / "tls")),
        *("--attribute", f"ecs.availability-zone={zone}"),
    ]


def _slipway_runs() -> bool:
    """Whether this home's Slipway is up: its status names a process that runs."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        pid = int(json.loads(Home.from_environment().status.read_text())["pid"])
        return Path(f"/proc/{pid}").exists()
    return False


def _manage(*words: str) -> None:
    subprocess.run([sys.executable, "manage.py", *words], cwd=BASE_DIR, check=True)


if __name__ == "__main__":
    sys.exit(main())
