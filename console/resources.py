"""An instance's resources in AWS's form, as both of the APIs show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusters.models import ContainerInstance


def numbers(values: Mapping[str, int]) -> list[dict[str, Any]]:
    """CPU in units, MEMORY in MiB."""
    return [{"name": name, "type": "INTEGER", "integerValue": value} for name, value in values.items()]


def names(name: str, values: Sequence[str]) -> dict[str, Any]:
    """What is told apart by name: PORTS, GPU."""
    return {"name": name, "type": "STRINGSET", "stringSetValue": list(values)}


def gpus(row: ContainerInstance, ids: Sequence[str]) -> list[dict[str, Any]]:
    """As ECS: an instance without GPUs does not speak of them."""
    return [names("GPU", ids)] if row.gpus else []
