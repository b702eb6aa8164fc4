"""What the supervisor says on the terminal and keeps in files.

Called by: `console.run.child`, `console.run.supervisor`.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

_NAME_WIDTH = 8
_COLOURS = {"web": 36, "worker": 32, "watcher": 35, "beat": 34, "redis": 33, "exec": 34, "slipway": 1}
_MAX_FILE_BYTES = 10 * 1024 * 1024
_KEPT_FILES = 4


class Terminal:
    """Prints prefixed lines from a thread of its own. A terminal that is paused (Ctrl-S) or gone must not hold up
    the supervisor, and through its pipes every process: lines beyond the queue are dropped, and counted."""

    def __init__(self, capacity: int = 5000) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(capacity)
        self._dropped = 0
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._thread = threading.Thread(target=self._print, name="terminal", daemon=True)
        self._thread.start()

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:<{_NAME_WIDTH}} |"
        if self._colour:
            prefix = f"\x1b[{_COLOURS.get(name.rstrip('-0123456789'), 37)}m{prefix}\x1b[0m"
        self.plain(f"{prefix} {text}")

    def plain(self, text: str) -> None:
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def close(self, timeout: float = 1.0) -> None:
        try:
            self._lines.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _print(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    print(f"... {dropped} lines not shown (the terminal was too slow); see the log files")
                print(text, flush=True)
            except (OSError, ValueError):
                # The terminal is gone (closed pipe). The files still have everything.
                continue


class LogFile:
    """One process's log: SLIPWAY_HOME/logs/<name>.log, rotated by size, readable by the owner only."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.close(descriptor)
        self._handler = RotatingFileHandler(
            path, maxBytes=_MAX_FILE_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", errors="replace"
        )

    def line(self, text: str) -> None:
        self._handler.emit(logging.LogRecord("", logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        self._handler.close()
