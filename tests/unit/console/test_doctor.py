"""The doctor's checks: each thing that can be wrong is said, with how to mend it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.conf.engine_probe import Probe
from console.conf.home import Home
from console.doctor import finding, home, machine
from console.doctor.finding import Finding
from console.run.lock import AlreadyRunning, HomeLock, write_status

HEALTHY = {
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
}


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "home"))
    made = Home.from_environment()
    made.prepare()
    return made


def engine_says(monkeypatch: pytest.MonkeyPatch, probe: Probe) -> list[Finding]:
    monkeypatch.setattr(machine.engine_probe, "probe", lambda: probe)
    return list(machine.engine())


def problems(found: list[Finding]) -> list[str]:
    return [one.text for one in found if one.level == "problem"]


def test_a_healthy_engine_has_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine_says(monkeypatch, Probe("tcp://e:2376", version="24.0", api_version="1.43", info=HEALTHY))
    assert problems(found) == []
    assert all(one.mend == "" for one in found)


def test_an_absent_engine_is_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine_says(monkeypatch, Probe("unix:///x", "nothing listens there"))
    assert problems(found) == ["no Docker Engine at unix:///x: nothing listens there"]
    assert "systemctl start docker" in found[0].mend


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MemoryLimit": False}, "memory"),
        ({"CpuCfsQuota": False}, "CPU"),
        ({"CgroupDriver": "none"}, "no cgroup driver"),
    ],
)
def test_an_engine_that_cannot_enforce_limits_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], words: str
) -> None:
    found = engine_says(
        monkeypatch, Probe("tcp://e", version="24", api_version="1.43", info={**HEALTHY, **change})
    )
    assert any(words in text for text in problems(found))


def test_an_old_engine_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine_says(monkeypatch, Probe("tcp://e", version="19.03", api_version="1.40", info=HEALTHY))
    assert any("older than 1.41" in text for text in problems(found))


def test_a_clock_that_differs_from_the_engines_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    info = {**HEALTHY, "SystemTime": "2001-02-03T04:05:06.123456789Z"}
    found = engine_says(monkeypatch, Probe("tcp://e", version="24", api_version="1.43", info=info))
    assert any("clock" in text for text in problems(found))
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 7200)) + ".123456789+02:00"
    same = Probe("tcp://e", version="24", api_version="1.43", info={**HEALTHY, "SystemTime": now})
    assert problems(engine_says(monkeypatch, same)) == []


def test_a_key_that_others_can_read_is_a_problem(own_home: Home) -> None:
    assert problems(list(home.permissions())) == []
    key = own_home.keys / "secret_key"
    key.write_text("x")
    key.chmod(0o644)
    found = list(home.permissions())
    assert problems(found) == [f"{key} can be read by others"]
    assert found[0].mend == f"chmod 600 {key}"


def test_a_taken_port_is_a_problem(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("PORT", str(other.getsockname()[1]))
        assert any("cannot be listened on" in text for text in problems(list(home.running())))
    assert problems(list(home.running())) == []


def test_a_process_left_over_is_named_with_its_pid(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")
    code = "import time; print('up', flush=True); time.sleep(60)"
    stray = subprocess.Popen(
        [sys.executable, "-c", code, "manage.py", "watch"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert stray.stdout is not None
        assert stray.stdout.readline() == "up\n"
        status = {"processes": {"watcher": {"pid": stray.pid, "state": "running", "restarts": 0}}}
        write_status(own_home.status, status)
        found = list(home.running())
        assert problems(found) == [f"watcher (pid {stray.pid}) is left over from a run that is gone"]
    finally:
        stray.kill()
        stray.wait()
    assert problems(list(home.running())) == []


def test_somebody_elses_process_with_a_reused_pid_is_not_accused(
    own_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "0")
    write_status(
        own_home.status, {"processes": {"redis": {"pid": os.getppid(), "state": "running", "restarts": 0}}}
    )
    assert problems(list(home.running())) == []


def test_a_running_slipway_shows_its_processes(own_home: Home) -> None:
    facts = {
        "worker": {"pid": 0, "state": "restarting", "restarts": 3},
        "web-1": {"pid": 1, "state": "running", "restarts": 0},
    }
    with HomeLock(own_home.lock):
        write_status(own_home.status, {"pid": 7, "address": "http://x", "processes": facts})
        found = list(home.running())
    assert found[0].text == "Slipway runs at http://x (pid 7)"
    assert problems(found) == ["worker is restarting"]


def test_the_lock_admits_one_and_names_the_holder(own_home: Home) -> None:
    with HomeLock(own_home.lock), pytest.raises(AlreadyRunning) as refused, HomeLock(own_home.lock):
        pass
    assert refused.value.pid == os.getpid()
    with HomeLock(own_home.lock):
        pass


def test_a_check_that_breaks_does_not_silence_the_others() -> None:
    def broken() -> Iterator[Finding]:
        raise RuntimeError("boom")
        yield

    def fine() -> Iterator[Finding]:
        yield finding.ok("fine")

    found = list(finding.run((broken, fine)))
    assert [one.level for one in found] == ["problem", "ok"]
    assert "boom" in found[0].text


def test_a_half_written_status_is_no_status(own_home: Home) -> None:
    own_home.status.write_text(json.dumps({"pid": 1})[:5])
    assert problems(list(home.running())) == []
