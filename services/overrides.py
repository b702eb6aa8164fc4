"""What RunTask and StartTask may set differently from the task definition, for their tasks alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from base.errors import invalid_fields
from services.models import TaskDefinition
from services.roles import MEMBERS, checked_roles
from services.taskdef.errors import InvalidDocument, Problem, Report
from services.taskdef.fields import CONTAINER, DOCUMENT, ENVIRONMENT, NAME, ROLE
from services.taskdef.overridden import SIZES, overridden
from services.taskdef.schema import Field, Kind, ListOf, Refused, Struct
from services.taskdef.validate import validate

LARGEST = 8192  # characters of JSON, ECS's limit


def _as_in(struct: Struct, name: str) -> Kind:
    """What the task definition itself takes there."""
    member = struct.fields[name]
    assert isinstance(member, Field)
    return member.kind


_CONTAINER = Struct({
    "name": Field(NAME, "which container", required=True),
    "command": Field(_as_in(CONTAINER, "command"), "instead of its command", drop_empty=True),
    "environment": Field(ListOf(ENVIRONMENT, unique=("name",)), "variables added or replaced", drop_empty=True),
    "cpu": Field(_as_in(CONTAINER, "cpu"), "CPU units, instead of its own"),
    "memory": Field(_as_in(CONTAINER, "memory"), "hard limit, MiB, instead of its own"),
    "memoryReservation": Field(_as_in(CONTAINER, "memoryReservation"), "soft limit, MiB, instead of its own"),
    "environmentFiles": Refused(),
    "resourceRequirements": Field(
        _as_in(CONTAINER, "resourceRequirements"), "GPUs, instead of its own", drop_empty=True
    ),
})  # fmt: skip

OVERRIDES = Struct({
    "taskRoleArn": Field(ROLE, "instead of the task definition's", drop_empty=True),
    "executionRoleArn": Field(ROLE, "instead of the task definition's", drop_empty=True),
    "containerOverrides": Field(ListOf(_CONTAINER, unique=("name",)), "of single containers", drop_empty=True),
    "cpu": Field(_as_in(DOCUMENT, "cpu"), "the whole task's CPU, instead of its own"),
    "memory": Field(_as_in(DOCUMENT, "memory"), "the whole task's memory, instead of its own"),
    "ephemeralStorage": Refused(),
    "inferenceAcceleratorOverrides": Refused(),
})  # fmt: skip

_RESIZING = ("cpu", "memory", "memoryReservation", "resourceRequirements")
_OF_CONTAINER = re.compile(r"containerDefinitions\[(\d+)\]\.(\w+)")


def checked_overrides(given: Mapping[str, Any] | None, definition: TaskDefinition) -> dict[str, Any]:
    """The overrides as they are kept. Raises InvalidParameterException naming everything that is wrong, and
    ClientException for a role that ECS tasks cannot be."""
    if not given:
        return {}
    report = Report()
    found: dict[str, Any] = OVERRIDES.check(given, "overrides", report)
    problems = {problem.path: problem.message for problem in report.problems}
    for index, item in enumerate(found.get("containerOverrides", [])):
        at = f"overrides.containerOverrides[{index}]"
        container = next((one for one in definition.containers if one["name"] == item.get("name")), None)
        if container is None and "name" in item:
            problems[f"{at}.name"] = f"there is no container named {item['name']} in {definition}"
        elif container is not None:
            secret = {one["name"] for one in container.get("secrets", ())}
            for variable in item.get("environment", []):
                if variable.get("name") in secret:
                    problems[f"{at}.environment"] = f"{variable['name']} comes from a secret"
    if len(json.dumps(given, default=str)) > LARGEST:
        problems["overrides"] = f"at most {LARGEST} characters"
    problems = problems or _misfits(found, definition)
    if problems:
        raise invalid_fields(problems)
    return {**found, **checked_roles({name: found[name] for name in MEMBERS if name in found})}


def _misfits(found: Mapping[str, Any], definition: TaskDefinition) -> dict[str, str]:
    """Sizes that do not go with each other or with the rest: the task definition's own rules, on what would run."""
    items = found.get("containerOverrides", [])
    if not any(name in found for name in SIZES) and not any(
        name in one for one in items for name in _RESIZING
    ):
        return {}
    document = overridden(definition.document, found)
    try:
        validate(document)
    except InvalidDocument as error:
        places = {item["name"]: index for index, item in enumerate(items)}
        return dict(_placed(problem, document, places) for problem in error.problems)
    return {}


def _placed(problem: Problem, document: Mapping[str, Any], places: Mapping[str, int]) -> tuple[str, str]:
    """Where the overrides say what is wrong in the document they make, and what."""
    match = _OF_CONTAINER.match(problem.path)
    if match:
        name = document["containerDefinitions"][int(match[1])]["name"]
        if name in places:
            return f"overrides.containerOverrides[{places[name]}].{match[2]}", problem.message
    if problem.path in SIZES:
        return f"overrides.{problem.path}", problem.message
    return "overrides", str(problem)


def role_document(given: object) -> dict[str, str]:
    """The roles among overrides that nobody has checked yet, for authorization."""
    if not isinstance(given, Mapping):
        return {}
    return {name: given[name] for name in MEMBERS if isinstance(given.get(name), str)}
