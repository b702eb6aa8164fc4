"""Every field of a container definition has its effect: as `docker inspect` and the container itself show.

Many containers in few tasks, which run side by side: `started` starts them all.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clusters.engine.port import LABEL_TASK_ARN
from tests.lab.images import HEALTH_CHECK
from tests.lab.installation import until
from tests.lab.site import Site, container, definition

SHARED = "slipway-test-fields-shared"
RESTART_AFTER = 62  # seconds: more than the least restartAttemptPeriod


@pytest.fixture(scope="module")
def site(engine_url: str) -> Iterator[Site]:
    with Site(engine_url, {"SLIPWAY_STEADY_SECONDS": "1"}) as one:
        yield one


def shell(site: Site, name: str, script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a script."""
    return container(name, site.image("idle"), command=["sh", "-c", script], **more)


def shaped(site: Site) -> dict[str, Any]:
    return container(
        "shaped",
        site.image("idle"),
        entryPoint=["/bin/sh", "-c"],
        command=['echo "$GREETING from $(id -u):$(id -g) in $(pwd)"; exec /bin/app'],
        environment=[{"name": "GREETING", "value": "hello"}],
        user="65534:65534",
        workingDirectory="/tmp",
        readonlyRootFilesystem=True,
        dockerLabels={"team": "harbour"},
        hostname="shipshape",
        extraHosts=[{"hostname": "elsewhere", "ipAddress": "10.9.8.6"}],
        dnsServers=["10.9.8.7"],
        dnsSearchDomains=["sea.example"],
        ulimits=[{"name": "nofile", "softLimit": 64, "hardLimit": 128}],
        systemControls=[{"namespace": "net.core.somaxconn", "value": "99"}],
        pseudoTerminal=True,
        interactive=True,
        dockerSecurityOptions=["no-new-privileges"],
        linuxParameters={
            "initProcessEnabled": True,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "sharedMemorySize": 32,
            "tmpfs": [{"containerPath": "/scratch", "size": 4, "mountOptions": ["noexec", "mode=1777"]}],
            "devices": [{"hostPath": "/dev/zero", "containerPath": "/dev/mine", "permissions": ["read"]}],
            "maxSwap": 8,
        },
    )


def ordered(site: Site) -> dict[str, Any]:
    check = {"command": list(HEALTH_CHECK), "interval": 5, "timeout": 4, "retries": 2}
    conditions = {"migrate": "SUCCESS", "setup": "COMPLETE", "db": "HEALTHY", "side": "START"}
    return definition(
        "ordered",
        shell(
            site,
            "app",
            "exec /bin/app",
            dependsOn=[{"containerName": name, "condition": word} for name, word in conditions.items()],
        ),
        shell(site, "migrate", "sleep 1", essential=False),
        shell(site, "setup", "sleep 1; exit 3", essential=False),
        container("db", site.image("web"), healthCheck=check),
        shell(site, "side", "exec /bin/app"),
    )


def volumes(site: Site, folder: Path) -> dict[str, Any]:
    mounts = [
        {"sourceVolume": "own", "containerPath": "/own"},
        {"sourceVolume": "ours", "containerPath": "/ours"},
        {"sourceVolume": "host", "containerPath": "/host", "readOnly": True},
    ]
    return definition(
        "volumes",
        shell(site, "writer", "date > /own/said; date >> /ours/said; exec /bin/app", mountPoints=mounts),
        shell(site, "reader", "exec /bin/app", mountPoints=mounts),
        volumes=[
            {"name": "own"},
            {
                "name": "ours",
                "dockerVolumeConfiguration": {
                    "scope": "shared",
                    "autoprovision": True,
                    "labels": {"kept": "yes"},
                },
            },
            {"name": "host", "host": {"sourcePath": str(folder)}},
        ],
    )


