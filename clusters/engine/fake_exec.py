"""A command with its input and output held open, in a container of the fake engine.

`/bin/sh` is a shell that knows `echo TEXT`, `stty size`, `cat` (what is typed, until Ctrl-D), `flood BYTES` and
`exit CODE`; `/bin/sh -c LINE` runs one line of that; any other command answers as Behaviour.commands says. With a
terminal, what is typed is echoed and lines end in CRLF.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from .errors import EngineError, EngineUnavailable
from .fake_host import FakeContainer, FakeHost

_TICK = 0.02
_PIECE = 64 * 1024
_NOT_FOUND = 126


class FakeExec:
    """See port.ExecStream."""

    def __init__(
        self,
        host: FakeHost,
        container: FakeContainer,
        command: Sequence[str],
        *,
        tty: bool,
        columns: int,
        rows: int,
    ) -> None:
        self._host, self._container, self._run = host, container, container.run
        self._tty, self._size = tty, (columns, rows)
        self._changed = threading.Condition()
        self._output, self._line = bytearray(), bytearray()
        self._code: int | None = None
        self._copying = False
        self._shell = tuple(command) == ("/bin/sh",)
        with self._changed:
            self._begin(command)

    def _begin(self, command: Sequence[str]) -> None:
        if (
            tuple(command[:2]) == ("/bin/sh", "-c")
            and tuple(command) not in self._container.behaviour.commands
        ):
            for line in command[2].split(";"):
                if self._code is None:
                    self._do(line.strip())
            self._finish_unless_copying(0)
        elif not self._shell:
            self._answer(tuple(command))
        else:
            self._prompt()

    def read(self, timeout: float | None = None) -> bytes | None:
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._output:
                self._look()
                if self._code is not None:
                    return b""
                left = _TICK if end is None else end - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, _TICK))
            piece = bytes(self._output[:_PIECE])
            del self._output[:_PIECE]
            return piece

    def write(self, data: bytes) -> None:
        with self._changed:
            self._look()
            if self._code is not None:
                return
            for byte in data:
                self._type(bytes([byte]))
            self._changed.notify_all()

    def resize(self, columns: int, rows: int) -> None:
        with self._changed:
            self._size = (columns, rows)

    def exit_code(self) -> int | None:
        with self._changed:
            self._look()
            return self._code

    def close(self) -> None:
        with self._changed:
            self._end(137)

    # below, with the lock held --------------------------------------------------------------------

    def _look(self) -> None:
        """It ends with its container, and breaks off with its engine."""
        if not self._host.reachable:
            raise EngineUnavailable(f"The engine {self._host.name} went away.")
        if self._container.status != "running" or self._container.run != self._run:
            self._end(137)

    def _end(self, code: int) -> None:
        if self._code is None:
            self._code = code
            self._changed.notify_all()

    def _type(self, byte: bytes) -> None:
        if byte == b"\x04":
            self._copying = False
            if not self._shell:
                self._end(0)
            return
        newline = byte in (b"\n", b"\r")
        if self._tty:
            self._say(b"\n" if newline else byte)
        if not newline:
            self._line += byte
            return
        line, self._line = self._line.decode(errors="replace"), bytearray()
        if self._copying:
            self._say(line.encode() + b"\n")
        elif self._shell:
            self._do(line.strip())
            if self._code is None and not self._copying:
                self._prompt()

    def _do(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "exit":
            self._end(int(rest or 0))
        elif word == "echo":
            self._say(rest.encode() + b"\n")
        elif line == "stty size":
            self._say(f"{self._size[1]} {self._size[0]}\n".encode())
        elif word == "cat":
            self._copying = True
        elif word == "flood":
            self._say(b"x" * int(rest) + b"\n")
        elif word:
            self._say(f"/bin/sh: {word}: not found\n".encode())

    def _answer(self, command: tuple[str, ...]) -> None:
        answer = self._container.behaviour.commands.get(command)
        if isinstance(answer, EngineError):
            raise answer
        if answer is None:
            self._say(f'exec: "{command[0]}": no such file or directory\n'.encode())
            self._end(_NOT_FOUND)
        else:
            self._say(answer[1].encode())
            self._end(answer[0])

    def _finish_unless_copying(self, code: int) -> None:
        if not self._copying:
            self._end(code)

    def _prompt(self) -> None:
        if self._tty:
            self._say(b"$ ")

    def _say(self, data: bytes) -> None:
        self._output += data.replace(b"\n", b"\r\n") if self._tty else data
