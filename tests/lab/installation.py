"""A whole Slipway of a test's own: `manage.py run` on a temporary home and a free port.

Honours DATABASE_URL: on PostgreSQL each installation gets a database of its own, so that they never meet.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery-7"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(check: Callable[[], Any], what: str, seconds: float = 30.0, every: float = 0.1) -> Any:
    """The first true value of `check`; AssertionError naming `what` if none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        if value := check():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


class Installation:
    """Start with `start()`; `stop()` ends it, `remove()` forgets its state. `kill("worker")` is kill -9.

    Its database has its tables already, unless it is to begin `from_nothing`: to migrate takes seconds.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        home: Path | None = None,
        *,
        from_nothing: bool = False,
    ) -> None:
        # Not pytest's own directory: its paths are long, and unix sockets are not.
        self.home = home or Path(tempfile.mkdtemp(prefix="slipway-it-"))
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.output = self.home.with_name(self.home.name + ".out")
        self._database = ""
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "SLIPWAY_HOME": str(self.home),
            "PORT": str(self.port),
            "SLIPWAY_ADMIN_PASSWORD": PASSWORD,
            "SLIPWAY_WEB_WORKERS": "1",
            # Engines have a helper container only where a test asks for it: most count containers.
            "SLIPWAY_TASK_ENDPOINT": "roles",
            **self._own_database(),
            **(environment or {}),
        }
        for name in (
            "SLIPWAY_TEST_HOME",
            "SLIPWAY_DATABASE_POOL",
            "SLIPWAY_REDIS_URL",
            "SLIPWAY_URL",
            "ALLOWED_HOSTS",
        ):
            if name not in (environment or {}):
                self.environment.pop(name, None)
        if home is None and not from_nothing and not self.environment.get("DATABASE_URL"):
            (self.home / "slipway.sqlite3").write_bytes(migrated())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 60.0) -> None:
        """Start it and wait until it is ready."""
        self.spawn()
        until(lambda: self._ready(), f"Slipway is ready (see {self.output})", seconds)

    def spawn(self) -> None:
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def _ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"Slipway ended by itself:\n{self.said()[-3000:]}")
        status = self.status()
        return status.get("pid") == self.process.pid and bool(status.get("ready"))

    def said(self) -> str:
        """Everything it printed."""
        return self.output.read_text("utf-8", "replace") if self.output.exists() else ""

    def status(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = json.loads((self.home / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return status

    def pid(self, name: str) -> int:
        """Of a process by name (web-1, worker, watcher, beat, redis); 0 while it is down."""
        return int(self.status()["processes"][name]["pid"])

    def kill(self, name: str) -> int:
        """kill -9 of one process; returns the pid it had."""
        pid = until(lambda: self.pid(name), f"{name} runs")
        os.kill(pid, signal.SIGKILL)
        return int(pid)

    def wait_restarted(self, name: str, old: int, seconds: float = 30.0) -> int:
        """Until `name` runs under another pid than `old`."""
        return int(
            until(lambda: (now := self.pid(name)) != old and now, f"{name} was started again", seconds)
        )

    def manage(self, *arguments: str, timeout: float = 120) -> str:
        """A manage.py command on it; its output. AssertionError with what it said if it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, code: str) -> str:
        """Run Python with Django set up in a process of its own; what it printed."""
        return self.manage("shell", "--no-imports", "-c", code)

    def http_status(self, path: str = "/sign-in/") -> int:
        """0 where nothing answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Ask it to end and wait; the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=seconds)

    def remove(self) -> None:
        """Stop it and remove its state: home, output, database."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
        self.output.unlink(missing_ok=True)
        if self._database:
            with psycopg.connect(_plain(os.environ["DATABASE_URL"]), autocommit=True) as connection:
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                    sql.Identifier(self._database)
                )
                connection.execute(drop)

    def _own_database(self) -> dict[str, str]:
        url = os.environ.get("DATABASE_URL", "")
        if not url.startswith(("postgres://", "postgresql://")):
            return {}
        self._database = f"slipway_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(_plain(url), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        head, _, query = url.partition("?")
        return {
            "DATABASE_URL": f"{head.rpartition('/')[0]}/{self._database}" + (f"?{query}" if query else "")
        }


@functools.cache
def migrated() -> bytes:
    """An SQLite database with every table, and nothing in them that would make two installations one."""
    with tempfile.TemporaryDirectory(prefix="slipway-test-") as home:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "SLIPWAY_HOME": home}
        environment["DATABASE_URL"] = ""
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        file = Path(home) / "slipway.sqlite3"
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert database.execute("SELECT count(*) FROM base_installation").fetchone() == (0,)
        return file.read_bytes()


def _plain(url: str) -> str:
    return "postgresql://" + url.partition("://")[2]
