"""`make run` as an operator meets it: one command starts everything, keeps it running, and ends it cleanly."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.port import LABEL_ROLE
from tests.lab.installation import ROOT, Installation, until
from tests.lab.leftovers import remove_all

PROCESSES = ("redis", "web-1", "worker", "watcher", "exec", "beat")


@pytest.fixture(scope="module")
def slipway() -> Iterator[Installation]:
    """One installation for the tests that leave it running."""
    running = Installation(from_nothing=True)
    running.start()
    yield running
    running.remove()


def alive(pid: int) -> bool:
    """Neither gone nor a zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listening_ports(pid: int) -> set[tuple[str, int]]:
    """Addresses and TCP ports on which the process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            address, port = fields[1].split(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def test_it_answers_and_every_process_runs(slipway: Installation) -> None:
    assert slipway.http_status("/sign-in/") == 200
    assert set(slipway.status()["processes"]) == set(PROCESSES)
    for name in PROCESSES:
        assert alive(slipway.pid(name)), name
        assert slipway.status()["processes"][name]["restarts"] == 0, slipway.said()
    assert f"Slipway is at {slipway.url}" in slipway.said()


def test_the_local_engine_is_an_instance_of_the_cluster_default(slipway: Installation) -> None:
    code = (
        "from clusters.models import ContainerInstance as I\n"
        "print([(i.cluster.name, i.url, i.connected) for i in I.objects.select_related('cluster')])"
    )
    expected = str([("default", os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"), True)])
    until(lambda: expected in slipway.python(code), "the engine is connected", every=1)


def test_redis_is_private_and_the_console_is_on_loopback(slipway: Installation) -> None:
    sockets = list((slipway.home / "run").glob("redis.sock"))
    assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o600]
    assert listening_ports(slipway.pid("redis")) == set()
    assert listening_ports(slipway.pid("web-1")) == {("127.0.0.1", slipway.port)}


def test_nothing_it_keeps_can_be_read_by_others(slipway: Installation) -> None:
    assert stat.S_IMODE(slipway.home.stat().st_mode) == 0o700
    open_to_others = [
        path
        for path in slipway.home.rglob("*")
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    # Redis makes its own files after its own mask; they lie in a directory that only the owner enters.
    assert [path for path in open_to_others if "redis" not in path.parts] == []


def test_a_second_start_on_the_same_home_is_refused_and_says_where_it_runs(slipway: Installation) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env=slipway.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode != 0
    assert f"already runs on {slipway.home}" in second.stderr
    assert slipway.url in second.stderr
    assert slipway.http_status() == 200


def test_a_taken_port_is_said_before_anything_starts(slipway: Installation) -> None:
    other = Installation({"PORT": str(slipway.port)}, from_nothing=True)
    try:
        other.spawn()
        assert other.process is not None
        assert other.process.wait(30) != 0
        assert f"cannot listen on 127.0.0.1:{slipway.port}" in other.said()
        assert not (other.home / "slipway.sqlite3").exists()
    finally:
        other.remove()


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_is_started_again(slipway: Installation, name: str) -> None:
    old = slipway.kill(name)
    new = slipway.wait_restarted(name, old)
    assert new != old
    until(lambda: slipway.http_status() == 200, "the console answers")
    assert f"{name} was killed by SIGKILL" in slipway.said()


def test_no_request_is_refused_while_the_web_process_is_started_again(slipway: Installation) -> None:
    until(lambda: slipway.http_status() == 200, "the console answers")
    old = slipway.kill("web-1")
    with ThreadPoolExecutor(4) as pool:
        # The listening socket is the supervisor's: these wait in its queue.
        answers = list(pool.map(lambda _: _patient_status(slipway), range(4)))
    assert answers == [200] * 4
    slipway.wait_restarted("web-1", old)


def _patient_status(slipway: Installation) -> int:
    with socket.create_connection(("127.0.0.1", slipway.port), timeout=30) as connection:
        connection.sendall(b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return int(connection.recv(100).split(b" ")[1])


def test_the_worker_does_jobs_after_redis_and_worker_were_killed_together(slipway: Installation) -> None:
    old = {name: slipway.kill(name) for name in ("redis", "worker")}
    for name, pid in old.items():
        slipway.wait_restarted(name, pid)
    slipway.python("from clusters.models import ContainerInstance as I; I.objects.update(connected=False)")
    code = (
        "from base.jobs_by_name import send\nfrom clusters.models import ContainerInstance as I\n"
        "[send('clusters.probe_instance', i.pk) for i in I.objects.all()]"
    )
    slipway.python(code)
    away = "I.objects.filter(connected=False).count()"
    check = f"from clusters.models import ContainerInstance as I; print({away}, 'away')"
    until(lambda: "0 away" in slipway.python(check), "the job was done", every=1)


def test_doctor_finds_it_running(slipway: Installation) -> None:
    until(lambda: all(slipway.pid(name) for name in PROCESSES), "all run")
    done = subprocess.run(
        [sys.executable, "-m", "console.doctor"],
        cwd=ROOT,
        env=slipway.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"Slipway runs at {slipway.url}" in done.stdout, done.stdout
    assert "every migration is applied" in done.stdout
    assert done.returncode == 0, done.stdout


# --- tests that end it ----------------------------------------------------------------------------------


@pytest.fixture
def own() -> Iterator[Installation]:
    made = Installation()
    yield made
    made.remove()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_in_order_within_seconds(own: Installation, number: signal.Signals) -> None:
    own.start()
    pids = [own.pid(name) for name in PROCESSES]
    began = time.monotonic()
    assert own.stop(number) == 0
    assert time.monotonic() - began < 12
    assert [pid for pid in pids if alive(pid)] == []
    assert "killed" not in own.said()
    assert own.said().rstrip().endswith("stopped")


def test_its_children_die_with_it_even_by_kill_9_and_the_next_run_is_clean(own: Installation) -> None:
    own.start()
    pids = [own.pid(name) for name in PROCESSES]
    assert own.process is not None
    own.process.kill()
    own.process.wait()
    until(lambda: not any(alive(pid) for pid in pids), "its processes are gone", 5)
    own.start()
    assert own.http_status() == 200
    assert not set(pids) & {own.pid(name) for name in PROCESSES}


def test_the_generated_password_is_shown_once_and_kept_nowhere(own: Installation) -> None:
    own.environment.pop("SLIPWAY_ADMIN_PASSWORD")
    own.start()
    # The status says that it is ready a moment before the terminal does.
    until(lambda: "Sign in as admin with the password " in own.said(), "it says the password", 10)
    password = own.said().partition("Sign in as admin with the password ")[2].split()[0]
    assert len(password) >= 12
    sign_in = f"authenticate(username='admin', password={password!r})"
    check = f"from django.contrib.auth import authenticate; print({sign_in})"
    assert "admin" in own.python(check)
    own.stop()
    kept = [path for path in own.home.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert kept == []
    before = own.said()
    own.start()
    until(lambda: "Sign in as admin." in own.said().removeprefix(before), "it says who signs in", 10)
    assert own.said().count(password) == 1


@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="the copy is of an SQLite file")
def test_an_upgrade_keeps_a_copy_of_the_database_as_it_was(own: Installation) -> None:
    own.start()
    own.stop()
    own.manage("migrate", "sessions", "zero")
    assert not (own.home / "backups").exists()
    own.start()
    assert "upgrading the database (1 migrations)" in own.said()
    (copy,) = (own.home / "backups").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "services_service" in tables
    assert "django_session" not in tables
    assert own.http_status() == 200


def test_a_home_with_a_long_name_has_its_socket_elsewhere(tmp_path: Path) -> None:
    own = Installation(home=tmp_path / ("long" * 30))
    try:
        own.start()
        folder = Path(_socket_of(own)).parent
        assert (folder / "redis.sock").is_socket()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not folder.is_relative_to(own.home)
        own.stop()
        shutil.rmtree(folder)
    finally:
        own.remove()


def _socket_of(slipway: Installation) -> str:
    code = "from django.conf import settings; print(settings.HOME.redis_socket)"
    return slipway.python(code).split()[-1]


def test_two_installations_run_side_by_side(own: Installation, slipway: Installation) -> None:
    own.start()
    ask = "from base.installation import installation_id; print(installation_id())"
    assert own.http_status() == slipway.http_status() == 200
    assert own.python(ask).split()[-1] != slipway.python(ask).split()[-1]


def test_the_demo_runs_for_real_and_outlives_slipway(own: Installation) -> None:
    own.start()
    said = own.manage("demo")
    assert "3 of 3 tasks run" in said
    installation = own.python(
        "from base.installation import installation_id; print(installation_id())"
    ).split()[-1]
    engine = open_engine(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"), installation)
    try:
        running = _running(engine)
        assert len(running) == 3
        assert {image for _, image in running} == {engine.image("slipway-demo/hello:v1").id}  # type: ignore[union-attr]
        address = said.partition("http://")[2].split()[0]
        assert b"Hello from v1" in _page(address)
        assert "is there already" in own.manage("demo")
        own.stop()
        assert _running(engine) == running
        own.start()
        until(lambda: own.pid("watcher"), "the watcher runs")
        time.sleep(3)
        assert _running(engine) == running
        # It found them again as its own: a killed one is replaced.
        engine.kill_container(sorted(running)[0][0])
        until(
            lambda: len(_running(engine)) == 3 and sorted(running)[0] not in _running(engine),
            "it was replaced",
        )
    finally:
        own.stop()
        remove_all(engine)
        engine.close()


def _running(engine: object) -> set[tuple[str, str]]:
    found = engine.list_containers({LABEL_ROLE: "container"})  # type: ignore[attr-defined]
    return {(one.id, one.image_id) for one in found if one.status == "running"}


def _page(address: str) -> bytes:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        page = b""
        while piece := connection.recv(65536):
            page += piece
        return page
