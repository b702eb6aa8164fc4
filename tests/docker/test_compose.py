"""The Dockerfile and compose.yaml for production: built without network, started, used.

The base image is made here with debootstrap; the wheels are fetched outside the build.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusters.engine.port import Engine
from tests.lab import debian, images
from tests.lab.debian import docker
from tests.lab.installation import ROOT, free_port, until

PASSWORD = "correct-horse-battery-7"
LONG_RUNNING = {"web", "worker", "beat", "watcher", "exec", "redis", "postgres"}

# redis asks for it below Python 3.11.3, which Debian 12's is and the one that runs the tests may not be.
_OLDER_PYTHON = ("async-timeout>=4.0.3",)

pytestmark = pytest.mark.slow


def _key(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes() + repr(_OLDER_PYTHON).encode()).hexdigest()[:12]


def wheels() -> Path:
    """The pinned packages as wheels, fetched once per requirements.txt."""
    requirements = ROOT / "requirements.txt"
    folder = debian.cache() / f"wheels-{_key(requirements)}"
    if not folder.exists():
        draft = folder.with_suffix(f".{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*pip, "-r", str(requirements), *_OLDER_PYTHON, "-d", str(draft)], check=True)
        draft.replace(folder)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Slipway's image, built without network from the files of this checkout."""
    context = tmp_path_factory.mktemp("context")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
    subprocess.run([sys.executable, "scripts/vendor_assets.py"], cwd=ROOT, check=True)
    shutil.copytree(ROOT / "static" / "vendor", context / "static" / "vendor", dirs_exist_ok=True)
    shutil.copytree(wheels(), context / "wheels")
    name = f"slipway-lab/slipway:{uuid.uuid4().hex[:12]}"
    base = ("--build-arg", f"BASE={debian.ensure_base()}")
    # The first stage gets a name, or it would be left behind without one; the next run builds on its layers.
    debian.build(context, "slipway-lab/slipway-build:latest", "--target", "build", *base)
    debian.build(context, name, *base)
    yield name
    docker("rmi", "--force", name, check=False)


