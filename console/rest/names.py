"""Names at the edge: AWS's camelCase outside, Python's snake_case inside. Mechanical both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping

_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHOUTED = {"ecs": "ECS"}
_FIRST_PART = re.compile(r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?=$|[.\[])")


def camel(name: str) -> str:
    """`desired_count` to `desiredCount`, `enable_ecs_managed_tags` to `enableECSManagedTags`."""
    head, *rest = name.split("_")
    return head + "".join(_SHOUTED.get(part) or part[:1].upper() + part[1:] for part in rest)


def snake(name: str) -> str:
    """`desiredCount` to `desired_count`."""
    return _INNER_CAPITAL.sub("_", name).lower()


def pascal(name: str) -> str:
    """`desired_count` to `DesiredCount`."""
    found = camel(name)
    return found[:1].upper() + found[1:]


def outside(message: str, fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A refusal's message and fields, with the parameters they name written as the request wrote them.

    Only the first part of a path is a parameter; what follows is in AWS's form, or a key of the caller's own.
    """
    renamed: dict[str, str] = {}
    for path, reason in fields.items():
        match = _FIRST_PART.match(path)
        if match is None:
            renamed[path] = reason
            continue
        inner, outer = match.group(), camel(match.group())
        renamed[outer + path[match.end() :]] = reason
        message = re.sub(rf"\b{re.escape(inner)}\b", outer, message)
    return message, renamed
