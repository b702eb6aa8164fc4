"""The attributes that the ECS agent registers for what an instance can do, as far as they are true here.

Names are the agent's own (agent/app/agent_capability.go). What Slipway does itself is there on every engine; the rest
is what the engine says of itself. Left out is what Slipway does not do: ECR logins, FireLens, App Mesh, EFS, Elastic
Inference, files of variables, shared PID and IPC namespaces. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clusters.engine.port import EngineInfo

OLD = "com.amazonaws.ecs.capability."  # the prefix of the agent's first years
NEW = "ecs.capability."

API = f"{OLD}docker-remote-api."
LOGGING = f"{OLD}logging-driver."
PRIVILEGED = f"{OLD}privileged-container"
SELINUX = f"{OLD}selinux"
APPARMOR = f"{OLD}apparmor"
TASK_ROLE = f"{OLD}task-iam-role"
TASK_ROLE_ON_HOST_NETWORK = f"{OLD}task-iam-role-network-host"
TASK_ADDRESS = f"{NEW}task-eni"
TASK_SIZE = f"{NEW}task-cpu-mem-limit"
LOGS_BY_EXECUTION_ROLE = f"{NEW}execution-role-awslogs"
HEALTH_CHECK = f"{NEW}container-health-check"
ORDERING = f"{NEW}container-ordering"
RESTART_POLICY = f"{NEW}container-restart-policy"
REGISTRY_LOGIN = f"{NEW}private-registry-authentication.secretsmanager"
EXECUTE_COMMAND = f"{NEW}execute-command"
SECRETS = {
    "secret": f"{NEW}secrets.asm.environment-variables",
    "parameter": f"{NEW}secrets.ssm.environment-variables",
}
LOG_SECRETS = {
    "secret": f"{NEW}secrets.asm.bootstrap.log-driver",
    "parameter": f"{NEW}secrets.ssm.bootstrap.log-driver",
}

_BY_SLIPWAY = (
    *(PRIVILEGED, TASK_ROLE, TASK_ROLE_ON_HOST_NETWORK, TASK_ADDRESS, TASK_SIZE, LOGS_BY_EXECUTION_ROLE),
    *(HEALTH_CHECK, ORDERING, RESTART_POLICY, REGISTRY_LOGIN, EXECUTE_COMMAND),
    *(*SECRETS.values(), *LOG_SECRETS.values()),
    f"{LOGGING}awslogs",  # Slipway collects them
)
_OLDEST, _NEWEST = 17, 32  # API versions the agent registers, but for …
_NOT_REGISTERED = {26, 27, 31}


def is_capability(name: str) -> bool:
    """Whether it is the engine's own to have: nobody sets such an attribute by hand."""
    return name.startswith((OLD, NEW))


def capabilities(info: EngineInfo) -> list[str]:
    """Names, sorted; none of them has a value."""
    return sorted({*_BY_SLIPWAY, *_of_engine(info)})


def _of_engine(info: EngineInfo) -> Iterator[str]:
    minor = int(info.api_version.partition(".")[2] or 0)
    for version in range(_OLDEST, min(minor, _NEWEST) + 1):
        if version not in _NOT_REGISTERED:
            yield f"{API}1.{version}"
    for driver in info.log_drivers:
        yield f"{LOGGING}{driver}"
    for driver in info.volume_drivers:
        yield f"{NEW}docker-plugin.{driver.removesuffix(':latest').replace(':', '.')}"
    for module, name in (("selinux", SELINUX), ("apparmor", APPARMOR)):
        if module in info.security_modules:
            yield name
