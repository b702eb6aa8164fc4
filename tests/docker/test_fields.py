"""Each member of a task definition has its effect on a real engine: told by the engine, and seen from inside."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.control import specs
from services.control.observe import load
from services.models import Task
from telemetry.models import LogStream
from tests.lab import images
from tests.lab.dns import dns_server
from tests.lab.tasks import TaskLab, inspect, within

MIB = 1024 * 1024


def container(name: str, image: str = "idle", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": images.reference(image), "memory": 16, "stopTimeout": 1, **more}


def pairs(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


# ---- the process -------------------------------------------------------------------------------------


def test_what_runs_and_as_whom(lab: TaskLab) -> None:
    shell = container(
        "shell",
        entryPoint=["/bin/sh", "-c"],
        command=["echo $GREETING > /tmp/said; exec /bin/app"],
        environment=pairs(GREETING="hello = you", EMPTY=""),
        user="65534:65534",
        workingDirectory="/tmp",
        hostname="harbour",
        dockerLabels={"com.example.team": "docks"},
        extraHosts=[{"hostname": "quay.example", "ipAddress": "192.0.2.7"}],
        dnsServers=["192.0.2.53"],
        dnsSearchDomains=["lab.example"],
        ulimits=[{"name": "nofile", "softLimit": 64, "hardLimit": 128}],
        interactive=True,
    )
    terminal = container("terminal", pseudoTerminal=True, dockerSecurityOptions=["no-new-privileges"])
    task = lab.run(shell, terminal)

    seen = lab.inspect(task, "shell")
    config, host = seen["Config"], seen["HostConfig"]
    assert (config["Entrypoint"], config["Cmd"]) == (["/bin/sh", "-c"], shell["command"])
    assert {"GREETING=hello = you", "EMPTY="} <= set(config["Env"])
    assert config["Labels"]["com.example.team"] == "docks"
    assert config["Labels"]["com.amazonaws.ecs.task-arn"] == task.arn
    assert (config["OpenStdin"], config["Tty"], config["StopTimeout"]) == (True, False, 1)
    assert host["RestartPolicy"]["Name"] == "no"
    assert lab.sh(task, "shell", "until cat said; do sleep 0.1; done 2>/dev/null") == "hello = you", (
        "relative to the working directory"
    )
    assert lab.sh(task, "shell", "id -u; id -g").split() == ["65534", "65534"]
    assert lab.sh(task, "shell", "hostname") == "harbour"
    assert "192.0.2.7\tquay.example" in lab.sh(task, "shell", "cat /etc/hosts")
    resolver = lab.sh(task, "shell", "cat /etc/resolv.conf").splitlines()
    assert {"nameserver 192.0.2.53", "search lab.example"} <= set(resolver)
    assert lab.sh(task, "shell", "ulimit -S -n; ulimit -H -n").split() == ["64", "128"]

    assert lab.inspect(task, "terminal")["Config"]["Tty"]
    assert lab.sh(task, "terminal", "readlink /proc/1/fd/0").startswith("/dev/pts")
    assert "NoNewPrivs:\t1" in lab.sh(task, "terminal", "cat /proc/1/status")
    assert "NoNewPrivs:\t0" in lab.sh(task, "shell", "cat /proc/1/status")


def test_the_kernels_side(lab: TaskLab) -> None:
    limited = container(
        "limited",
        memoryReservation=8,
        readonlyRootFilesystem=True,
        systemControls=[{"namespace": "net.core.somaxconn", "value": "321"}],
        linuxParameters={
            "initProcessEnabled": True,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["CHOWN", "MKNOD"]},
            "sharedMemorySize": 5,
            "tmpfs": [{"containerPath": "/scratch", "size": 3, "mountOptions": ["noexec", "mode=700"]}],
            "devices": [
                {"hostPath": "/dev/zero", "containerPath": "/dev/nought", "permissions": ["read"]},
            ],
            "maxSwap": 20,
            "swappiness": 33,
        },
    )  # fmt: skip
    # What is read-only has no /tmp to write to either.
    limited |= {"command": ["/bin/sleep", "3600"]}
    plain = container("plain")
    task = lab.run(limited, plain)

    code, output = lab.attempt(task, "limited", "touch /file")
    assert (code, "Read-only file system" in output) == (1, True)
    assert lab.attempt(task, "plain", "touch /file")[0] == 0
    assert lab.sh(task, "limited", "cat /proc/sys/net/core/somaxconn") == "321"
    assert "init" in lab.sh(task, "limited", "cat /proc/1/comm")
    assert capabilities(lab, task, "limited") == (
        capabilities(lab, task, "plain") | {NET_ADMIN}
    ) - {CHOWN, MKNOD}  # fmt: skip
    assert lab.sh(task, "limited", "df -m /dev/shm | tail -1").split()[1] == "5"
    mounted = lab.sh(task, "limited", "grep ' /scratch ' /proc/mounts")
    assert mounted.startswith("tmpfs ")
    assert {"size=3072k", "noexec", "mode=700"} <= set(mounted.split()[3].split(","))
    assert lab.sh(task, "limited", "head -c 2 /dev/nought | wc -c") == "2"

    host = lab.inspect(task, "limited")["HostConfig"]
    (device,) = host["Devices"]
    assert device["CgroupPermissions"] == "r"
    assert (host["Memory"], host["MemoryReservation"]) == (16 * MIB, 8 * MIB)
    assert host["MemorySwap"] == 36 * MIB, "Docker counts memory and swap together"
    assert host["MemorySwappiness"] == 33
    group = Path("/sys/fs/cgroup/memory/docker", lab.row(task, "limited").runtime_id)
    assert (group / "memory.limit_in_bytes").read_text().strip() == str(16 * MIB)
    assert (group / "memory.soft_limit_in_bytes").read_text().strip() == str(8 * MIB)


CHOWN, NET_ADMIN, MKNOD = 0, 12, 27  # bits of the kernel


def capabilities(lab: TaskLab, task: Task, name: str) -> set[int]:
    """The numbers of those its first process may have."""
    line = lab.sh(task, name, "grep CapBnd /proc/1/status")
    bits = int(line.split()[1], 16)
    return {number for number in range(64) if bits >> number & 1}


def test_privileged_is_passed_on(lab: TaskLab) -> None:
    """As created: not every machine these tests run on could start it."""
    for wanted in (True, False):
        what = container("root", privileged=wanted)
        task = load(lab.start(lab.register(what)))
        (document,) = task.task_definition.containers
        made = lab.engine.create_container(
            specs.container_spec(task, document, what["image"], cgroup_parent=None)
        )
        assert inspect(made)["HostConfig"]["Privileged"] is wanted


# ---- health -------------------------------------------------------------------------------------------


def test_only_the_definitions_health_check_counts(lab: TaskLab) -> None:
    """The image's own, which always fails, is switched off."""
    ill = {"command": ["CMD-SHELL", "echo not $WORD; exit 1"], "interval": 5, "retries": 1, "timeout": 4}
    task = lab.run(
        container("unasked", "own-check"),
        container("refused", "own-check", healthCheck={"command": ["NONE"]}),
        container("asked", "own-check", healthCheck=ill, environment=pairs(WORD="today"), essential=False),
    )
    assert lab.inspect(task, "asked")["Config"]["Healthcheck"] == {
        "Test": ill["command"], "Interval": 5_000_000_000, "Timeout": 4_000_000_000, "Retries": 1,
    }  # fmt: skip

    def unhealthy(row: Task) -> bool:
        return lab.row(row, "asked").health == "UNHEALTHY"

    task = lab.drive_until(task, unhealthy, "has an unhealthy container", 20)
    assert lab.row(task, "asked").health_output.strip() == "not today"
    for name in ("unasked", "refused"):
        assert "Health" not in lab.inspect(task, name)["State"]
        assert lab.row(task, name).health == "UNKNOWN"


