"""Which of the ECS agent's capabilities an instance must have to run a task definition: `requiresAttributes`.

Docker's API versions are those from which the agent has the feature. Not demanded are volume drivers: engines tell of
a plugin only once it was used. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clusters import capabilities as known
from services.taskdef import value_from

# agent/dockerclient/logging_drivers.go
_LOGGING_SINCE = {
    "json-file": "1.18", "syslog": "1.18", "journald": "1.19", "gelf": "1.20", "fluentd": "1.20", "awslogs": "1.21",
    "splunk": "1.22",
}  # fmt: skip


def required_capabilities(document: Mapping[str, Any]) -> list[str]:
    """Names of attributes, sorted, of a normalised document."""
    found = set(_of_task(document))
    for container in document["containerDefinitions"]:
        found.update(_of_container(container))
        if document.get("executionRoleArn") and _log_driver(container) == "awslogs":
            found.add(known.LOGS_BY_EXECUTION_ROLE)
    return sorted(found)


def _of_task(document: Mapping[str, Any]) -> Iterator[str]:
    mode = document.get("networkMode")
    if mode == "awsvpc":
        yield known.TASK_ADDRESS
    if document.get("taskRoleArn"):
        yield known.TASK_ROLE_ON_HOST_NETWORK if mode == "host" else known.TASK_ROLE
    if "cpu" in document or "memory" in document:
        yield known.TASK_SIZE
        yield f"{known.API}1.22"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield known.PRIVILEGED
    if container.get("healthCheck"):
        yield known.HEALTH_CHECK
        yield f"{known.API}1.24"
    if container.get("dependsOn"):
        yield known.ORDERING
    if container.get("restartPolicy", {}).get("enabled"):
        yield known.RESTART_POLICY
    if container.get("repositoryCredentials"):
        yield known.REGISTRY_LOGIN
    if container.get("linuxParameters", {}).get("initProcessEnabled"):
        yield f"{known.API}1.25"
    for option in container.get("dockerSecurityOptions", ()):
        if option.startswith("label:"):
            yield known.SELINUX
        if option.startswith("apparmor:"):
            yield known.APPARMOR
    for secret in container.get("secrets", ()):
        yield known.SECRETS[value_from.parse(secret["valueFrom"]).kind]
    driver = _log_driver(container)
    if driver:
        yield f"{known.LOGGING}{driver}"
        yield f"{known.API}{_LOGGING_SINCE[driver]}"
    for secret in container.get("logConfiguration", {}).get("secretOptions", ()):
        yield known.LOG_SECRETS[value_from.parse(secret["valueFrom"]).kind]


def _log_driver(container: Mapping[str, Any]) -> str:
    return str(container.get("logConfiguration", {}).get("logDriver", ""))
