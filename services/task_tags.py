"""The tags that tasks are started with: ECS's managed ones, and those of whom they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base.errors import invalid
from services.models import Service, TaskDefinition

CLUSTER, SERVICE = "aws:ecs:clusterName", "aws:ecs:serviceName"
_SOURCES = ("NONE", "SERVICE", "TASK_DEFINITION")


def managed(cluster: str, service: str = "") -> dict[str, str]:
    """ECS's managed tags of a task, by the names of its cluster and its service; "" for a task of none."""
    return {CLUSTER: cluster, **({SERVICE: service} if service else {})}


def of_service(service: Service, definition: TaskDefinition) -> dict[str, str]:
    """Of the tasks that a service starts from now on."""
    own = managed(service.cluster.name, service.name) if service.enable_ecs_managed_tags else {}
    inherited = {"NONE": {}, "SERVICE": service.tags, "TASK_DEFINITION": definition.tags}
    return {**own, **inherited[service.propagate_tags]}


def of_daemon(daemon: Service, frozen: Mapping[str, Any]) -> dict[str, str]:
    """Of the tasks that are started from a daemon's revision. `frozen`: its configuration."""
    own = managed(daemon.cluster.name) if frozen["enableECSManagedTags"] else {}
    return {**own, **(daemon.tags if frozen["propagateTags"] == "DAEMON" else {})}


def checked_source(given: object) -> str:
    """propagateTags of a service. Raises InvalidParameter."""
    if given not in _SOURCES:
        raise invalid("propagateTags", "NONE, SERVICE or TASK_DEFINITION")
    return str(given)