@dataclass
class Stack:
    """A started compose.yaml."""

    project: str
    environment: dict[str, str]
    port: int
    installation: str = ""

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["docker-compose", "-p", self.project, "-f", str(ROOT / "compose.yaml"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def python(self, service: str, code: str) -> str:
        return self.compose("exec", "-T", service, "python", "manage.py", "shell", "--no-imports", "-c", code)

    def container(self, service: str) -> dict[str, object]:
        """docker inspect of its one container."""
        (container,) = self.compose("ps", "-q", service).split()
        facts: list[dict[str, object]] = json.loads(docker("inspect", container).stdout)
        return facts[0]

    def health(self, service: str) -> str:
        state = self.container(service)["State"]
        assert isinstance(state, dict)
        return str(state["Health"]["Status"])

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@pytest.fixture(scope="module")
def stack(image: str) -> Iterator[Stack]:
    port = free_port()
    environment = {
        **os.environ,
        "COMPOSE_HTTP_TIMEOUT": "120",
        "SLIPWAY_IMAGE": image,
        "SLIPWAY_REDIS_IMAGE": debian.ensure_redis(),
        "SLIPWAY_POSTGRES_IMAGE": debian.ensure_postgres(),
        "POSTGRES_PASSWORD": uuid.uuid4().hex,
        "SLIPWAY_TASK_ENDPOINT": "roles",
        "SLIPWAY_ADMIN_PASSWORD": PASSWORD,
        "DOCKER_GID": str(Path("/var/run/docker.sock").stat().st_gid),
        "SLIPWAY_BIND": "127.0.0.1",
        "PORT": str(port),
    }
    for name in ("SLIPWAY_URL", "ALLOWED_HOSTS", "SLIPWAY_JOB_THREADS"):
        environment.pop(name, None)
    started = Stack(f"slipwaytest{uuid.uuid4().hex[:8]}", environment, port)
    try:
        started.compose("up", "-d")
        ask = "from base.installation import installation_id; print(installation_id())"
        started.installation = started.python("web", ask).split()[-1]
        yield started
    finally:
        started.compose("down", "--volumes", "--timeout", "5", check=False)
        if started.installation:
            remove_of(started.installation)


def test_the_sign_in_page_answers_through_the_published_port(stack: Stack) -> None:
    until(lambda: stack.status("/sign-in/") == 200, "the sign-in page answers", 60)
    assert stack.status("/healthz") == 200


def test_its_assets_are_in_the_image(stack: Stack) -> None:
    until(lambda: stack.status("/sign-in/") == 200, "the sign-in page answers", 60)
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/sign-in/") as answer:
        page = answer.read().decode()
    sheets = [part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/static/")]
    assert any("tabler" in sheet for sheet in sheets), page
    assert {sheet: stack.status(sheet) for sheet in sheets} == dict.fromkeys(sheets, 200)


def test_postgresql_is_migrated_and_the_administrator_can_sign_in(stack: Stack) -> None:
    code = (
        "from django.db import connection\n"
        "from django.db.migrations.executor import MigrationExecutor as M\n"
        "from django.contrib.auth import authenticate\n"
        "m = M(connection)\n"
        "print(connection.vendor, len(m.migration_plan(m.loader.graph.leaf_nodes())))\n"
        f"print(authenticate(username='admin', password={PASSWORD!r}))\n"
    )
    assert stack.python("web", code).split("\n")[-3:-1] == ["postgresql 0", "admin"]


def test_only_worker_watcher_and_exec_reach_the_engine(stack: Stack) -> None:
    with_socket = {
        service
        for service in LONG_RUNNING
        for mount in stack.container(service)["Mounts"]  # type: ignore[attr-defined]
        if mount["Destination"] == "/var/run/docker.sock"
    }
    assert with_socket == {"worker", "watcher", "exec"}


def test_nothing_of_ours_runs_as_root_and_only_the_console_is_published(stack: Stack) -> None:
    for service in LONG_RUNNING - {"redis", "postgres"}:
        assert stack.compose("exec", "-T", service, "id", "-u").strip() == "10001", service
    for service in LONG_RUNNING - {"web"}:
        ports = stack.container(service)["NetworkSettings"]["Ports"]  # type: ignore[index]
        assert not any(ports.values()), service


def test_a_service_runs_real_tasks_and_heals(stack: Stack, engine: Engine) -> None:
    idle = images.ensure_image(engine, "idle")
    connected = (
        "from clusters.models import ContainerInstance as I; print(I.objects.filter(connected=True).count())"
    )
    until(lambda: stack.python("web", connected).split()[-1] == "1", "the engine is connected", 30, every=2)
    container = {"name": "main", "image": idle, "memory": 16, "essential": True}
    document = {"family": "composed", "containerDefinitions": [container]}
    code = (
        "from access.caller import system_caller\n"
        "from services.definitions import register_task_definition as register\n"
        "from services.operations import create_service\n"
        "me = system_caller('test')\n"
        f"register(me, document={document!r})\n"
        "create_service(me, service_name='composed', task_definition='composed', desired_count=2)\n"
    )
    stack.python("web", code)

    def running() -> set[str]:
        mine = (
            "--filter",
            f"label=slipway.installation={stack.installation}",
            "--filter",
            "label=slipway.role=container",
        )
        return set(docker("ps", "-q", *mine).stdout.split())

    until(lambda: len(running()) == 2, "two tasks run", 60)
    killed = sorted(running())[0]
    docker("kill", killed)
    until(lambda: len(running()) == 2 and killed not in running(), "the killed one was replaced", 60)


def test_every_part_becomes_healthy_and_none_was_restarted(stack: Stack) -> None:
    for service in sorted(LONG_RUNNING):
        until(
            lambda service=service: stack.health(service) == "healthy", f"{service} is healthy", 120, every=2
        )
        assert stack.container(service)["RestartCount"] == 0, service


def remove_of(installation: str) -> None:
    """The containers and networks of that installation."""
    label = ("--filter", f"label=slipway.installation={installation}")
    if containers := docker("ps", "-aq", *label).stdout.split():
        docker("rm", "--force", "--volumes", *containers)
    if networks := docker("network", "ls", "-q", *label).stdout.split():
        docker("network", "rm", *networks)