def logging(site: Site) -> dict[str, Any]:
    awslogs = {"awslogs-group": "/app/talk", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "blue"}
    gelf = {"gelf-address": "udp://127.0.0.1:12201"}
    return definition(
        "logging",
        container("plain", site.image("talker")),
        container(
            "file",
            site.image("talker"),
            logConfiguration={"logDriver": "json-file", "options": {"max-size": "1m"}},
        ),
        container("aws", site.image("talker"), logConfiguration={"logDriver": "awslogs", "options": awslogs}),
        container("other", site.image("talker"), logConfiguration={"logDriver": "gelf", "options": gelf}),
    )


def ends(site: Site) -> dict[str, Any]:
    return definition(
        "ends",
        container("stubborn", site.image("stubborn"), stopTimeout=3),
        container("hasty", site.image("stubborn"), stopTimeout=0),
        container("polite", site.image("idle"), stopTimeout=30),
        container("own-check", site.image("own-check")),
    )


def restarting(site: Site) -> dict[str, Any]:
    policy = {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [7]}
    late = f"sleep {RESTART_AFTER}"
    return definition(
        "restarting",
        shell(site, "keeper", "exec /bin/app"),
        shell(site, "again", f"{late}; exit 1", essential=False, restartPolicy=policy),
        shell(site, "ignored", f"{late}; exit 7", essential=False, restartPolicy=policy),
        shell(site, "too-soon", "sleep 1; exit 1", essential=False, restartPolicy=policy),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("host")
    (made / "note").write_text("from the host")
    return made


@pytest.fixture(scope="module")
def started(site: Site, folder: Path) -> dict[str, str]:
    """Family to the id of its running task."""
    documents = [
        definition("shaped", shaped(site)), ordered(site), volumes(site, folder), logging(site), ends(site),
        restarting(site),
    ]  # fmt: skip
    ids = {}
    for document in documents:
        # A shared volume has the name it is given: not one that others on this engine may use.
        name = site.remote.register(
            document=json.loads(json.dumps(document).replace('"ours"', f'"{SHARED}"'))
        )
        ids[document["family"]] = site.remote.run_task(task_definition=name)["tasks"][0]
    for task in ids.values():
        site.task(task, "RUNNING")
    return ids


def task_of(site: Site, started: dict[str, str], family: str) -> dict[str, Any]:
    return dict(site.remote.tasks(ids=[started[family]])[0])


def inspect(site: Site, task: dict[str, Any], name: str) -> dict[str, Any]:
    runtime_id = task["containers"][name]["runtime_id"]
    done = subprocess.run(
        ["docker", "--host", site.url, "inspect", runtime_id], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout)[0])


def inside(site: Site, task: dict[str, Any], name: str, script: str) -> str:
    runtime_id = task["containers"][name]["runtime_id"]
    return site.engine.top_exec(runtime_id, ("sh", "-c", f"{script} 2>&1"))[1].strip()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ---- what it is --------------------------------------------------------------------------------------


def test_what_runs_and_as_whom(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "shaped")
    config = inspect(site, task, "shaped")["Config"]
    assert config["Entrypoint"] == ["/bin/sh", "-c"]
    assert config["Cmd"] == shaped(site)["command"]
    assert config["Tty"] and config["OpenStdin"]
    assert config["Labels"]["team"] == "harbour"
    assert config["Labels"]["com.amazonaws.ecs.task-definition-family"] == "shaped"
    assert config["Labels"]["com.amazonaws.ecs.container-name"] == "shaped"
    assert config["Labels"][LABEL_TASK_ARN] == task["arn"]
    said = until(lambda: site.engine.logs(task["containers"]["shaped"]["runtime_id"]), "it says something")
    assert [line.message.strip() for line in said] == ["hello from 65534:65534 in /tmp"]
    assert inside(site, task, "shaped", "hostname") == "shipshape"


