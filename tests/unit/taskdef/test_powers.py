"""What a document asks of an instance: powers (requirements), room (resources), and the containers' order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from services.taskdef.order import dependencies, dependency_order, has_health_check, shutdown_order
from services.taskdef.requirements import requirements
from services.taskdef.resources import Resources, resources
from services.taskdef.validate import validate
from tests.unit.taskdef.examples import container, document
from tests.unit.taskdef.strategies import documents, examples


def needs(*containers: dict[str, Any], **members: Any) -> list[str]:
    return requirements(validate(document(*containers, **members)))


def volume(**members: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **members}]}


def test_an_ordinary_task_needs_no_power() -> None:
    web = container(
        portMappings=[{"containerPort": 80, "hostPort": 80}],
        dockerSecurityOptions=["no-new-privileges"],
        linuxParameters={
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "devices": [{"hostPath": "/dev/null"}],
            "tmpfs": [{"containerPath": "/tmp", "size": 10}],
        },
    )
    shared = {"scope": "shared", "autoprovision": True}
    assert needs(web, volumes=[{"name": "a"}, {"name": "b", "dockerVolumeConfiguration": shared}]) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/srv/data", ["host-mount:/srv/data"]),
        ("/srv//data/./", ["host-mount:/srv/data"]),
        ("//srv", ["host-mount:/srv"]),
        ("/var/lib", ["host-mount:/var/lib"]),
        ("/runner", ["host-mount:/runner"]),
        ("/var/run/docker.sock", ["docker-socket", "host-mount:/var/run/docker.sock"]),
        ("/run/docker.sock", ["docker-socket", "host-mount:/run/docker.sock"]),
        ("/var/run/", ["docker-socket", "host-mount:/var/run"]),
        ("/run", ["docker-socket", "host-mount:/run"]),
        ("/var", ["docker-socket", "host-mount:/var"]),
        ("/", ["docker-socket", "host-mount:/"]),
        ("/run/containerd", ["docker-socket", "host-mount:/run/containerd"]),
        ("/run/docker", ["docker-socket", "host-mount:/run/docker"]),
    ],
)
def test_paths_of_the_instance(path: str, words: list[str]) -> None:
    assert needs(**volume(host={"sourcePath": path})) == words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "none", "o": "bind", "device": "/etc"}, ["host-mount:/etc"]),
        ({"o": "ro,bind", "device": "/run/docker.sock"}, ["docker-socket", "host-mount:/run/docker.sock"]),
        ({"type": "tmpfs", "device": "tmpfs", "o": "size=10m"}, []),
        ({"type": "ext4", "device": "/dev/sda1"}, ["docker-socket", "host-mount:/"]),
        ({"type": "overlay", "device": "overlay", "o": "lowerdir=/etc"}, ["docker-socket", "host-mount:/"]),
        ({"type": "nfs", "device": ":/export", "o": "addr=10.0.0.1"}, ["docker-socket", "host-mount:/"]),
    ],
)
def test_volume_options_cannot_smuggle_a_host_mount(options: dict[str, str], words: list[str]) -> None:
    assert needs(**volume(dockerVolumeConfiguration={"driverOpts": options})) == words


def test_other_powers_each_have_their_word() -> None:
    web = container(
        privileged=True,
        dockerSecurityOptions=["apparmor:unconfined", "label:disable"],
        linuxParameters={
            "capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN", "CHOWN"]},
            "devices": [{"hostPath": "/dev/../dev/sda"}, {"hostPath": "/dev/zero"}],
        },
    )
    assert needs(web, networkMode="host", **volume(dockerVolumeConfiguration={"driver": "rexray"})) == [
        "capability:NET_ADMIN",
        "capability:SYS_ADMIN",
        "device:/dev/sda",
        "host-network",
        "privileged",
        "security-opt:apparmor:unconfined",
        "security-opt:label:disable",
        "volume-driver:rexray",
    ]
    assert needs(container(linuxParameters={"capabilities": {"add": ["ALL"]}})) == ["capability:ALL"]


@examples(50)
@given(documents())
def test_requirements_are_sorted_words_and_tell_every_host_path(request: dict[str, Any]) -> None:
    normalised = validate(request)
    words = requirements(normalised)
    assert words == sorted(set(words))
    paths = [v["host"]["sourcePath"] for v in normalised["volumes"] if v.get("host", {}).get("sourcePath")]
    assert all(f"host-mount:{path}" in words for path in paths)
    assert ("privileged" in words) is any(c.get("privileged") for c in normalised["containerDefinitions"])


# ---- room ------------------------------------------------------------------------------------------------


def room(*containers: dict[str, Any], **members: Any) -> Resources:
    return resources(validate(document(*containers, **members)))


def test_without_a_task_size_the_containers_add_up() -> None:
    soft = container("b", cpu=64, memory=512, memoryReservation=100)
    assert room(container(cpu=128), soft) == Resources(cpu=192, memory=228)


def test_the_task_size_counts_where_it_is_given() -> None:
    assert room(container(cpu=128), cpu="0.5 vCPU", memory="1 GB") == Resources(cpu=512, memory=1024)
    assert room(container(cpu=128), memory="1 GB") == Resources(cpu=128, memory=1024)


@pytest.mark.parametrize(
    ("mode", "ports"),
    [
        ("bridge", ((53, "udp"), (8080, "tcp"))),
        ("awsvpc", ()),
        ("host", ((53, "udp"), (80, "tcp"), (90, "tcp"))),
    ],
)
def test_fixed_ports_are_those_of_the_instance(mode: str, ports: tuple[tuple[int, str], ...]) -> None:
    outside = {"bridge": 8080, "awsvpc": 80, "host": 80}[mode]
    web = container(
        portMappings=[
            {"containerPort": 80, "hostPort": outside},
            {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
            {"containerPort": 90},
        ]
    )
    assert room(web, networkMode=mode).fixed_ports == ports


# ---- order -----------------------------------------------------------------------------------------------


def after(name: str, *targets: str, **members: Any) -> dict[str, Any]:
    return container(name, dependsOn=[{"containerName": t, "condition": "START"} for t in targets], **members)


def test_containers_start_in_waves_and_stop_the_other_way_round() -> None:
    task = document(after("web", "db", "cache"), container("db"), after("cache", "init"), container("init"))
    assert dependency_order(task) == [["db", "init"], ["cache"], ["web"]]
    assert shutdown_order(task) == [["web"], ["db", "cache"], ["init"]]


def test_circles_have_no_order() -> None:
    circle = document(after("a", "b"), after("b", "a"))
    for order in (dependency_order, shutdown_order):
        with pytest.raises(ValueError, match="circle"):
            order(circle)


@examples(50)
@given(documents())
def test_orders_hold_every_container_once_and_respect_every_dependency(request: dict[str, Any]) -> None:
    task = validate(request)
    names = sorted(c["name"] for c in task["containerDefinitions"])
    start = {name: wave for wave, names in enumerate(dependency_order(task)) for name in names}
    stop = {name: wave for wave, names in enumerate(shutdown_order(task)) for name in names}
    assert sorted(start) == names == sorted(stop)
    for each in task["containerDefinitions"]:
        for target, _ in dependencies(each):
            assert start[target] < start[each["name"]]
            assert stop[each["name"]] < stop[target]


def test_a_health_check_counts_when_it_runs_something() -> None:
    assert has_health_check(container(healthCheck={"command": ["CMD", "true"]}))
    assert not has_health_check(container(healthCheck={"command": ["NONE"]}))
    assert not has_health_check(container())
