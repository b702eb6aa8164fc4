"""How log groups and streams are named: as the awslogs driver does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base import here


def group_of(container: Mapping[str, Any], family: str) -> str:
    """awslogs-group of the container's log configuration, or /ecs/<family>."""
    return str(_options(container).get("awslogs-group") or f"/ecs/{family}")


def stream_of(container: Mapping[str, Any], task_id: str) -> str:
    """prefix/container/task id; the prefix is awslogs-stream-prefix, or ecs."""
    prefix = _options(container).get("awslogs-stream-prefix") or "ecs"
    return f"{prefix}/{container['name']}/{task_id}"


def group_arn(group: str) -> str:
    names = here.names()
    return f"arn:{names.partition}:logs:{names.region}:{names.account}:log-group:{group}"


def _options(container: Mapping[str, Any]) -> Mapping[str, Any]:
    options: Mapping[str, Any] = (container.get("logConfiguration") or {}).get("options") or {}
    return options
