"""A task on a real engine is held to its size, and reached as its network mode has it."""

from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

from services.models import Task
from tests.lab import images
from tests.lab.tasks import TaskLab, within

MIB = 1024 * 1024


def container(name: str, image: str = "idle", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": images.reference(image), "stopTimeout": 1, **more}


def eater(name: str, amount: int, **more: Any) -> dict[str, Any]:
    """Holds so many MiB."""
    return container(name, "eater", environment=[{"name": "EAT", "value": str(amount)}], **more)


# ---- memory ----------------------------------------------------------------------------------------


def test_more_memory_than_the_containers_own_limit(lab: TaskLab) -> None:
    task = lab.start(lab.register(eater("glutton", 60, memory=24)))
    ended = lab.until(task, "STOPPED")
    assert ended.stop_code == "EssentialContainerExited"
    assert "glutton" in ended.stopped_reason
    assert "OutOfMemoryError: Container killed due to memory usage" in ended.stopped_reason
    row = lab.row(ended, "glutton")
    assert (row.exit_code, row.oom_killed) == (137, True)
    assert row.reason == "OutOfMemoryError: Container killed due to memory usage"
    assert ended.failed, "the container's own doing"
    assert not lab.engine.list_containers(detail=False)


def test_one_container_alone_is_held_to_the_tasks_memory(lab: TaskLab) -> None:
    ended = lab.until(lab.start(lab.register(eater("glutton", 60), memory="24")), "STOPPED")
    assert lab.row(ended, "glutton").oom_killed
    assert "OutOfMemoryError" in ended.stopped_reason


def test_two_containers_that_exceed_the_tasks_memory_only_together(lab: TaskLab) -> None:
    assert lab.instance.joint_limits, "this machine's engine is cgroup v1 with cgroupfs"
    quiet = {"memoryReservation": 8, "essential": False}
    # One after the other: of two that grow at once, the kernel may kill both.
    later = {"command": ["/bin/sh", "-c", "sleep 1.5; exec /bin/app"]}
    both = [eater("first", 40, **quiet), eater("second", 40, **quiet, **later), container("third")]
    task = lab.run(*both, memory="64")
    pause = lab.inspect(task)
    assert pause["HostConfig"]["Memory"] == 64 * MIB
    for name in ("first", "second", "third"):
        host = lab.inspect(task, name)["HostConfig"]
        assert (host["Memory"], host["CgroupParent"]) == (0, f"/docker/{task.pause_id}")

    def ended() -> list[str]:
        rows = [lab.row(task, name) for name in ("first", "second")]
        return [row.name for row in rows if row.exit_code is not None]

    task = lab.drive_until(task, lambda row: ended(), "has lost one of the two")
    time.sleep(1.5)
    task = lab.drive_until(task, lambda row: True, "is looked at once more")
    (lost,) = ended()
    assert lab.row(task, lost).exit_code == 137
    assert task.status == "RUNNING", "neither of the two was essential"


def test_the_same_two_live_where_the_task_has_room(lab: TaskLab) -> None:
    task = lab.run(eater("first", 40), eater("second", 40), memory="128")
    time.sleep(2)
    task = lab.drive_until(task, lambda row: True, "is looked at")
    assert task.status == "RUNNING"


# ---- processor ---------------------------------------------------------------------------------------


def test_a_containers_cpu_is_its_ceiling(lab: TaskLab) -> None:
    task = lab.run(container("burner", "burner", cpu=256, memory=16))
    state = lab.inspect(task, "burner")
    assert (state["HostConfig"]["NanoCpus"], state["HostConfig"]["CpuShares"]) == (250_000_000, 256)
    held_back, share = throttled(lab, [state["Id"]], f"/docker/{state['Id']}")
    assert held_back > 0, "the kernel held it back"
    assert share <= 0.25 * 1.3


def test_a_tasks_cpu_is_the_ceiling_of_all_together(lab: TaskLab) -> None:
    burners = [container(name, "burner", memory=16) for name in ("first", "second")]
    task = lab.run(*burners, cpu="256", memory="64")
    assert lab.inspect(task)["HostConfig"]["NanoCpus"] == 250_000_000
    ids = [lab.row(task, name).runtime_id for name in ("first", "second")]
    assert [lab.inspect(task, name)["HostConfig"]["NanoCpus"] for name in ("first", "second")] == [0, 0]
    held_back, share = throttled(lab, ids, f"/docker/{task.pause_id}")
    assert held_back > 0
    assert share <= 0.25 * 1.3


def throttled(lab: TaskLab, containers: list[str], cgroup: str, during: float = 3.0) -> tuple[int, float]:
    """How often the kernel held this cgroup back, and the share of one core its containers had, in this time."""

    def counted() -> int:
        text = Path(f"/sys/fs/cgroup/cpu{cgroup}/cpu.stat").read_text()
        return int(dict(line.split() for line in text.splitlines())["nr_throttled"])

    def used() -> tuple[float, float]:
        readings = [lab.engine.stats(one) for one in containers]
        return time.monotonic(), sum(one.cpu_total_ns for one in readings if one is not None) / 1e9

    times, (began, before) = counted(), used()
    time.sleep(during)
    ended, after = used()
    return counted() - times, (after - before) / (ended - began)


# ---- networks ------------------------------------------------------------------------------------------


def test_ports_the_engine_chose_can_be_reached(lab: TaskLab) -> None:
    both = [
        container("first", "web", memory=16, portMappings=[{"containerPort": 80}]),
        container(
            "second", "web", memory=16, portMappings=[{"containerPort": 80, "hostPort": 0}],
            environment=[{"name": "VERSION", "value": "2"}],
        ),
    ]  # fmt: skip
    task = lab.run(*both)
    ports = {}
    for name in ("first", "second"):
        (binding,) = lab.row(task, name).network_bindings
        assert (binding["containerPort"], binding["protocol"], binding["bindIP"]) == (80, "tcp", "0.0.0.0")
        ports[name] = binding["hostPort"]
    assert ports["first"] != ports["second"]
    assert answer(f"http://127.0.0.1:{ports['first']}/") == "1"
    assert answer(f"http://127.0.0.1:{ports['second']}/") == "2"


def test_a_port_that_slipway_gave_away_already(lab: TaskLab) -> None:
    """The scheduler says so: no container is created for it."""
    port = free_port()
    web = container("web", "web", memory=16, portMappings=[{"containerPort": 80, "hostPort": port}])
    definition = lab.register(web)
    task = lab.until(lab.start(definition), "RUNNING")
    assert answer(f"http://127.0.0.1:{port}/") == "1"
    refused = lab.refused(definition)
    assert refused.endswith("is already using a port required by your task.")
    lab.stop(task)
    again = lab.until(lab.start(definition), "RUNNING")
    assert answer(f"http://127.0.0.1:{port}/") == "1"
    assert again.pk != task.pk


def test_a_port_that_something_else_on_the_machine_has(lab: TaskLab) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        web = container("web", "web", memory=16, portMappings=[{"containerPort": 80, "hostPort": port}])
        ended = lab.until(lab.start(lab.register(web)), "STOPPED")
    assert ended.stop_code == "TaskFailedToStart"
    assert "CannotStartContainerError" in ended.stopped_reason
    assert str(port) in ended.stopped_reason
    assert not lab.engine.list_containers(detail=False)


def test_an_awsvpc_task_has_an_address_of_its_own(lab: TaskLab) -> None:
    web = container("web", "web", memory=16, portMappings=[{"containerPort": 80}])
    task = lab.run(web, container("other", memory=16), networkMode="awsvpc")
    twin = lab.run(web, networkMode="awsvpc", family="twin")
    assert task.address
    assert task.address != twin.address
    assert answer(f"http://{task.address}/") == "1"
    # Its containers reach each other at localhost, and other tasks by their address.
    assert ask(lab, task, "other", "127.0.0.1") == "1"
    assert ask(lab, task, "other", twin.address) == "1"
    assert lab.row(task, "web").network_bindings == []


def test_host_mode_is_the_instances_own_network(lab: TaskLab) -> None:
    port = free_port()
    web = container(
        "web", "web", memory=16, portMappings=[{"containerPort": port}],
        environment=[{"name": "PORT", "value": str(port)}],
    )  # fmt: skip
    task = lab.run(web, networkMode="host")
    assert lab.inspect(task, "web")["HostConfig"]["NetworkMode"] == "host"
    assert answer(f"http://127.0.0.1:{port}/") == "1"
    # The port is the task's alone: a second one would find it taken.
    assert "is already using a port required by your task" in lab.refused(task.task_definition.arn)


def test_none_mode_has_no_network(lab: TaskLab) -> None:
    task = lab.run(container("alone", memory=16), networkMode="none")
    assert set(lab.inspect(task, "alone")["NetworkSettings"]["Networks"]) == {"none"}
    assert lab.sh(task, "alone", "ls /sys/class/net").split() == ["lo"]


def answer(url: str) -> str:
    """The page there, as soon as something serves it."""

    def get() -> str:
        try:
            with urllib.request.urlopen(url, timeout=5) as page:
                return str(page.read().decode().strip())
        except OSError:
            return ""

    return str(within(15, get, url))


def ask(lab: TaskLab, task: Task, name: str, address: str) -> str:
    """The page at this address as a container of the task gets it."""
    script = (
        f"for i in 1 2 3 4 5 6; do timeout 5 wget -q -O - http://{address}/ && exit; sleep 0.5; done; exit 1"
    )
    return lab.sh(task, name, script)


def free_port() -> int:
    with socket.create_server(("0.0.0.0", 0)) as one:
        return int(one.getsockname()[1])
