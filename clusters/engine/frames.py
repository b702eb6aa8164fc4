"""Docker's framing of a container's two output streams, and the log lines within."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from .port import LogLine
from .translate_state import parse_time

StreamName = Literal["stdout", "stderr"]

_HEADER = 8
_NAMES: dict[int, StreamName] = {0: "stdout", 1: "stdout", 2: "stderr"}
# The engine cuts longer lines into pieces of 16 KiB; a piece that ends no line lacks the newline.
_PIECE = 16 * 1024
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ")
MOST_LINE = 256 * 1024  # bytes; a longer line goes on in the next


class Demultiplexer:
    """An 8-byte header (stream, length) before each payload. Feed it what comes, as it comes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[StreamName, bytes]]:
        """The payloads that are whole now."""
        buffer = self._buffer
        buffer += chunk
        start = 0
        while len(buffer) - start >= _HEADER:
            length = int.from_bytes(buffer[start + 4 : start + _HEADER], "big")
            end = start + _HEADER + length
            if len(buffer) < end:
                break
            yield _NAMES.get(buffer[start], "stderr"), bytes(buffer[start + _HEADER : end])
            start = end
        del buffer[:start]


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[StreamName, bytes]]:
    """Demultiplex a whole stream. Ends quietly at a cut frame."""
    demultiplexer = Demultiplexer()
    for chunk in chunks:
        yield from demultiplexer.feed(chunk)


def log_lines(chunks: Iterator[bytes]) -> Iterator[LogLine]:
    """Lines of GET /containers/<id>/logs with timestamps=1, of a container with or without a terminal.

    With a terminal there are no frames. The two cannot be confused: a frame begins with a byte
    below 3, a line with the digit of a year.
    """
    first = next(chunks, b"")
    if first[:1] in (b"\0", b"\1", b"\2"):
        yield from _joined(frames(_again(first, chunks)))
    else:
        yield from _joined(("stdout", line) for line in _terminal_pieces(_again(first, chunks)))


def _again(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _terminal_pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Stamped pieces, the last of each line with its newline: the form frames have."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield from _split_long(line + b"\n")
    if rest:
        yield from _split_long(rest)


def _split_long(line: bytes) -> Iterator[bytes]:
    """Undo the engine's cutting: within a long line each 16 KiB are followed by the next stamp."""
    while (stamp := _STAMP.match(line)) is not None:
        cut = stamp.end() + _PIECE
        if _STAMP.match(line, cut) is None:
            break
        yield line[:cut]
        line = line[cut:]
    yield line


def _joined(pieces: Iterable[tuple[StreamName, bytes]]) -> Iterator[LogLine]:
    """Pieces of one line put together again, under the first piece's time."""
    open_lines: dict[StreamName, tuple[bytes, bytearray]] = {}
    for stream, piece in pieces:
        stamp = _STAMP.match(piece)
        if stamp is None:
            continue
        time, line = open_lines.pop(stream, (stamp[1], bytearray()))
        line += piece[stamp.end() :]
        if line.endswith(b"\n") or len(line) >= MOST_LINE:
            yield from _line(stream, time, line)
        else:
            open_lines[stream] = (time, line)
    for stream, (time, line) in open_lines.items():
        yield from _line(stream, time, line)


def _line(stream: StreamName, stamp: bytes, line: bytearray) -> Iterator[LogLine]:
    time = parse_time(stamp.decode())
    if time is not None:
        message = bytes(line).removesuffix(b"\n").removesuffix(b"\r")
        yield LogLine(time=time, stream=stream, message=message.decode(errors="replace"))
