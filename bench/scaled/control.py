"""The benchmark's end of the fake engines' control socket. Standard library only."""

from __future__ import annotations

import json
import socket
from typing import Any


class Control:
    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._file = self._socket.makefile("rwb")

    def ask(self, do: str, **more: Any) -> Any:
        self._file.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._file.flush()
        return json.loads(self._file.readline())

    def load(self, containers: list[Any]) -> None:
        for first in range(0, len(containers), 500):
            self.ask("load", all=containers[first : first + 500])

    def die(self, engine: int, container: str) -> float:
        """The moment of its death, by the engines' clock."""
        return float(self.ask("die", engine=engine, id=container))

    def starts(self, since: float) -> list[tuple[float, str, str]]:
        """(moment, container, task's ARN) of every start after `since`."""
        return [tuple(one) for one in self.ask("starts", since=since)]

    def calls(self) -> dict[str, int]:
        return dict(self.ask("calls"))
