"""Limits hold, and ports and networks are what they were asked to be: on this machine's engine, by what its kernel
counts and by what answers."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.engine.port import LABEL_TASK_ARN
from tests.lab.engine import LabEngine
from tests.lab.installation import free_port, until
from tests.lab.site import Site, container, definition

PORT_80 = [{"containerPort": 80}]


@pytest.fixture(scope="module")
def site(engine_url: str) -> Iterator[Site]:
    with Site(engine_url, {"SLIPWAY_STEADY_SECONDS": "1"}) as one:
        yield one


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def page(address: str, port: int, seconds: float = 15) -> str:
    def get() -> str:
        try:
            with urllib.request.urlopen(f"http://{address}:{port}/", timeout=2) as answer:
                return str(answer.read().decode().strip())
        except OSError:
            return ""

    return str(until(get, f"{address}:{port} answers", seconds))


def inside(site: Site, task: dict[str, Any], name: str, *command: str) -> str:
    code, output = site.engine.top_exec(task["containers"][name]["runtime_id"], command)
    assert code == 0, output
    return output.strip()


# ---- memory --------------------------------------------------------------------------------------


def eater(site: Site, name: str, mebibytes: int, **more: Any) -> dict[str, Any]:
    one = container(name, site.image("eater"), environment=env(EAT=str(mebibytes)), **more)
    return {key: value for key, value in one.items() if value is not None}


def test_a_container_over_its_memory_is_killed_and_the_task_says_out_of_memory(site: Site) -> None:
    task = site.run(definition("greedy", eater(site, "greedy", 100, memory=32)), status="STOPPED")
    own = task["containers"]["greedy"]
    assert own["oom_killed"]
    assert own["exit_code"] == 137
    assert own["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert task["stop_code"] == "EssentialContainerExited"
    assert "OutOfMemoryError" in task["stopped_reason"]


def test_a_container_within_its_memory_runs(site: Site) -> None:
    task = site.run(definition("modest", eater(site, "modest", 20, memory=64)))
    until(lambda: used(site, task, "modest") > 20, "it holds 20 MiB")
    time.sleep(1)
    assert site.task(task["id"], "RUNNING")
    site.remote.stop_task(task=task["id"])


def used(site: Site, task: dict[str, Any], name: str) -> float:
    reading = site.engine.stats(task["containers"][name]["runtime_id"])
    return reading.memory if reading else 0.0


def test_two_containers_that_are_too_much_only_together_are_stopped_by_the_task_s_limit(site: Site) -> None:
    """64 MiB for the task: 45 MiB in one container is well, twice that is not. Neither has a limit of its own."""
    assert site.remote.instances()[0]["info"]["joint_limits"]
    unlimited = {"memory": None, "memoryReservation": 16}
    one, two = (eater(site, name, 45, **unlimited) for name in ("one", "two"))
    alone = site.run(definition("alone", one, container("idle", site.image("idle")), memory="64"))
    until(lambda: used(site, alone, "one") > 45, "one holds 45 MiB")
    time.sleep(1)
    assert site.task(alone["id"], "RUNNING")
    site.remote.stop_task(task=alone["id"])
    both = site.run(definition("both", one, two, memory="64"), status="STOPPED")
    assert both["stop_code"] == "EssentialContainerExited"
    assert 137 in {own["exit_code"] for own in both["containers"].values()}, both


# ---- CPU -----------------------------------------------------------------------------------------


def burnt(site: Site, task: dict[str, Any]) -> float:
    """CPU seconds all containers of the task have used."""
    readings = [site.engine.stats(one["runtime_id"]) for one in task["containers"].values()]
    return sum(reading.cpu_total_ns for reading in readings if reading) / 1e9


def cores(site: Site, task: dict[str, Any], seconds: float = 3.0) -> float:
    """How many it uses, over a while."""
    before, began = burnt(site, task), time.monotonic()
    time.sleep(seconds)
    used_up = burnt(site, task) - before
    return used_up / (time.monotonic() - began)


def throttled(cgroup: str) -> int:
    """How often the kernel held it back (cgroup v1)."""
    told = Path(f"/sys/fs/cgroup/cpu/docker/{cgroup}/cpu.stat").read_text()
    return int(dict(line.split() for line in told.splitlines())["nr_throttled"])


def test_a_container_gets_no_more_cpu_than_it_asked_for(site: Site) -> None:
    task = site.run(definition("burner", container("burner", site.image("burner"), cpu=256)))
    assert cores(site, task) < 0.25 * 1.3
    until(lambda: throttled(task["containers"]["burner"]["runtime_id"]) > 0, "the kernel holds it back")
    site.remote.stop_task(task=task["id"])


def test_the_containers_of_a_task_share_its_cpu(site: Site) -> None:
    """Each may use all of it, both together no more."""
    both = [container(name, site.image("burner")) for name in ("one", "two")]
    task = site.run(definition("burners", *both, cpu="256", memory="64"))
    assert cores(site, task) < 0.25 * 1.3
    until(lambda: throttled(task["pause_id"]) > 0, "the kernel holds the task back")
    for own in task["containers"].values():
        assert Path(f"/sys/fs/cgroup/cpu/docker/{task['pause_id']}/{own['runtime_id']}").is_dir()
    site.remote.stop_task(task=task["id"])


# ---- ports ---------------------------------------------------------------------------------------


def test_dynamic_ports_are_the_engine_s_choice_and_reachable(site: Site) -> None:
    web = container("web", site.image("web"), portMappings=PORT_80, environment=env(VERSION="seven"))
    name = site.remote.register(document=definition("dynamic", web))
    ids = site.remote.run_task(task_definition=name, count=2)["tasks"]
    found = set()
    for task in [site.task(one, "RUNNING") for one in ids]:
        [binding] = task["containers"]["web"]["network_bindings"]
        assert (binding["containerPort"], binding["protocol"]) == (80, "tcp")
        assert page("127.0.0.1", binding["hostPort"]) == "seven"
        found.add(binding["hostPort"])
        site.remote.stop_task(task=task["id"])
    assert len(found) == 2


def test_a_fixed_port_is_one_task_s_on_an_instance_and_the_next_goes_elsewhere_or_says_why(
    site: Site,
) -> None:
    port = free_port()
    mapping = [{"containerPort": 80, "hostPort": port}]
    for name in ("first", "second"):
        web = container(name, site.image("web"), portMappings=mapping, environment=env(VERSION=name))
        revision = site.remote.register(document=definition(name, web))
        site.remote.create_service(service_name=name, task_definition=revision, desired_count=1)
        if name == "first":
            site.deployed(name)
    assert page("127.0.0.1", port) == "first"
    [instance] = site.remote.instances()
    said = (
        "(service second) was unable to place a task because no container instance met all of its requirements. "
        f"The closest matching (container-instance {instance['id']}) is already using a port required by your task."
    )
    until(lambda: said in site.remote.service(name="second")["events"], "it says why", 30)
    assert site.tasks("second") == []
    with LabEngine() as host:
        carry(site, host, "web")
        site_there = site.remote.register_instance(url=host.url, name="lab")
        site.deployed("second", 60)
        assert [task["instance_id"] for task in site.tasks("second")] == [site_there]
        assert page(host.address, port) == "second"
        assert page("127.0.0.1", port) == "first"
        for name in ("second", "first"):
            site.remote.delete_service(service=name, force=True)
            until(
                lambda name=name: site.remote.service(name=name)["status"] == "INACTIVE", f"{name} is deleted"
            )
        site.remote.deregister_instance(container_instance=site_there)
    assert site.remote.accounts() == []


def carry(site: Site, host: LabEngine, image: str) -> None:
    """The very image, by its id: another import of the same files would be another image."""
    with subprocess.Popen(
        ["docker", "--host", site.url, "save", site.image(image)], stdout=subprocess.PIPE
    ) as saved:
        subprocess.run(
            ["docker", "--host", host.url, "load"], stdin=saved.stdout, capture_output=True, check=True
        )


def test_a_port_that_a_stranger_holds_fails_the_task_and_says_so(site: Site) -> None:
    port = free_port()
    done = subprocess.run(
        ["docker", "--host", site.url, "run", "-d", "-p", f"{port}:80", site.image("idle")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    try:
        mapping = [{"containerPort": 80, "hostPort": port}]
        web = container("late", site.image("web"), portMappings=mapping)
        task = site.run(definition("late", web), status="STOPPED")
    finally:
        subprocess.run(
            ["docker", "--host", site.url, "rm", "-f", done.stdout.strip()], capture_output=True, check=True
        )
    assert task["stop_code"] == "TaskFailedToStart"
    assert str(port) in task["stopped_reason"]
    assert "allocated" in task["stopped_reason"]


# ---- network modes -------------------------------------------------------------------------------


def test_an_awsvpc_task_has_an_address_of_its_own_that_its_containers_share(site: Site) -> None:
    web = container("web", site.image("web"), portMappings=PORT_80, environment=env(VERSION="own"))
    other = container("other", site.image("idle"))
    name = site.remote.register(document=definition("vpc", web, other, networkMode="awsvpc"))
    ids = site.remote.run_task(task_definition=name, count=2)["tasks"]
    tasks = [site.task(one, "RUNNING") for one in ids]
    assert len({task["address"] for task in tasks}) == 2
    for task in tasks:
        assert page(task["address"], 80) == "own"
        asked = inside(site, task, "other", "sh", "-c", "timeout 5 wget -q -O - http://127.0.0.1:80/")
        assert asked == "own"
        assert inside(site, task, "web", "hostname", "-i").split()[0] == task["address"]
    # And each reaches the other.
    there = tasks[1]["address"]
    assert inside(site, tasks[0], "other", "sh", "-c", f"timeout 5 wget -q -O - http://{there}:80/") == "own"
    for task in tasks:
        site.remote.stop_task(task=task["id"])
        site.task(task["id"], "STOPPED")
        assert site.engine.list_containers({LABEL_TASK_ARN: task["arn"]}) == []


def test_host_mode_is_the_host_s_network(site: Site) -> None:
    port = free_port()
    web = container(
        "onhost",
        site.image("web"),
        portMappings=[{"containerPort": port}],
        environment=env(PORT=str(port), VERSION="h"),
    )
    task = site.run(definition("onhost", web, networkMode="host"))
    assert page("127.0.0.1", port) == "h"
    site.remote.stop_task(task=task["id"])


def test_none_mode_has_no_network(site: Site) -> None:
    task = site.run(definition("alone", container("lonely", site.image("idle")), networkMode="none"))
    assert inside(site, task, "lonely", "ls", "/sys/class/net").split() == ["lo"]
    assert task["containers"]["lonely"]["network_bindings"] == []
    assert task["address"] == ""
    site.remote.stop_task(task=task["id"])


def test_nothing_is_left_over(site: Site) -> None:
    for task in site.remote.live_tasks():
        site.task(task["id"], "STOPPED")
    assert site.engine.list_containers() == []
    assert site.remote.accounts() == []
    assert site.remote.reserved() == {"cpu": 0, "memory": 0}
