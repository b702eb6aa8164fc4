"""What dies is replaced, what is not ours is left alone, what runs is found again. The engine is the test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from clusters.engine.port import LABEL_ROLE
from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import BREAKER, Site, container, definition

QUICK = {"SLIPWAY_STEADY_SECONDS": "1"}
TASKS = 3


@pytest.fixture(scope="module")
def host() -> Iterator[LabEngine]:
    with LabEngine() as one:
        yield one


@pytest.fixture(scope="module")
def site(host: LabEngine) -> Iterator[Site]:
    with Site(host.url, QUICK) as one:
        create(one, "web")
        yield one


def create(site: Site, name: str, count: int = TASKS, **more: Any) -> None:
    web = container(name, site.image("web"), portMappings=[{"containerPort": 80}], **more)
    site.remote.create_service(
        service_name=name,
        task_definition=site.remote.register(document=definition(name, web)),
        desired_count=count,
        deployment_configuration={"deploymentCircuitBreaker": BREAKER},
    )
    site.deployed(name)


def whole(site: Site, service: str = "web", count: int = TASKS) -> set[str]:
    """The ids of the service's containers, once exactly `count` run and are known."""

    def known() -> set[str] | None:
        tasks = site.tasks(service)
        ids = {one["runtime_id"] for task in tasks for one in task["containers"].values()}
        running = {one.id for one in site.containers() if one.id in ids}
        return running if len(running) == len(tasks) == count else None

    return set(until(known, f"{count} tasks of {service} run", every=0.1))


def of_container(site: Site, container_id: str, service: str = "web") -> dict[str, Any]:
    tasks = site.remote.tasks(service=service)
    return next(
        task for task in tasks if container_id in {one["runtime_id"] for one in task["containers"].values()}
    )


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("kill", {"exit code 137"}),
        ("stop", {"exit code 0"}),
        # Whichever is seen first: that it was ended for its removal, or that it is not there any more.
        ("remove", {"the container was removed", "exit code 137"}),
    ],
)
def test_a_container_that_ends_is_replaced_and_its_task_says_why(
    site: Site, how: str, reason: set[str]
) -> None:
    before = whole(site)
    # At once, before it counts as healthy: an exit code of 0 tells nobody's hand, the engine's event does.
    victim = sorted(before)[0]
    task = of_container(site, victim)
    if how == "kill":
        site.engine.kill_container(victim)
    elif how == "stop":
        site.engine.stop_container(victim, 5)
    else:
        site.engine.remove_container(victim)
    began = time.monotonic()
    until(lambda: victim not in whole(site), "it was replaced", 30)
    print(f"replaced after {time.monotonic() - began:.2f} s")
    ended = until(
        lambda: next((t for t in site.tasks("web", "STOPPED") if t["id"] == task["id"]), None),
        "its task is STOPPED",
    )
    assert ended["stop_code"] == "EssentialContainerExited"
    assert ended["stopped_reason"] in {f"Essential container in task exited: web ({why})" for why in reason}
    assert not ended["failed"]
    assert before - {victim} < whole(site)
    assert site.engine.inspect_container(victim) is None
    assert len(site.remote.service(name="web")["deployments"]) == 1
    assert site.remote.accounts() == []


def test_all_at_once(site: Site) -> None:
    before = whole(site)
    for victim in before:
        site.engine.kill_container(victim)
    until(lambda: not before & whole(site), "all were replaced", 60)
    assert site.remote.accounts() == []
    until(lambda: not site.orphans(), "nothing is left over")