def test_what_it_may_do(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "shaped")
    assert "Read-only file system" in inside(site, task, "shaped", "touch /bin/x")
    # Of its main process, not of the one that asks: runc may raise the soft limit of an `exec` (its issue 4195).
    assert inside(site, task, "shaped", "grep 'open files' /proc/1/limits").split()[3:5] == ["64", "128"]
    host = inspect(site, task, "shaped")["HostConfig"]
    assert (host["CapAdd"], host["CapDrop"]) == (["NET_ADMIN"], ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    # What a process of it could get at most: NET_ADMIN (12) alone.
    assert inside(site, task, "shaped", "grep CapBnd /proc/1/status").split()[1] == f"{1 << 12:016x}"
    assert inside(site, task, "shaped", "grep NoNewPrivs /proc/1/status").split()[1] == "1"
    assert inside(site, task, "shaped", "head -c 3 /dev/mine | wc -c") == "3"


def test_what_it_has(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "shaped")
    host = inspect(site, task, "shaped")["HostConfig"]
    assert host["Memory"] == 16 << 20
    if host["MemorySwap"] > 0:  # where the kernel counts swap
        assert host["MemorySwap"] == (16 + 8) << 20
    assert host["Init"] is True
    assert "init" in inside(site, task, "shaped", "cat /proc/1/cmdline")
    assert inside(site, task, "shaped", "df -m /dev/shm | tail -1").split()[1] == "32"
    scratch = inside(site, task, "shaped", "grep ' /scratch ' /proc/mounts")
    assert "noexec" in scratch
    assert "size=4096k" in scratch
    assert inside(site, task, "shaped", "cat /proc/sys/net/core/somaxconn") == "99"


def test_whom_it_knows(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "shaped")
    assert "10.9.8.6\telsewhere" in inside(site, task, "shaped", "cat /etc/hosts")
    resolver = inside(site, task, "shaped", "cat /etc/resolv.conf").splitlines()
    assert "nameserver 10.9.8.7" in resolver
    assert "search sea.example" in resolver


# ---- in which order ----------------------------------------------------------------------------------


def test_depends_on_start_complete_success_healthy_and_the_way_back(
    site: Site, started: dict[str, str]
) -> None:
    task = task_of(site, started, "ordered")
    own = task["containers"]
    begun = at(own["app"]["started_at"])
    assert begun > at(own["migrate"]["finished_at"])
    assert begun > at(own["setup"]["finished_at"])
    assert (own["migrate"]["exit_code"], own["setup"]["exit_code"]) == (0, 3)
    assert begun > at(own["side"]["started_at"])
    assert (begun - at(own["db"]["started_at"])).total_seconds() >= 5  # its first probe
    assert own["db"]["health"] == "HEALTHY"
    check = inspect(site, task, "db")["Config"]["Healthcheck"]
    assert check == {
        "Test": ["CMD", "/bin/health"],
        "Interval": 5_000_000_000,
        "Timeout": 4_000_000_000,
        "Retries": 2,
    }
    site.remote.stop_task(task=task["id"], reason="enough")
    task = site.task(task["id"], "STOPPED")
    own = task["containers"]
    assert (task["stop_code"], task["stopped_reason"]) == ("UserInitiated", "enough")
    assert at(own["app"]["finished_at"]) <= min(at(own[name]["finished_at"]) for name in ("db", "side"))


def test_a_dependency_that_fails_keeps_the_task_from_running_and_says_so(site: Site) -> None:
    wait = [{"containerName": "migrate", "condition": "SUCCESS"}]
    task = site.run(
        definition(
            "blocked",
            shell(site, "app", "exec /bin/app", dependsOn=wait),
            shell(site, "migrate", "exit 3", essential=False),
        ),
        status="STOPPED",
    )
    assert task["stop_code"] == "TaskFailedToStart"
    assert task["stopped_reason"].startswith("Container app could not start: dependency migrate")
    assert task["containers"]["app"]["runtime_id"] == ""


def test_a_start_timeout_ends_the_wait(site: Site) -> None:
    wait = [{"containerName": "slow", "condition": "SUCCESS"}]
    task = site.run(
        definition(
            "impatient",
            shell(site, "app", "exec /bin/app", dependsOn=wait),
            shell(site, "slow", "sleep 60", essential=False, startTimeout=2),
        ),
        status="STOPPED",
    )
    assert task["stop_code"] == "TaskFailedToStart"
    assert "slow" in task["stopped_reason"]


# ---- what it keeps -----------------------------------------------------------------------------------


def test_volumes_of_the_task_of_all_and_of_the_host(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "volumes")
    assert inside(site, task, "reader", "cat /own/said").strip()
    assert inside(site, task, "reader", "cat /host/note") == "from the host"
    assert "Read-only file system" in inside(site, task, "reader", "touch /host/x")
    mounts = {one["Destination"]: one for one in inspect(site, task, "reader")["Mounts"]}
    own = mounts["/own"]["Name"]
    assert mounts["/ours"]["Name"] == SHARED
    assert not mounts["/host"]["RW"]
    assert {own, SHARED} <= set(site.engine.list_volumes())
    site.remote.stop_task(task=task["id"])
    site.task(task["id"], "STOPPED")
    left = set(site.engine.list_volumes())
    assert own not in left
    assert SHARED in left


def test_logs_are_kept_after_the_container_is_gone(site: Site, started: dict[str, str]) -> None:
    task = task_of(site, started, "logging")
    driver = inspect(site, task, "other")["HostConfig"]["LogConfig"]
    assert driver == {"Type": "gelf", "Config": {"gelf-address": "udp://127.0.0.1:12201"}}
    own = inspect(site, task, "file")["HostConfig"]["LogConfig"]
    assert (own["Type"], own["Config"]["max-size"]) == ("json-file", "1m")
    time.sleep(1)
    site.remote.stop_task(task=task["id"])
    task = site.task(task["id"], "STOPPED")
    assert site.engine.inspect_container(task["containers"]["plain"]["runtime_id"]) is None
    said = [["stdout", "first"], ["stderr", "second"], ["stdout", "third"]]
    for name in ("plain", "file", "aws"):
        kept = site.remote.log(task=task["id"], container=name)
        assert kept["lines"] == said
        assert kept["complete"]
    kept = site.remote.log(task=task["id"], container="aws")
    assert (kept["group"], kept["name"]) == ("/app/talk", f"blue/aws/{task['id']}")
    assert site.remote.log(task=task["id"], container="other")["lines"] == []


# ---- how it ends -------------------------------------------------------------------------------------


def test_the_image_s_own_health_check_is_ignored(site: Site, started: dict[str, str]) -> None:
    """It would have made the container unhealthy after a second."""
    task = task_of(site, started, "ends")
    state = inspect(site, task, "own-check")
    assert state["Config"]["Healthcheck"]["Test"] == ["NONE"]
    assert "Health" not in state["State"]
    assert task["status"] == "RUNNING"
    assert task["health"] == "UNKNOWN"


def test_who_ignores_sigterm_is_killed_when_its_time_is_up(site: Site, started: dict[str, str]) -> None:
    began = datetime.now().astimezone()
    site.remote.stop_task(task=started["ends"])
    own = site.task(started["ends"], "STOPPED")["containers"]
    took = {name: (at(one["finished_at"]) - began).total_seconds() for name, one in own.items()}
    assert {name: one["exit_code"] for name, one in own.items()} == {
        "stubborn": 137, "hasty": 137, "polite": 0, "own-check": 0,
    }  # fmt: skip
    assert 3 <= took["stubborn"] < 15
    assert took["hasty"] < took["stubborn"]
    assert took["polite"] < took["stubborn"]


def test_a_restart_policy_restarts_the_container_alone(site: Site, started: dict[str, str]) -> None:
    """Last, for it takes a minute that has been running all along."""

    def restarted() -> dict[str, Any] | None:
        task = task_of(site, started, "restarting")
        own = task["containers"]
        return task if own["again"]["restart_count"] == 1 and own["ignored"]["status"] == "STOPPED" else None

    task = until(restarted, "it was restarted", RESTART_AFTER + 60, every=0.5)
    own = task["containers"]
    assert task["status"] == "RUNNING"
    assert own["again"]["status"] == "RUNNING"
    assert (own["ignored"]["restart_count"], own["ignored"]["exit_code"]) == (0, 7)
    assert (own["too-soon"]["restart_count"], own["too-soon"]["exit_code"]) == (0, 1)
    assert own["keeper"]["restart_count"] == 0
    assert (
        inspect(site, task, "again")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    )  # ours, not the engine's
