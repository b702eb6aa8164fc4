"""A command in a container with its input and output held open: what a terminal is connected to."""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence

from .errors import ContainerNotFound, EngineError, EngineUnavailable
from .frames import Demultiplexer
from .refusals import container_refusal
from .transport import Hijacked, Transport, segment

READ_SIZE = 64 * 1024
_MARK = "SLIPWAY_EXEC"
"""A variable that everything begun by one command inherits, by which it is found again to be ended."""
# Ends all that carries the mark: politely, then not. Needs a shell, and grep or not: without, all of it stays.
_END = (
    "for s in HUP KILL; do for p in /proc/[0-9]*; do "
    'if grep -q "$0" $p/environ 2>/dev/null && [ ${p#/proc/} != $$ ]; then kill -$s ${p#/proc/}; fi; '
    "done; [ $s = KILL ] || sleep 1; done 2>/dev/null"
)


class SdkExec:
    """See port.ExecStream. The socket is never read and written at once: TLS does not allow that."""

    def __init__(
        self,
        transport: Transport,
        container_id: str,
        exec_id: str,
        hijacked: Hijacked,
        mark: str,
        *,
        tty: bool,
    ) -> None:
        self._transport = transport
        self._container_id = container_id
        self._exec_id = exec_id
        self._hijacked = hijacked
        self._mark = mark
        self._socket = hijacked.socket
        self._socket.setblocking(False)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._first = hijacked.first
        self._frames = None if tty else Demultiplexer()
        self._ended = False
        self._closed = False

    def read(self, timeout: float | None = None) -> bytes | None:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            data = self._read_raw(None if end is None else max(0.0, end - time.monotonic()))
            if data is None or self._frames is None or data == b"":
                return data
            # A piece of a frame is no output yet.
            if output := b"".join(payload for _, payload in self._frames.feed(data)):
                return output

    def _read_raw(self, timeout: float | None) -> bytes | None:
        if self._first:
            first, self._first = self._first, b""
            return first
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ended:
            wanted = select.POLLIN
            try:
                with self._lock:
                    data = self._socket.recv(READ_SIZE)
                self._ended = not data
                return data
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            except OSError as error:
                self._ended = True
                if self._closed:
                    return b""
                raise EngineUnavailable(f"The engine at {self._transport.url} went away: {error}") from error
            if not self._wait(wanted, None if end is None else end - time.monotonic()):
                return None
        return b""

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        with self._writing:
            while rest and not self._ended:
                wanted = select.POLLOUT
                try:
                    with self._lock:
                        rest = rest[self._socket.send(rest) :]
                    continue
                except (BlockingIOError, ssl.SSLWantWriteError):
                    pass
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except OSError as error:
                    if self._closed or isinstance(error, BrokenPipeError | ConnectionResetError):
                        return  # it has ended: whoever reads hears of it
                    raise EngineUnavailable(
                        f"The engine at {self._transport.url} went away: {error}"
                    ) from error
                self._wait(wanted, 1.0)

    def _wait(self, wanted: int, seconds: float | None) -> bool:
        """Until the socket is ready; False when `seconds` have passed before."""
        if seconds is not None and seconds <= 0:
            return False
        poll = select.poll()
        poll.register(self._socket, wanted)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def resize(self, columns: int, rows: int) -> None:
        with contextlib.suppress(EngineError):  # ended, or not quite begun: a size is no reason to fail
            self._transport.call(
                "POST",
                f"/exec/{segment(self._exec_id)}/resize",
                params={"h": rows, "w": columns},
                refusal=container_refusal,
            )

    def exit_code(self) -> int | None:
        try:
            state = self._transport.call(
                "GET", f"/exec/{segment(self._exec_id)}/json", refusal=container_refusal
            )
        except ContainerNotFound:
            return None
        code = state.get("ExitCode")
        return None if state.get("Running") or code is None else int(code)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(EngineError):
            # Closing the connection ends nothing: an engine lets the command run on without anybody at its terminal,
            # and what it began (`sleep 1000 &`) may have outlived it.
            self._end_it()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._hijacked.close()

    def _end_it(self) -> None:
        exec_id = create_exec(
            self._transport, self._container_id, ["/bin/sh", "-c", _END, self._mark], tty=False, stdin=False
        )
        self._transport.call(
            "POST",
            f"/exec/{segment(exec_id)}/start",
            body={"Detach": True, "Tty": False},
            refusal=container_refusal,
        )


def create_exec(
    transport: Transport,
    container_id: str,
    command: Sequence[str],
    *,
    tty: bool,
    stdin: bool,
    environment: Sequence[tuple[str, str]] = (),
) -> str:
    reply = transport.call(
        "POST",
        f"/containers/{segment(container_id)}/exec",
        body={
            "Cmd": list(command),
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": tty,
            "Env": [f"{name}={value}" for name, value in environment],
        },
        refusal=container_refusal,
    )
    return str(reply["Id"])


def open_exec(
    transport: Transport,
    container_id: str,
    command: Sequence[str],
    *,
    tty: bool,
    columns: int,
    rows: int,
    environment: Sequence[tuple[str, str]],
) -> SdkExec:
    mark = f"{_MARK}={secrets.token_hex(8)}"
    name, _, value = mark.partition("=")
    exec_id = create_exec(
        transport, container_id, command, tty=tty, stdin=True, environment=[*environment, (name, value)]
    )
    hijacked = transport.hijack(
        f"/exec/{segment(exec_id)}/start", {"Detach": False, "Tty": tty}, container_refusal
    )
    stream = SdkExec(transport, container_id, exec_id, hijacked, mark, tty=tty)
    if tty:
        stream.resize(columns, rows)
    return stream
