"""A web process of a test's own: uvicorn on a migrated home, without engine, Redis or worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests.lab.installation import PASSWORD, ROOT, Installation, until

__all__ = ["PASSWORD", "WebServer"]


class WebServer(Installation):
    """`start()` migrates, makes the user `admin` (PASSWORD) and the cluster `default`, and serves `url`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        super().__init__({"DOCKER_HOST": "unix:///nonexistent/docker.sock", **(environment or {})})

    def start(self, seconds: float = 60.0) -> None:
        self.manage("prepare")
        self.spawn()
        until(self._ready, f"the web process answers (see {self.output})", seconds)

    def spawn(self) -> None:
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.run.web", "--port", str(self.port)],
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
            raise AssertionError(f"the web process ended by itself:\n{self.said()[-3000:]}")
        return self.http_status("/api/v1/") == 200

    def token(self, username: str, *groups: str) -> str:
        """The secret of a new token of `username`, who is made a member of `groups` where it does not exist."""
        code = (
            "from access.registry import system_caller, call\n"
            "from access.models import User\n"
            "me = system_caller('tests')\n"
            f"if not User.objects.filter(username={username!r}).exists():\n"
            f"    call('create_user', me, username={username!r}, groups={list(groups)!r})\n"
            f"print(call('create_token', me, username={username!r}, name='wire').secret)\n"
        )
        return self.python(code).strip().splitlines()[-1]
