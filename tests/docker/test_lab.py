"""`make lab` and `make lab-down`: hosts that stay, and go without a trace, whoever was killed when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab import traces, wires
from clusters.engine.connect import open_engine
from tests.lab.images import ensure_image, reference
from tests.lab.installation import ROOT, until

LAB = "itlab"
FOLDER = Path("/var/tmp/slipway-lab") / LAB
NAMES = {f"slipway-{LAB}-1", f"slipway-{LAB}-2"}


def lab(*words: str) -> str:
    """`python -m bench.lab`, with no Slipway at its home; what it printed."""
    done = subprocess.run(command(*words), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bench.lab", *words, "--lab", LAB]


def environment() -> dict[str, str]:
    return {**os.environ, "SLIPWAY_HOME": "/nonexistent", "DJANGO_SETTINGS_MODULE": "console.settings_test"}


def traces_left() -> list[str]:
    """Whatever of this lab there still is: namespaces, folders, mounts, processes."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(FOLDER) in line]
    processes = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(FOLDER) in words:
            processes.append(words)
    return [
        *(NAMES & wires.namespaces()),
        *([str(FOLDER)] if FOLDER.exists() else []),
        *mounts,
        *processes,
    ]


@pytest.fixture
def clean() -> Iterator[None]:
    lab("down")
    yield
    lab("down")


def docker(place: Path, *words: str) -> str:
    done = subprocess.run(
        ["docker", "--host", f"unix://{place / 'docker.sock'}", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.usefixtures("clean")
def test_hosts_stay_reach_each_other_and_go_without_a_trace() -> None:
    said = lab("up", "2")
    addresses = [f"{wires.SUBNET}.{traces.noted(FOLDER / number)['number']}" for number in ("1", "2")]
    assert all(f"tcp://{address}:2376" in said for address in addresses)
    assert "register_instance" in said
    ids = {docker(FOLDER / number, "info", "--format", "{{.ID}}") for number in ("1", "2")}
    assert len(ids) == 2, "two hosts are two engines"
    for name, address in zip(sorted(NAMES), addresses, strict=True):
        # Neighbours remember who had an address: whoever has it next must be the same to them.
        hardware = wires.hardware_address(int(address.rpartition(".")[2]))
        assert hardware in wires.command("ip", "-n", name, "link", "show", "eth0")
    _serve(FOLDER / "2")
    image = _image(FOLDER / "1")
    fetched = docker(
        FOLDER / "1", "run", "--rm", image, "timeout", "5", "wget", "-qO-", f"http://{addresses[1]}:8080/"
    )
    assert fetched.strip() == "1"
    assert "made" not in lab("up", "2"), "what is there stays"
    lab("down")
    until(lambda: not traces_left(), "no trace", 10)
    lab("down")  # safe to repeat


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("moment", [0.9, 1.3, 2.0])
def test_a_lab_whose_maker_was_killed_goes_too(moment: float) -> None:
    maker = subprocess.Popen(command("up", "2"), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    time.sleep(moment)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    lab("down")
    until(lambda: not traces_left(), "no trace", 10)


HOST_OF_A_TEST = """
from bench.lab.engine import LabEngine
host = LabEngine()
host.start()
print(host.name, host.folder, flush=True)
input()
"""


@pytest.mark.usefixtures("clean")
def test_what_a_killed_test_left_goes_with_the_next_lab_down_and_what_a_running_one_uses_stays() -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", HOST_OF_A_TEST],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    hosts = [str(maker.stdout.readline() if maker.stdout else "").split() for maker in makers]
    (killed, killed_folder), (used, used_folder) = hosts
    _serve(Path(killed_folder))
    try:
        makers[0].kill()
        makers[0].wait()
        lab("down")
        assert killed not in wires.namespaces()
        assert not Path(killed_folder).exists()
        assert used in wires.namespaces()
        assert docker(Path(used_folder), "ps", "-q") == ""
    finally:
        makers[1].kill()
        makers[1].wait()
        lab("down")
    assert used not in wires.namespaces()


def _image(place: Path) -> str:
    engine = open_engine(f"unix://{place / 'docker.sock'}", "lab")
    try:
        ensure_image(engine, "web")
    finally:
        engine.close()
    return reference("web")


def _serve(place: Path) -> None:
    docker(place, "run", "--detach", "--publish", "8080:80", _image(place))
