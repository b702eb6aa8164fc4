"""What RunTask may set differently from the task definition, for its tasks alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base.errors import invalid_fields
from services.models import TaskDefinition
from services.roles import MEMBERS, checked_roles
from services.taskdef.errors import Report
from services.taskdef.fields import ENVIRONMENT, NAME, ROLE
from services.taskdef.schema import Field, ListOf, Refused, Struct

LARGEST = 8192  # characters of JSON, ECS's limit

_CONTAINER = Struct({
    "name": Field(NAME, "which container", required=True),
    "environment": Field(ListOf(ENVIRONMENT, unique=("name",)), "variables added or replaced", drop_empty=True),
    "command": Refused(),
    "environmentFiles": Refused(),
    "cpu": Refused(),
    "memory": Refused(),
    "memoryReservation": Refused(),
    "resourceRequirements": Refused(),
})  # fmt: skip

OVERRIDES = Struct({
    "taskRoleArn": Field(ROLE, "instead of the task definition's", drop_empty=True),
    "executionRoleArn": Field(ROLE, "instead of the task definition's", drop_empty=True),
    "containerOverrides": Field(ListOf(_CONTAINER, unique=("name",)), "of single containers", drop_empty=True),
    "cpu": Refused(),
    "memory": Refused(),
    "ephemeralStorage": Refused(),
    "inferenceAcceleratorOverrides": Refused(),
})  # fmt: skip


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
    if len(str(given)) > LARGEST:
        problems["overrides"] = f"at most {LARGEST} characters"
    if problems:
        raise invalid_fields(problems)
    return {**found, **checked_roles({name: found[name] for name in MEMBERS if name in found})}


def role_document(given: object) -> dict[str, str]:
    """The roles among overrides that nobody has checked yet, for authorization."""
    if not isinstance(given, Mapping):
        return {}
    return {name: given[name] for name in MEMBERS if isinstance(given.get(name), str)}
