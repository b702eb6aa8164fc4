"""What an instance can do, and what a task definition needs of it, in the ECS agent's names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusters.capabilities import capabilities
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.engine.translate_state import engine_info
from services.taskdef.capabilities import required_capabilities
from services.taskdef.validate import validate

OLD, NEW = "com.amazonaws.ecs.capability.", "ecs.capability."
INFO = FakeEngine(FakeHost(), "ours").info()


def test_an_instance_has_what_its_engine_tells_and_what_slipway_does() -> None:
    found = capabilities(
        replace(INFO, api_version="1.25", log_drivers=("gelf",), volume_drivers=("nfs:latest",))
    )
    assert {f"{OLD}docker-remote-api.1.17", f"{OLD}docker-remote-api.1.25"} <= set(found)
    assert f"{OLD}docker-remote-api.1.28" not in found
    assert {f"{OLD}logging-driver.gelf", f"{OLD}logging-driver.awslogs"} <= set(found)
    assert f"{OLD}logging-driver.syslog" not in found
    assert f"{NEW}docker-plugin.nfs" in found
    assert found == sorted(set(found))


def test_security_modules_are_those_the_engine_runs_with() -> None:
    raw = {
        "ID": "x",
        "NCPU": 1,
        "MemTotal": 1 << 30,
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=x"],
    }
    found = capabilities(engine_info(raw, "1.47", None))
    assert f"{OLD}apparmor" in found and f"{OLD}selinux" not in found


SECRET = "arn:aws:secretsmanager:local-1:000000000000:secret:db-AbCdEf"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "web"}}
CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    ({"privileged": True}, {}, [f"{OLD}privileged-container"]),
    ({"logConfiguration": {"logDriver": "gelf"}}, {}, [f"{OLD}docker-remote-api.1.20", f"{OLD}logging-driver.gelf"]),
    ({"secrets": [{"name": "A", "valueFrom": SECRET}, {"name": "B", "valueFrom": "parameter"}]},
     {"executionRoleArn": "fetcher"},
     [f"{NEW}secrets.asm.environment-variables", f"{NEW}secrets.ssm.environment-variables"]),
    ({}, {"networkMode": "awsvpc", "taskRoleArn": "web"}, [f"{OLD}task-iam-role", f"{NEW}task-eni"]),
    ({}, {"networkMode": "host", "taskRoleArn": "web"}, [f"{OLD}task-iam-role-network-host"]),
    ({}, {"cpu": "256", "memory": "512"}, [f"{OLD}docker-remote-api.1.22", f"{NEW}task-cpu-mem-limit"]),
    ({"dockerSecurityOptions": ["label:type:x", "apparmor:y"]}, {}, [f"{OLD}apparmor", f"{OLD}selinux"]),
    ({"healthCheck": {"command": ["CMD", "true"]}, "restartPolicy": {"enabled": True}}, {},
     [f"{OLD}docker-remote-api.1.24", f"{NEW}container-health-check", f"{NEW}container-restart-policy"]),
    ({"logConfiguration": LOGS}, {"executionRoleArn": "fetcher"},
     [f"{OLD}docker-remote-api.1.21", f"{OLD}logging-driver.awslogs", f"{NEW}execution-role-awslogs"]),
]  # fmt: skip


@pytest.mark.parametrize(("container", "task", "needed"), CASES)
def test_a_task_definition_needs_what_it_uses(
    container: dict[str, Any], task: dict[str, Any], needed: list[str]
) -> None:
    one = {"name": "web", "image": "web:1", "memory": 64, **container}
    document = validate({"family": "web", "containerDefinitions": [one], **task})
    assert required_capabilities(document) == needed
    assert set(needed) <= set(capabilities(INFO)), "what Slipway runs, an engine of today can"