def test_an_engine_that_cannot_be_reached_is_shown_so_and_recovers_by_itself(
    site: Site, host: LabEngine
) -> None:
    before = {task["id"] for task in site.tasks("web")}
    whole(site)
    host.kill()
    away = until(lambda: [one for one in site.remote.instances() if not one["connected"]], "it is shown", 30)
    assert "docker.sock" in away[0]["connection_error"] or "answer" in away[0]["connection_error"]
    assert away[0]["connection_error"].strip()
    # Unknown is not gone.
    time.sleep(2)
    assert {task["id"] for task in site.tasks("web")} == before
    assert site.remote.accounts() == []
    host.start()
    until(lambda: [one for one in site.remote.instances() if one["connected"]], "it is reached again", 60)

    # The killed engine ended what ran there, which is seen a moment after it answers; nobody failed.
    def ended_ones() -> list[dict[str, Any]]:
        return [task for task in site.tasks("web", "STOPPED") if task["id"] in before]

    until(lambda: len(ended_ones()) == TASKS, "what the engine ended is STOPPED", 60)
    whole(site)
    ended = ended_ones()
    assert {task["stop_code"] for task in ended} == {"EssentialContainerExited"}
    assert not [task for task in ended if task["failed"]]
    assert site.remote.instances()[0]["connection_error"] == ""
    until(lambda: not site.orphans(), "nothing is left over")
    assert site.remote.accounts() == []


def test_a_restart_of_slipway_finds_its_containers_again_and_restarts_none(site: Site) -> None:
    before = whole(site)
    started = {one.id: one.started_at for one in site.containers(detail=True)}
    site.installation.stop()
    assert {one.id for one in site.containers()} == before
    # What happens meanwhile is found out at the next start.
    victim = sorted(before)[0]
    site.engine.kill_container(victim)
    site.installation.start()
    after = until(lambda: (now := whole(site)) and victim not in now and now, "it was replaced", 60)
    assert before - {victim} < after
    assert {one.id: one.started_at for one in site.containers(detail=True) if one.id in before} == {
        key: value for key, value in started.items() if key != victim
    }
    assert len(site.remote.service(name="web")["deployments"]) == 1
    assert site.remote.accounts() == []


def test_two_installations_on_one_engine_never_touch_each_other(site: Site, host: LabEngine) -> None:
    """The same service by the same name in both: each sees its own alone, whatever the other does."""
    before = whole(site)
    with Site(host.url, QUICK) as other:
        create(other, "web", 2)
        theirs = whole(other, "web", 2)
        assert not theirs & before
        other.remote.delete_service(service="web", force=True)
        until(lambda: other.remote.service(name="web")["status"] == "INACTIVE", "it is deleted")
        assert other.engine.list_containers() == []
        assert whole(site) == before
        create(other, "again", 2)
        theirs = whole(other, "again", 2)
        # One stopped: the other's containers live on, unmissed and untouched.
        other.installation.stop()
        victim = sorted(before)[0]
        site.engine.kill_container(victim)
        until(lambda: victim not in whole(site), "it was replaced", 30)
        time.sleep(1)
        assert {one.id for one in other.engine.list_containers({LABEL_ROLE: "container"})} == theirs
        other.installation.start()
        assert whole(other, "again", 2) == theirs
    assert len(whole(site)) == TASKS
    assert site.remote.accounts() == []


def test_somebody_else_s_containers_are_left_alone(site: Site, host: LabEngine) -> None:
    """Even one that has the agent's labels of a task long gone."""
    import subprocess

    docker = ["docker", "--host", host.url]
    task = site.tasks("web", "STOPPED")[0]
    label = f"com.amazonaws.ecs.task-arn={task['arn']}"
    done = subprocess.run(
        [*docker, "run", "-d", "--label", label, site.image("idle")],
        capture_output=True,
        text=True,
        check=True,
    )
    stranger = done.stdout.strip()
    old = site.installation.kill("watcher")
    site.installation.wait_restarted("watcher", old)
    time.sleep(4)  # it compares engine and rows when it starts
    state = site.engine.inspect_container(stranger)
    assert state is not None
    assert state.status == "running"
    subprocess.run([*docker, "rm", "-f", stranger], capture_output=True, check=True)


def test_a_service_scaled_to_nothing_and_deleted_leaves_nothing(site: Site) -> None:
    site.remote.update_service(service="web", desired_count=0)
    site.deployed("web")
    until(lambda: site.containers(running=False) == [], "its containers are removed")
    site.remote.delete_service(service="web")
    until(lambda: site.remote.service(name="web")["status"] == "INACTIVE", "it is deleted")
    assert site.engine.list_containers() == []
    assert site.remote.accounts() == []
    assert site.remote.reserved() == {"cpu": 0, "memory": 0}
