"""Unix sockets that misbehave: one that never answers, and one that loses certain answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mute_server(path: Path) -> Iterator[str]:
    """Takes connections and requests, never says a word. Yields its URL."""
    held: list[socket.socket] = []
    with _serving(path, held.append) as url:
        yield url
    for connection in held:
        connection.close()


@contextmanager
def swallowing_proxy(path: Path, target: str, marker: bytes) -> Iterator[str]:
    """Passes everything on to the socket `target` and back, but no answer on a connection once a
    request on it contained `marker`: the request takes effect, and nobody is told."""
    opened: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(target)
        opened.extend((client, upstream))
        mute = threading.Event()

        def pump(source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    if not answers and marker in data:
                        mute.set()
                    if not (answers and mute.is_set()):
                        sink.sendall(data)
            with contextlib.suppress(OSError):
                if not answers:
                    sink.shutdown(socket.SHUT_WR)

        threading.Thread(target=pump, args=(client, upstream), kwargs={"answers": False}, daemon=True).start()
        threading.Thread(target=pump, args=(upstream, client), kwargs={"answers": True}, daemon=True).start()

    with _serving(path, serve) as url:
        yield url
    for connection in opened:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@contextmanager
def _serving(path: Path, take: Callable[[socket.socket], object]) -> Iterator[str]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(16)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    take(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