# ---- one after the other ----------------------------------------------------------------------------


def test_containers_start_in_the_order_of_their_dependencies(lab: TaskLab) -> None:
    def after(name: str, condition: str) -> dict[str, Any]:
        return {"dependsOn": [{"containerName": name, "condition": condition}]}

    check = {"command": list(images.HEALTH_CHECK), "interval": 5}
    task = lab.run(
        # Named against the order of their start.
        container("app", **after("db", "HEALTHY")),
        container("beside", **after("app", "START")),
        container("db", "web", healthCheck=check, **after("migrate", "SUCCESS")),
        container("migrate", "done", essential=False, **after("tried", "COMPLETE")),
        container("tried", "crash", essential=False),
    )
    times = {name: moments(lab.inspect(task, name)) for name in ("app", "beside", "db", "migrate", "tried")}
    assert times["tried"][1] <= times["migrate"][0]
    assert lab.row(task, "tried").exit_code == 3, "complete is complete"
    assert times["migrate"][1] <= times["db"][0]
    assert lab.row(task, "migrate").exit_code == 0
    probe = lab.inspect(task, "db")["State"]["Health"]["Log"][0]
    assert (probe["ExitCode"], moment(probe["End"]) <= times["app"][0]) == (0, True)
    assert times["app"][0] <= times["beside"][0]

    # They end in the reverse order.
    ids = {name: lab.row(task, name).runtime_id for name in ("app", "beside", "db")}
    signals = Signals(list(ids.values()))
    lab.stop(task)
    ended = signals.ended()
    assert [ended.index(ids[name]) for name in ("beside", "app", "db")] == [0, 1, 2]


