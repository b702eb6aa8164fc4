"""Two watchers and two beats on one installation: one of each may hang or die, and everything goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.engine import LabEngine
from tests.lab.installation import ROOT, until
from tests.lab.site import Site, container, definition


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with LabEngine() as host, Site(host.url, {"SLIPWAY_STEADY_SECONDS": "1"}) as one:
        web = container("web", one.image("web"))
        one.remote.create_service(
            service_name="web",
            task_definition=one.remote.register(document=definition("web", web)),
            desired_count=2,
        )
        one.deployed("web")
        yield one


@contextmanager
def another(site: Site, role: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A further process of this installation, as another host would run it."""
    environment = {**site.installation.environment, "SLIPWAY_ROLE": role}
    with Path(site.installation.output).open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def owner(site: Site) -> int:
    """The pid of the watcher that follows the engine; 0 while none does."""
    said = str(site.remote.watched_by()[0])
    return int(said.split(":")[1]) if said else 0


def healed(site: Site, seconds: float) -> None:
    """Kill a container behind Slipway's back and wait for its replacement."""
    before = {one.id for one in site.containers()}
    site.engine.kill_container(next(iter(before)))
    until(
        lambda: len(site.containers()) == 2 and {one.id for one in site.containers()} - before,
        "the container is replaced",
        seconds,
    )


def test_a_watcher_that_hangs_is_taken_over_by_the_other(site: Site) -> None:
    first = site.installation.pid("watcher")
    until(lambda: owner(site) == first, "the supervisor's watcher follows the engine")
    with another(site, "watcher", "manage.py", "watch") as second:
        time.sleep(3)
        assert owner(site) == first, "one that is alive keeps what it follows"
        os.kill(first, signal.SIGSTOP)
        try:
            until(lambda: owner(site) == second.pid, "the other takes over", 30)
            healed(site, 30)
        finally:
            os.kill(first, signal.SIGCONT)
        time.sleep(3)
        assert owner(site) == second.pid, "it gave up what was taken over"
    until(lambda: owner(site) == first, "the first takes it back when the other dies", 30)
    healed(site, 30)


def test_a_watcher_that_is_killed_is_taken_over(site: Site) -> None:
    with another(site, "watcher", "manage.py", "watch"):
        time.sleep(3)
        old = site.installation.kill("watcher")
        until(lambda: owner(site) not in (0, old), "somebody follows the engine", 30)
        healed(site, 30)


def test_two_beats_send_what_one_sends(site: Site, tmp_path: Path) -> None:
    beat = ("-m", "celery", "--quiet", "--app", "console.celery", "beat")
    schedule = ("--schedule", str(tmp_path / "schedule"), "--pidfile", "")
    with another(site, "beat", *beat, *schedule):
        time.sleep(6)
        before = site.remote.sent_by_beat(name="sweep")
        moments = set()
        for _ in range(100):
            moments.add(site.remote.sent_by_beat(name="sweep")["until"])
            time.sleep(0.2)
        # 20 seconds of an entry that is due every five: four sendings, or five at the edges, whoever sent them.
        assert 3 <= len(moments - {before["until"]}) <= 5, moments
        victim = site.installation.kill("beat")
        site.installation.wait_restarted("beat", victim)
        later = site.remote.sent_by_beat(name="sweep")
        until(lambda: site.remote.sent_by_beat(name="sweep") != later, "the sweep is sent on", 15)
