"""Calls into a running installation: see tests.lab.inside for what can be called."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

from .installation import ROOT, Installation


class Refused(Exception):
    """An operation refused the call; `code` is AWS's."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class Remote:
    """`remote.service(name="web")` and so on. One call at a time; of any thread."""

    def __init__(self, installation: Installation) -> None:
        self._lock = threading.Lock()
        self._errors = installation.output.open("a")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.inside"],
            cwd=ROOT,
            env=installation.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __getattr__(self, name: str) -> Any:
        return lambda **given: self.call(name, **given)

    def call(self, name: str, /, **given: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"call": name, "with": given}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"{name}: the inside process ended, see {self._errors.name}")
        said = json.loads(line)
        if "error" in said:
            raise Refused(said["error"], said["code"])
        return said["value"]

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
