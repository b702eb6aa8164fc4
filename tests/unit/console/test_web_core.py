"""A web process that is one of several keeps to one of the cores it may use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from console.run import specs

_KEEP = "import os, sys; from console.run.web import keep_to_core; keep_to_core(int(sys.argv[1])); "


@pytest.mark.parametrize("number", [0, 1, 17])
def test_it_keeps_to_a_core_of_those_it_may_use(number: int) -> None:
    program = _KEEP + "print(*os.sched_getaffinity(0))"
    done = subprocess.run([sys.executable, "-c", program, str(number)], capture_output=True, text=True)
    allowed = sorted(os.sched_getaffinity(0))
    assert done.stdout.split() == [str(allowed[number % len(allowed)])], done.stderr


def test_one_alone_goes_where_there_is_room() -> None:
    assert "--core" not in specs.web(1, 3, several=False).command


def test_of_several_each_has_its_own() -> None:
    commands = [specs.web(index, 3, several=True).command for index in (1, 2)]
    assert [command[-2:] for command in commands] == [("--core", "0"), ("--core", "1")]
