"""A host is cut off and comes back: its tasks run elsewhere meanwhile, and afterwards nothing runs twice or is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN, Engine
from tests.lab import images
from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import Site, container, definition
from tests.lab.sshd import LabSsh

TASKS = 6
SETTINGS = {
    "SLIPWAY_STEADY_SECONDS": "1",
    "SLIPWAY_INSTANCE_LOST_SECONDS": "8",
}


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[LabEngine, LabEngine]]:
    """The first is reached by its own socket, which a cut cable does not touch; the second, by SSH, can be lost."""
    with LabEngine() as one, LabEngine() as two:
        yield one, two


@pytest.fixture(scope="module")
def site(hosts: tuple[LabEngine, LabEngine]) -> Iterator[Site]:
    one, two = hosts
    ssh = LabSsh(two)
    ssh.start()
    with Site(one.url, SETTINGS) as made:
        made.remote.register_instance(
            url=ssh.url, ssh_key=ssh.keys.private_key, ssh_host_key=ssh.keys.host_keys, name=two.name
        )
        until(lambda: len([i for i in made.remote.instances() if i["connected"]]) == 2, "both are connected")
        yield made


@pytest.fixture(scope="module")
def engines(site: Site, hosts: tuple[LabEngine, LabEngine]) -> Iterator[tuple[Engine, Engine]]:
    """By their own sockets, which answer whatever the network does."""
    opened = [open_engine(host.url, site.engine.installation) for host in hosts]
    for engine in opened:
        images.ensure_image(engine, "web")
    yield opened[0], opened[1]
    for engine in opened:
        engine.close()


def running(engine: Engine) -> list[str]:
    """ARNs of tasks with a running container."""
    found = engine.list_containers({LABEL_ROLE: "container"}, detail=False)
    return sorted(one.labels[LABEL_TASK_ARN] for one in found if one.status == "running")


def test_cut_off_replaced_and_reconciled(
    site: Site, hosts: tuple[LabEngine, LabEngine], engines: tuple[Engine, Engine]
) -> None:
    one, two = engines
    web = container("web", images.reference("web"), portMappings=[{"containerPort": 80}])
    site.remote.create_service(
        service_name="web",
        task_definition=site.remote.register(document=definition("web", web)),
        desired_count=TASKS,
        placement_strategy=[{"type": "spread", "field": "instanceId"}],
    )
    site.deployed("web")
    assert (len(running(one)), len(running(two))) == (3, 3)
    theirs = running(two)

    hosts[1].cut_off()
    try:
        until(lambda: len(running(one)) == TASKS, "all run on the host that is left", 90)
        assert running(two) == theirs, "nobody can reach what runs on the other"
        given_up = _tasks(site, lambda task: task["arn"] in theirs)
        assert {(task["stop_code"], task["failed"]) for task in given_up} == {("InfrastructureHealth", False)}
        assert all(hosts[1].name in task["stopped_reason"] for task in given_up)
        site.deployed("web")
    finally:
        hosts[1].plug_in()
    until(lambda: running(two) == [] and two.list_containers() == [], "what was replaced is gone", 90)
    until(
        lambda: {t["status"] for t in _tasks(site, lambda t: t["arn"] in theirs)} == {"STOPPED"}, "it ended"
    )
    assert len(running(one)) == TASKS, "no doubles, and nothing was replaced twice"
    assert site.remote.accounts() == []
    # It takes tasks again.
    site.remote.update_service(service="web", desired_count=TASKS + 3)
    site.deployed("web")
    assert len(running(two)) == 3
    assert site.remote.accounts() == []


def _tasks(site: Site, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    return [task for task in site.remote.tasks(service="web") if wanted(task)]


def test_a_host_that_comes_back_in_time_is_not_lost(
    site: Site, hosts: tuple[LabEngine, LabEngine], engines: tuple[Engine, Engine]
) -> None:
    before = running(engines[0]), running(engines[1])
    hosts[1].cut_off()
    try:
        until(lambda: not all(i["connected"] for i in site.remote.instances()), "it is missed", 60)
    finally:
        hosts[1].plug_in()
    until(lambda: all(i["connected"] for i in site.remote.instances()), "it is back", 60)
    site.deployed("web")
    assert (running(engines[0]), running(engines[1])) == before
