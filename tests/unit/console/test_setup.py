"""The installer's judgement of what is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from console.setup import debian, stamps
from console.setup.debian import Need
from console.setup.report import Problem, run


def test_busybox_static_is_told_from_a_program_that_needs_a_loader() -> None:
    assert debian.is_static(Path("/bin/busybox"))
    assert not debian.is_static(Path("/bin/sh"))


def test_a_script_is_no_static_program(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert not debian.is_static(tmp_path / "script")


def test_only_what_is_missing_is_named() -> None:
    here = Need("here", ("here",), lambda: True)
    gone = Need("gone", ("gone", "gone-too"), lambda: False)
    assert debian.missing((here, gone)) == [gone]


def test_without_root_the_packages_are_named_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[object] = []
    monkeypatch.setattr(debian, "NEEDS", (Need("Redis", ("redis-server",), lambda: False),))
    monkeypatch.setattr(debian, "run", lambda *command, **_: ran.append(command))
    monkeypatch.setattr(debian.os, "getuid", lambda: 1000)
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: "/usr/bin/apt-get")
    with pytest.raises(Problem, match=r"sudo .*redis-server"):
        debian.install_missing(dev=False)
    assert ran == []


def test_where_there_is_no_apt_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "NEEDS", (Need("Redis", ("redis-server",), lambda: False),))
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: None)
    with pytest.raises(Problem, match="not Debian"):
        debian.install_missing(dev=False)


def test_as_root_all_that_is_missing_is_installed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(
        debian,
        "NEEDS",
        (
            Need("a", ("one", "two"), lambda: False),
            Need("b", ("two",), lambda: False),
            Need("c", ("x",), lambda: True),
        ),
    )
    monkeypatch.setattr(debian, "run", lambda command, **_: ran.append(command))
    monkeypatch.setattr(debian.os, "getuid", lambda: 0)
    monkeypatch.setattr(debian.shutil, "which", lambda *_, **__: "/usr/bin/apt-get")
    debian.install_missing(dev=False)
    assert [command[1] for command in ran] == ["update", "install"]
    assert ran[1][-2:] == ["one", "two"]


def test_a_failed_command_tells_its_last_words() -> None:
    with pytest.raises(Problem, match=r"the thing failed \(exit code 3\)[^$]*out of luck"):
        run([sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"], what="the thing")


def test_a_stamp_is_stale_when_a_file_changes(tmp_path: Path) -> None:
    file, stamp = tmp_path / "requirements.txt", tmp_path / "deep" / "stamp"
    file.write_text("a==1\n")
    before = stamps.digest([file])
    assert not stamps.fresh(stamp, before)
    stamps.write(stamp, before)
    assert stamps.fresh(stamp, before)
    file.write_text("a==2\n")
    assert not stamps.fresh(stamp, stamps.digest([file]))
