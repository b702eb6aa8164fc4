"""A task definition as one task runs it: with the overrides that RunTask or StartTask gave. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

SIZES = ("cpu", "memory")
"""Of the whole task."""
_REPLACED = ("command", "cpu", "memory", "memoryReservation", "resourceRequirements")


def overridden(document: Document, overrides: Mapping[str, Any] | None) -> Document:
    """`document` itself where nothing of it changes; else a copy whose untouched parts are shared with it.

    Roles are not part of it: whoever needs them looks at the overrides first.
    """
    given = overrides or {}
    containers = {item["name"]: item for item in given.get("containerOverrides", ()) if "name" in item}
    sizes = {name: given[name] for name in SIZES if name in given}
    if not containers and not sizes:
        return document
    return {
        **document,
        **sizes,
        "containerDefinitions": [
            _container(one, containers[one["name"]]) if one["name"] in containers else one
            for one in document["containerDefinitions"]
        ],
    }


def _container(container: Document, override: Mapping[str, Any]) -> Document:
    result = {**container, **{name: override[name] for name in _REPLACED if name in override}}
    if "environment" in override:
        values = {item["name"]: item for item in container.get("environment", ())}
        values |= {item["name"]: item for item in override["environment"]}
        result["environment"] = list(values.values())
    return result
