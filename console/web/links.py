"""Addresses of what lists point at. Empty where this release has no such page; templates then show plain text."""

from __future__ import annotations

import re

from console.web.places import place as to
from services.models import TaskDefinition

# A secret's ARN ends with six letters of its own.
_SUFFIX = re.compile(r"-[A-Za-z0-9?]{6}$")


def cluster(name: str) -> str:
    return to("cluster", name)


def service(cluster: str, name: str) -> str:
    return to("service", cluster, name)


def task(cluster: str, task_id: str) -> str:
    return to("task", cluster, task_id)


def instance(cluster: str, instance_id: str) -> str:
    return to("instance", cluster, instance_id)


def capacity_provider(name: str) -> str:
    return to("capacity-provider", name)


def family(name: str) -> str:
    return to("family", name)


def revision(family: str, revision: int | str) -> str:
    return to("task-definition", family, revision)


def daemon(cluster: str, name: str) -> str:
    return to("daemon", cluster, name)


def daemon_definition(row: TaskDefinition) -> str:
    return to("daemon-task-definition", row.family.name, row.revision)


def rule(name: str) -> str:
    return to("rule", name)


def secret_name(arn: str) -> str:
    """`shop/database` of `arn:...:secret:shop/database-a1b2c3`."""
    return _SUFFIX.sub("", arn.split(":", 6)[-1])


def of_arn(arn: str) -> str:
    """The page of an ARN of ours; empty for what has none. Asks no database."""
    resource = arn.split(":", 5)[-1]
    kind, _, rest = resource.partition("/")
    parts = rest.split("/")
    if kind == "cluster" and len(parts) == 1:
        return cluster(parts[0])
    if kind == "capacity-provider" and len(parts) == 1:
        return capacity_provider(parts[0])
    if kind in {"service", "service-deployment", "service-revision", "task-set"} and len(parts) >= 2:
        return service(parts[0], parts[1])
    if kind == "task" and len(parts) == 2:
        return task(parts[0], parts[1])
    if kind == "container-instance" and len(parts) == 2:
        return instance(parts[0], parts[1])
    if kind in {"daemon", "daemon-deployment", "daemon-revision"} and len(parts) >= 2:
        return daemon(parts[0], parts[1])
    if kind == "daemon-task-definition" and rest:
        name, _, number = rest.partition(":")
        return to("daemon-task-definition", name, number) if number.isdigit() else ""
    if kind == "task-definition" and rest:
        name, _, number = rest.partition(":")
        return (revision(name, number) if number.isdigit() else "") or family(name)
    if arn.startswith("arn:aws:events:") and kind == "rule" and rest:
        return rule(rest)
    if arn.startswith("arn:aws:secretsmanager:"):
        return to("secret", secret_name(arn))
    if arn.startswith("arn:aws:ssm:") and kind == "parameter" and rest:
        return to("parameter", rest)
    if arn.startswith("arn:aws:iam:") and kind in {"user", "group", "role", "policy"} and parts[-1]:
        # A ready-made policy's name has a path before it.
        return to(kind, parts[-1])
    return ""
