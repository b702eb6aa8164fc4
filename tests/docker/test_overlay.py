"""Two hosts in one network: tasks on both reach each other by address and by name; what joined leaves again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.engine.connect import open_engine
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN, Engine
from tests.lab import images
from tests.lab.certificates import LabAuthority
from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import Site, container, definition


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabEngine, LabEngine]]:
    one = LabAuthority(tmp_path_factory.mktemp("one"))
    two = LabAuthority(tmp_path_factory.mktemp("two"))
    with LabEngine(authority=one) as first, LabEngine(authority=two) as second:
        yield first, second


@pytest.fixture(scope="module")
def site(hosts: tuple[LabEngine, LabEngine]) -> Iterator[Site]:
    with Site(hosts[0].url, {"SLIPWAY_STEADY_SECONDS": "1"}) as made:
        made.remote.deregister_instance(
            container_instance=str(made.remote.instances()[0]["id"]), cluster="default", force=True
        )
        for host in hosts:
            register(made, host)
        until(lambda: sum(i["connected"] for i in made.remote.instances()) >= 2, "both are connected")
        yield made


def register(site: Site, host: LabEngine) -> str:
    assert host._authority is not None
    files = host._authority.client()
    found: str = site.remote.register_instance(
        url=host.tcp_url,
        name=host.name,
        tls_ca=Path(files.ca).read_text(),
        tls_certificate=Path(files.cert).read_text(),
        tls_key=Path(files.key).read_text(),
    )
    return found


@pytest.fixture(scope="module")
def engines(site: Site, hosts: tuple[LabEngine, LabEngine]) -> Iterator[dict[str, Engine]]:
    opened = {host.name: open_engine(host.url, site.engine.installation) for host in hosts}
    for engine in opened.values():
        images.ensure_image(engine, "web")
    yield opened
    for engine in opened.values():
        engine.close()


def members(site: Site) -> dict[str, dict[str, object]]:
    """What is known of the registered instances as nodes, by name."""
    rows = site.remote.instances()
    return {row["name"]: row["overlay"] for row in rows if row["status"] != "INACTIVE"}


def test_tasks_on_two_hosts_reach_each_other(
    site: Site, hosts: tuple[LabEngine, LabEngine], engines: dict[str, Engine]
) -> None:
    site.remote.update_cluster_network(driver="overlay")
    until(lambda: all(one.get("in") for one in members(site).values()), "both are in", 120, every=1)
    assert sorted(str(one["role"]) for one in members(site).values()) == ["manager", "worker"]

    web = container("web", images.reference("web"))
    site.remote.create_service(
        service_name="net",
        task_definition=site.remote.register(document=definition("net", web, networkMode="awsvpc")),
        desired_count=2,
        placement_strategy=[{"type": "spread", "field": "instanceId"}],
    )
    site.deployed("net")
    tasks = site.tasks("net")
    assert len({task["instance_id"] for task in tasks}) == 2
    assert len({task["address"] for task in tasks}) == 2, "no two have one address"
    by_arn = {
        one.labels[LABEL_TASK_ARN]: (engine, one.id)
        for engine in engines.values()
        for one in engine.list_containers({LABEL_ROLE: "container"})
    }
    for here, there in (tasks, tasks[::-1]):
        engine, key = by_arn[here["arn"]]
        for where in (there["address"], there["id"]):
            command = ("/bin/sh", "-c", f"timeout 5 wget -qO- http://{where}/")
            assert engine.top_exec(key, command) == (0, "1\n"), where


def test_what_slipway_joined_leaves_when_it_is_deregistered(
    site: Site, hosts: tuple[LabEngine, LabEngine], engines: dict[str, Engine]
) -> None:
    worker = next(name for name, one in members(site).items() if one["role"] == "worker")
    row = next(i for i in site.remote.instances() if i["name"] == worker)
    site.remote.update_service(service="net", desired_count=0)
    site.deployed("net")
    site.remote.deregister_instance(container_instance=row["id"], cluster="default")
    until(lambda: engines[worker].swarm().state == "inactive", "it left", 120)
    manager = next(name for name in engines if name != worker)
    until(lambda: len(engines[manager].swarm_nodes()) == 1, "nobody remembers it", 60)
    site.remote.update_cluster_network(driver="bridge")
    until(lambda: engines[manager].swarm().state == "inactive", "nor is the last one in a swarm", 120)
