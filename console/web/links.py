"""Addresses of what lists point at. Empty where this release has no such page; templates then show plain text."""

from __future__ import annotations

from console.web.places import place as to


def cluster(name: str) -> str:
    return to("cluster", name)


def service(cluster: str, name: str) -> str:
    return to("service", cluster, name)


def task(cluster: str, task_id: str) -> str:
    return to("task", cluster, task_id)


def instance(cluster: str, instance_id: str) -> str:
    return to("instance", cluster, instance_id)


def family(name: str) -> str:
    return to("family", name)


def revision(family: str, revision: int | str) -> str:
    return to("task-definition", family, revision)


def of_arn(arn: str) -> str:
    """The page of an ARN of ours; empty for what has none. Asks no database."""
    resource = arn.split(":", 5)[-1]
    kind, _, rest = resource.partition("/")
    parts = rest.split("/")
    if kind == "cluster" and len(parts) == 1:
        return cluster(parts[0])
    if kind in {"service", "service-deployment", "service-revision"} and len(parts) >= 2:
        return service(parts[0], parts[1])
    if kind == "task" and len(parts) == 2:
        return task(parts[0], parts[1])
    if kind == "container-instance" and len(parts) == 2:
        return instance(parts[0], parts[1])
    if kind == "task-definition" and rest:
        name, _, number = rest.partition(":")
        return (revision(name, number) if number.isdigit() else "") or family(name)
    if arn.startswith("arn:aws:iam:") and kind in {"user", "group", "role", "policy"} and parts[-1]:
        # A ready-made policy's name has a path before it.
        return to(kind, parts[-1])
    return ""