def test_a_dependency_that_failed_ends_the_task(lab: TaskLab) -> None:
    depends = [{"containerName": "migrate", "condition": "SUCCESS"}]
    both = [container("app", dependsOn=depends), container("migrate", "crash", essential=False)]
    ended = lab.until(lab.start(lab.register(*both)), "STOPPED")
    assert ended.stop_code == "TaskFailedToStart"
    assert "app" in ended.stopped_reason
    assert "migrate" in ended.stopped_reason
    assert lab.row(ended, "app").started_at is None


class Signals:
    """The engine's events about these containers from now on."""

    def __init__(self, containers: list[str]) -> None:
        filters = [item for one in containers for item in ("--filter", f"container={one}")]
        self._command = ["docker", "events", *filters, "--filter", "event=die", "--format", "{{.ID}}"]
        self._since = engine_time()

    def ended(self) -> list[str]:
        """Which have ended, in order."""
        command = [*self._command, "--since", self._since, "--until", engine_time()]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def engine_time() -> str:
    done = subprocess.run(
        ["docker", "info", "--format", "{{.SystemTime}}"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def moments(seen: dict[str, Any]) -> tuple[datetime, datetime]:
    """(started, finished)"""
    return moment(seen["State"]["StartedAt"]), moment(seen["State"]["FinishedAt"])


def moment(text: str) -> datetime:
    """Of RFC 3339 in UTC with up to nine digits of a second."""
    head, _, digits = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{digits[:6]:0<6}+00:00")


# ---- starting again, and ending -------------------------------------------------------------------------


def test_a_restart_policy_restarts_the_container_and_not_the_task(lab: TaskLab) -> None:
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    definition = lab.register(
        container("again", "crash-soon", restartPolicy=policy),
        container("never", "crash-soon", essential=False, restartPolicy=policy | {"ignoredExitCodes": [4]}),
        container("other"),
    )

    def sooner(document: dict[str, Any]) -> None:
        for one in document["containerDefinitions"][:2]:
            one["restartPolicy"]["restartAttemptPeriod"] = 1

    lab.rewrite(definition, sooner)
    task = lab.until(lab.start(definition), "RUNNING")
    before = lab.row(task, "again").runtime_id
    task = lab.drive_until(task, lambda row: lab.row(row, "again").restart_count >= 2, "was restarted", 30)
    assert task.status == "RUNNING"
    assert lab.row(task, "again").runtime_id == before, "the same container"
    assert (lab.row(task, "never").restart_count, lab.row(task, "never").exit_code) == (0, 4)


def test_a_container_that_ends_too_soon_is_not_restarted(lab: TaskLab) -> None:
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    task = lab.start(lab.register(container("again", "crash", restartPolicy=policy)))
    ended = lab.until(task, "STOPPED")
    assert (lab.row(ended, "again").restart_count, lab.row(ended, "again").exit_code) == (0, 3)


def test_the_stop_timeout_is_what_a_container_gets_to_end(lab: TaskLab) -> None:
    task = lab.run(container("stubborn", "stubborn", stopTimeout=3), container("willing", stopTimeout=60))
    ended = lab.stop(task, 30)
    assert ended.stop_code == "UserInitiated"
    stubborn, willing = lab.row(ended, "stubborn"), lab.row(ended, "willing")
    assert (stubborn.exit_code, willing.exit_code) == (137, 0)
    took = (stubborn.finished_at - stubborn.signalled_at).total_seconds()
    assert 2.9 <= took < 10
    assert (willing.finished_at - willing.signalled_at).total_seconds() < 3


# ---- logs ------------------------------------------------------------------------------------------------


def test_what_containers_said_is_kept_under_its_name(lab: TaskLab, listener: socket.socket) -> None:
    syslog = {"syslog-address": f"udp://127.0.0.1:{listener.getsockname()[1]}", "tag": "quay"}
    aws = {"awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "blue"}
    task = lab.run(
        container("default", "talker"),
        container("file", "talker", logConfiguration={"logDriver": "json-file", "options": {"max-size": "1m"}}),
        container("aws", "talker", logConfiguration={"logDriver": "awslogs", "options": aws}),
        container("elsewhere", "talker", logConfiguration={"logDriver": "syslog", "options": syslog}),
        family="talk",
    )  # fmt: skip
    assert {name: log_config(lab, task, name) for name in ("default", "file", "aws", "elsewhere")} == {
        "default": ("json-file", {"max-size": "10m", "max-file": "3"}),
        "file": ("json-file", {"max-size": "1m", "max-file": "3"}),
        "aws": ("json-file", {"max-size": "10m", "max-file": "3"}),
        "elsewhere": ("syslog", syslog),
    }
    within(10, lambda: lab.collect(task).count("third") == 3, "three have said all")
    passed_on = [listener.recv(1000).decode() for _ in range(3)]
    assert all("quay" in line for line in passed_on)
    assert [line.split()[-1] for line in passed_on] == ["first", "second", "third"]
    lab.stop(task)
    assert not lab.engine.list_containers(detail=False)
    streams = {stream.container: stream for stream in LogStream.objects.filter(task_id=task.pk)}
    assert {name: (one.group, one.name) for name, one in streams.items()} == {
        "default": ("/ecs/talk", f"ecs/default/{task.pk}"),
        "file": ("/ecs/talk", f"ecs/file/{task.pk}"),
        "aws": ("/shop/web", f"blue/aws/{task.pk}"),
    }
    for one in streams.values():
        lines = one.events.order_by("at", "id").values_list("source", "message")
        assert list(lines) == [("stdout", "first"), ("stderr", "second"), ("stdout", "third")]
        assert one.complete


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A syslog server, as far as three lines need one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        yield server


def log_config(lab: TaskLab, task: Task, name: str) -> tuple[str, dict[str, str]]:
    config = lab.inspect(task, name)["HostConfig"]["LogConfig"]
    return config["Type"], config["Config"]


# ---- volumes ---------------------------------------------------------------------------------------------


def test_volumes_last_as_long_as_they_should(lab: TaskLab, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "by" / "the engine"
    shared = f"shared-{lab.engine.installation}"
    volumes = [
        {"name": "plain"},
        {"name": "own", "dockerVolumeConfiguration": {"scope": "task", "labels": {"com.example.a": "b"}}},
        {"name": shared, "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}},
        {"name": "folder", "host": {"sourcePath": str(folder)}},
    ]

    def mounts(read_only: bool) -> list[dict[str, Any]]:
        where = {"plain": "/a", "own": "/b", shared: "/c", "folder": "/d"}
        return [
            {"sourceVolume": name, "containerPath": path, "readOnly": read_only}
            for name, path in where.items()
        ]

    both = [
        container("writer", mountPoints=mounts(False)),
        container("reader", mountPoints=mounts(True)),
    ]
    definition = lab.register(*both, volumes=volumes)
    task = lab.until(lab.start(definition), "RUNNING")
    lab.sh(task, "writer", "for d in a b c d; do echo $d > /$d/file; done")
    assert lab.sh(task, "reader", "cat /a/file /b/file /c/file /d/file").split() == list("abcd")
    assert "Read-only file system" in lab.attempt(task, "reader", "touch /b/other")[1]
    assert (folder / "file").read_text() == "d\n"
    own = next(m["Name"] for m in lab.inspect(task, "writer")["Mounts"] if m["Destination"] == "/b")
    assert volume(own)["Labels"]["com.example.a"] == "b"
    assert len(lab.engine.list_volumes()) == 3

    lab.stop(task)
    assert list(lab.engine.list_volumes()) == [shared]
    assert (folder / "file").exists()
    task = lab.until(lab.start(definition), "RUNNING")
    assert lab.sh(task, "reader", "cat /c/file /d/file").split() == ["c", "d"]
    assert lab.attempt(task, "reader", "cat /a/file || cat /b/file")[0] == 1


def volume(name: str) -> dict[str, Any]:
    done = subprocess.run(["docker", "volume", "inspect", name], check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found[0]


# ---- a network of its own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["awsvpc", "bridge"])
def test_names_are_asked_of_the_tasks_own_servers(lab: TaskLab, mode: str) -> None:
    with dns_server({"quay.lab.example": "192.0.2.77"}) as server:
        wishes = {"dnsServers": [server], "dnsSearchDomains": ["lab.example"]}
        # In awsvpc the containers share one network: it is enough that one of them says so.
        other = {} if mode == "awsvpc" else wishes
        control = [{"namespace": "net.core.somaxconn", "value": "321"}]
        task = lab.run(
            container("first", systemControls=control, **wishes),
            container("second", **other),
            networkMode=mode,
        )
        for name in ("first", "second"):
            assert "search lab.example" in lab.sh(task, name, "cat /etc/resolv.conf").splitlines()
            assert "192.0.2.77" in lab.sh(task, name, "nslookup quay.lab.example")
        seen = [lab.sh(task, name, "cat /proc/sys/net/core/somaxconn") for name in ("first", "second")]
        assert (seen[0], seen[0] == seen[1]) == ("321", mode == "awsvpc")
    if mode == "awsvpc":
        host = lab.inspect(task)["HostConfig"]
        assert (host["Dns"], host["DnsSearch"]) == ([server], ["lab.example"])
        for name in ("first", "second"):
            assert lab.inspect(task, name)["HostConfig"]["NetworkMode"] == f"container:{task.pause_id}"
