"""A command held open: what a terminal is connected to."""

from __future__ import annotations

import pytest

from clusters.engine.errors import ContainerNotFound, InvalidRequest, NotOurs
from clusters.engine.port import ExecStream

from .cases_containers import MISSING
from .world import World

SHELL = ("/bin/sh",)


def _until(stream: ExecStream, wanted: bytes, seconds: float = 10) -> bytes:
    """What it says, up to and with `wanted`."""
    said = b""
    while wanted not in said:
        piece = stream.read(seconds)
        assert piece, f"no {wanted!r} in {said[-500:]!r}"
        said += piece
    return said


def _rest(stream: ExecStream, seconds: float = 10) -> bytes:
    said = b""
    while (piece := stream.read(seconds)) != b"":
        assert piece is not None, f"it does not end; so far {said[-500:]!r}"
        said += piece
    return said


def case_terminal_echoes_and_answers(world: World) -> None:
    stream = world.engine.exec_open(world.running(), SHELL)
    stream.write(b"echo one-$((1+1))\n" if world.engine_has_a_shell else b"echo one-2\n")
    assert b"\r\n" in _until(stream, b"one-2")
    stream.close()


def case_terminal_ends_with_the_commands_code(world: World) -> None:
    stream = world.engine.exec_open(world.running(), SHELL)
    assert stream.exit_code() is None
    stream.write(b"exit 7\n")
    _rest(stream)
    assert stream.exit_code() == 7
    assert stream.read(1) == b""
    stream.write(b"nobody is there\n")
    stream.resize(10, 10)
    stream.close()
    stream.close()


def case_terminal_has_the_size_asked_for(world: World) -> None:
    stream = world.engine.exec_open(world.running(), SHELL, columns=101, rows=33)
    stream.write(b"stty size\n")
    _until(stream, b"33 101")
    stream.resize(57, 19)
    stream.write(b"stty size\n")
    _until(stream, b"19 57")
    stream.close()


def case_terminal_that_says_nothing(world: World) -> None:
    stream = world.engine.exec_open(world.running(), SHELL)
    stream.write(b"cat\n")
    while stream.read(0.3) is not None:
        pass
    assert stream.read(0.05) is None
    stream.write(b"typed\n")
    _until(stream, b"typed\r\ntyped")
    stream.close()


def case_terminal_with_much_to_say(world: World) -> None:
    stream = world.engine.exec_open(world.running(), SHELL)
    flood = (
        b"head -c 300000 /dev/zero | tr '\\0' x; echo\n" if world.engine_has_a_shell else b"flood 300000\n"
    )
    stream.write(flood + b"exit 0\n")
    assert _rest(stream, 20).count(b"x") >= 300_000
    stream.close()


def case_terminal_ends_with_its_container(world: World) -> None:
    container_id = world.running()
    stream = world.engine.exec_open(container_id, SHELL)
    world.engine.kill_container(container_id)
    _rest(stream)
    stream.close()


def case_closing_a_terminal_ends_what_runs_in_it(world: World) -> None:
    container_id = world.running()
    stream = world.engine.exec_open(container_id, SHELL)
    if not world.engine_has_a_shell:
        stream.close()
        assert stream.exit_code() is not None
        return
    stream.write(b"sleep 4711 & sleep 4712\n")
    world.until(lambda: b"4712" in _processes(world, container_id), 10, "it runs")
    stream.close()
    world.until(lambda: b"471" not in _processes(world, container_id), 10, "it has ended")
    assert world.state(container_id).status == "running"


def _processes(world: World, container_id: str) -> bytes:
    return world.engine.top_exec(container_id, ("ps", "-o", "args"))[1].encode()


def case_command_without_a_terminal(world: World) -> None:
    line = "echo out; exit 5"
    stream = world.engine.exec_open(world.running(), ("/bin/sh", "-c", line), tty=False)
    assert _rest(stream) == b"out\n"
    assert stream.exit_code() == 5
    stream.close()


def case_terminal_of_a_command_that_does_not_exist(world: World) -> None:
    stream = world.engine.exec_open(world.running(), ("/bin/nonesuch",))
    assert b"no such file" in _rest(stream)
    assert stream.exit_code() in (126, 127)
    stream.close()


def case_terminal_in_what_does_not_run(world: World) -> None:
    with pytest.raises(InvalidRequest, match="not running"):
        world.engine.exec_open(world.created(), SHELL)


def case_terminal_in_what_is_not_there(world: World) -> None:
    with pytest.raises(ContainerNotFound):
        world.engine.exec_open(MISSING, SHELL)


def case_terminal_in_a_strangers_is_refused(world: World) -> None:
    with pytest.raises(NotOurs):
        world.engine.exec_open(world.foreign(), SHELL)
