"""Each rule, by a document that breaks it and by one that just does not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from services.taskdef import words
from services.taskdef.errors import InvalidDocument
from services.taskdef.fields import ANSWER_ONLY, structures
from services.taskdef.validate import LARGEST, validate
from tests.unit.taskdef.examples import container, document, fargate, mistakes

C = "containerDefinitions[0]"


def test_the_defaults_are_those_of_describe_task_definition() -> None:
    request = document(container(portMappings=[{"containerPort": 80}], healthCheck={"command": ["CMD", "true"]}),
                       volumes=[{"name": "scratch"}])  # fmt: skip
    assert validate(request) == {
        "family": "shop",
        "networkMode": "bridge",
        "containerDefinitions": [{
            "name": "web", "image": "nginx:1.25", "cpu": 0, "memory": 128, "essential": True, "environment": [],
            "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}],
            "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0},
            "mountPoints": [], "systemControls": [],
        }],
        "volumes": [{"name": "scratch", "host": {}}],
        "placementConstraints": [],
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_the_task_s_own_ports_are_the_containers_ports(mode: str) -> None:
    request = document(container(portMappings=[{"containerPort": 80}]), networkMode=mode)
    assert validate(request)["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 80


@pytest.mark.parametrize(
    ("given", "cpu"),
    [
        ("256", "256"),
        ("0.25 vCPU", "256"),
        (".5vcpu", "512"),
        ("1 vCPU", "1024"),
        ("2VCPU", "2048"),
        (512, "512"),
    ],
)
def test_task_cpu_is_read_in_units_and_vcpu(given: Any, cpu: str) -> None:
    assert validate(document(cpu=given))["cpu"] == cpu


@pytest.mark.parametrize(
    ("given", "memory"),
    [("512", "512"), ("0.5GB", "512"), ("1 GB", "1024"), ("30gb", "30720"), (2048, "2048")],
)
def test_task_memory_is_read_in_mib_and_gb(given: Any, memory: str) -> None:
    assert validate(document(memory=given))["memory"] == memory


@pytest.mark.parametrize(
    "given", ["", "x", "1.5", "0.3333 vCPU", "127", "192.1 vCPU", True, "1e3", "٢٥٦", "9" * 40]
)
def test_other_task_cpu_is_refused(given: Any) -> None:
    assert list(mistakes(document(cpu=given))) == ["cpu"]


@pytest.mark.parametrize("given", ["512MB", "0.0001 GB", "5", "-1", 5.0, ["512"]])
def test_other_task_memory_is_refused(given: Any) -> None:
    assert list(mistakes(document(memory=given))) == ["memory"]


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    request = document(
        container(imge="x", essential="yes", portMappings=[{"containerPort": 70000}, {"hostPort": 80}],
                  healthCheck={"command": ["curl"], "interval": 3}, environmentFiles=[{"value": "b"}]),
        {"name": "side"},
        famly="x", networkMode="vpc",
    )  # fmt: skip
    found = mistakes(request)
    assert set(found) == {
        "famly", "networkMode", f"{C}.imge", f"{C}.essential", f"{C}.portMappings[0].containerPort",
        f"{C}.portMappings[1].containerPort", f"{C}.healthCheck.command", f"{C}.healthCheck.interval",
        f"{C}.environmentFiles",
        "containerDefinitions[1].image", "containerDefinitions[1].memory",
    }  # fmt: skip
    assert found["famly"] == "unknown field, did you mean family?"
    assert found[f"{C}.imge"] == "unknown field, did you mean image?"
    assert (
        found[f"{C}.environmentFiles"] == "environmentFiles is not supported yet by this version of Slipway"
    )
    assert found["networkMode"] == "'vpc' is not one of bridge, host, awsvpc, none, did you mean awsvpc?"


def test_memory_must_be_given_somewhere_in_ecs_s_words() -> None:
    bare = {"name": "web", "image": "nginx"}
    with pytest.raises(InvalidDocument) as caught:
        validate(document(bare))
    assert str(caught.value) == (
        "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified."
    )
    assert validate(document(bare, memory="64"))
    assert validate(document({**bare, "memoryReservation": 64}))


def test_bridge_tasks_may_map_one_container_port_twice_but_not_one_host_port() -> None:
    twice = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8081}]
    assert mistakes(document(container(portMappings=twice))) == {}
    both = [{"containerPort": 53, "hostPort": 53}, {"containerPort": 53, "hostPort": 53, "protocol": "udp"}]
    assert mistakes(document(container(portMappings=both))) == {}


# ---- dependsOn -------------------------------------------------------------------------------------------


def depends(name: str, condition: str) -> list[dict[str, str]]:
    return [{"containerName": name, "condition": condition}]


def test_healthy_needs_a_check_that_runs() -> None:
    for check, fine in (({"command": ["CMD", "x"]}, True), ({"command": ["NONE"]}, False), (None, False)):
        found = mistakes(
            document(container("db", healthCheck=check), container(dependsOn=depends("db", "HEALTHY")))
        )
        assert (found == {}) is fine
        assert (
            fine or "HEALTHY needs a healthCheck" in found["containerDefinitions[1].dependsOn[0].condition"]
        )


@pytest.mark.parametrize("condition", ["COMPLETE", "SUCCESS"])
def test_completion_is_waited_for_on_inessential_containers_only(condition: str) -> None:
    web = container(dependsOn=depends("init", condition))
    assert mistakes(document(container("init", essential=False), web)) == {}
    found = mistakes(document(container("init"), web))
    assert "essential" in found["containerDefinitions[1].dependsOn[0].condition"]


def test_circles_are_named() -> None:
    circle = [container(a, dependsOn=depends(b, "START")) for a, b in (("a", "b"), ("b", "c"), ("c", "a"))]
    found = mistakes(document(*circle, container("d", dependsOn=depends("a", "START"))))
    assert found == {"containerDefinitions": "dependsOn goes round in a circle: a -> b -> c -> a"}


# ---- Fargate ---------------------------------------------------------------------------------------------

SIZES = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4097, 1024)),
    1024: set(range(2048, 8193, 1024)),
    2048: set(range(4096, 16385, 1024)),
    4096: set(range(8192, 30721, 1024)),
    8192: set(range(16384, 61441, 4096)),
    16384: set(range(32768, 122881, 8192)),
}


def test_fargate_knows_its_sizes_and_no_others() -> None:
    for cpu in [*SIZES, 128, 300, 32768]:
        for memory in {512, 1536, 20480, 32768, 122880, 131072} | set().union(*SIZES.values()):
            found = mistakes(fargate(cpu=str(cpu), memory=str(memory)))
            assert (found == {}) is (memory in SIZES.get(cpu, ())), (cpu, memory, found)
            assert set(found.values()) <= {"No Fargate configuration exists for given values."}


def test_fargate_s_sentence_is_ecs_s_own() -> None:
    with pytest.raises(InvalidDocument) as caught:
        validate(fargate(memory="4096"))
    assert str(caught.value) == "No Fargate configuration exists for given values."


def test_fargate_needs_awsvpc_and_a_size() -> None:
    request = fargate()
    del request["cpu"], request["memory"]
    assert mistakes(request | {"networkMode": "bridge"}) == {
        "networkMode": "Fargate only supports network mode 'awsvpc'.",
        "cpu": "Fargate requires that 'cpu' be defined at the task level.",
        "memory": "Fargate requires that 'memory' be defined at the task level.",
    }


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"privileged": True}, "privileged"),
        ({"dockerSecurityOptions": ["no-new-privileges"]}, "dockerSecurityOptions"),
        ({"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}]}}, "linuxParameters.devices"),
        ({"linuxParameters": {"sharedMemorySize": 8}}, "linuxParameters.sharedMemorySize"),
        ({"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}}, "linuxParameters.capabilities.add"),
        ({"logConfiguration": {"logDriver": "json-file"}}, "logConfiguration.logDriver"),
        ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}},
         "logConfiguration.options.awslogs-stream-prefix"),
        ({"stopTimeout": 121}, "stopTimeout"),
        ({"startTimeout": 1}, "startTimeout"),
    ],
)  # fmt: skip
def test_fargate_restrictions(members: dict[str, Any], place: str) -> None:
    assert mistakes(document(container(**members))) == {}
    assert list(mistakes(fargate(container(**members)))) == [f"{C}.{place}"]


def test_fargate_has_no_host_paths_docker_volumes_or_placement_constraints() -> None:
    request = fargate(
        volumes=[{"name": "a", "host": {"sourcePath": "/x"}}, {"name": "b", "dockerVolumeConfiguration": {}}],
        placementConstraints=[{"type": "memberOf", "expression": "attribute:x exists"}],
    )
    assert set(mistakes(request)) == {
        "placementConstraints", "volumes[0].host.sourcePath", "volumes[1].dockerVolumeConfiguration"
    }  # fmt: skip


# ---- size ------------------------------------------------------------------------------------------------


def test_documents_over_64_kib_are_refused_in_ecs_s_words() -> None:
    found = mistakes(document(container(command=["x" * LARGEST])))
    assert list(found) == [""] and "Max allowed length is '65536' bytes." in found[""]
    assert list(mistakes(document(container(command=["x" * 10**6])))) == [""]


def test_a_hostile_document_is_answered_soon() -> None:
    nest: Any = []
    for _ in range(100_000):
        nest = [nest]
    assert mistakes(document(container(surprise=nest)))
    assert len(mistakes(document(container(environment=[{}] * 20_000)))) <= 100


# ---- the service model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes() -> dict[str, Any]:
    path = Path(botocore.__file__).parent / "data/ecs/2014-11-13/service-2.json.gz"
    return dict(json.loads(gzip.decompress(path.read_bytes()))["shapes"])


def _shape_at(shapes: dict[str, Any], path: str) -> dict[str, Any]:
    shape = shapes["RegisterTaskDefinitionRequest"]
    for step in path.replace("[]", ".[]").split(".") if path else ():
        member = shape["member"] if step == "[]" else shape["members"][step]
        shape = shapes[member["shape"]]
    return dict(shape)


def test_every_member_of_ecs_s_model_is_either_run_or_refused_by_name(shapes: dict[str, Any]) -> None:
    for path, struct in structures():
        known = set(struct.fields) - (set(ANSWER_ONLY) if path == "" else set())
        assert known == set(_shape_at(shapes, path)["members"]), path


@pytest.mark.parametrize(
    ("shape", "ours"),
    [
        ("NetworkMode", words.NETWORK_MODES),
        ("Compatibility", words.COMPATIBILITIES + words.LATER_COMPATIBILITIES),
        ("TransportProtocol", words.PROTOCOLS),
        ("ContainerCondition", words.CONDITIONS),
        ("CPUArchitecture", words.ARCHITECTURES),
        ("OSFamily", ("LINUX", *words.WINDOWS_FAMILIES)),
        ("LogDriver", words.LOG_DRIVERS + words.LATER_LOG_DRIVERS),
        ("UlimitName", words.ULIMITS),
    ],
)
def test_the_vocabularies_are_ecs_s(shapes: dict[str, Any], shape: str, ours: tuple[str, ...]) -> None:
    assert set(shapes[shape]["enum"]) == set(ours)


def test_the_capabilities_are_ecs_s(shapes: dict[str, Any]) -> None:
    words_of_model = shapes["KernelCapabilities"]["members"]["add"]["documentation"]
    assert all(f'"{name}"' in words_of_model for name in words.CAPABILITIES)
    assert words_of_model.count('"') == 2 * len(words.CAPABILITIES)
