"""A task definition as a flat web form, and back.

Fields of the form, all strings: `family`, `network_mode`, `task_cpu`, `task_memory`, `task_role`, `execution_role`,
`launch_types` (comma separated), and for each container N = 0, 1, … `containers-N-` followed by a name of
CONTAINER_FIELDS: `name`, `image`, `essential` ("on" or absent, as check boxes are), `cpu`, `memory`,
`memory_reservation`, `ports`, `environment`, `secrets`, `entry_point`, `command`, `health_command`, `health_interval`,
`health_timeout`, `health_retries`, `health_start_period`, and the hidden `origin`, the container's name in the base
document.
Numbers need not follow each other; containers are taken in their order. How lists are written: `form_text.py`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from services.taskdef import form_text
from services.taskdef.errors import InvalidDocument, Problem
from services.taskdef.validate import Document, registrable, validate

TASK_FIELDS = {
    "family": "family",
    "network_mode": "networkMode",
    "task_cpu": "cpu",
    "task_memory": "memory",
    "task_role": "taskRoleArn",
    "execution_role": "executionRoleArn",
    "launch_types": "requiresCompatibilities",
}
NUMBERS = {"cpu": "cpu", "memory": "memory", "memory_reservation": "memoryReservation"}
TEXTS = {"name": "name", "image": "image"}
HEALTH_NUMBERS = {
    "health_interval": "interval",
    "health_timeout": "timeout",
    "health_retries": "retries",
    "health_start_period": "startPeriod",
}
LISTS: dict[str, tuple[str, Callable[[str], list[Any]]]] = {
    "ports": ("portMappings", form_text.read_ports),
    "environment": ("environment", form_text.read_environment),
    "secrets": ("secrets", form_text.read_secrets),
    "entry_point": ("entryPoint", form_text.read_command),
    "command": ("command", form_text.read_command),
}
CONTAINER_FIELDS = (
    *TEXTS, "essential", *NUMBERS, *LISTS, "health_command", *HEALTH_NUMBERS, "origin",
)  # fmt: skip

_FIELD = re.compile(r"containers-([0-9]{1,4})-([a-z_]+)", re.ASCII)
_PATH = re.compile(r"containerDefinitions\[(\d+)\](?:\.(.*))?", re.DOTALL)
_ITEM = re.compile(r"(\w+)\[(\d+)\].*")
_CHECKED = ("on", "true", "1", "yes")


class InvalidForm(InvalidDocument):
    """The form cannot become a document. `path` of each problem is a field's name; "" concerns the whole form."""

    @property
    def by_field(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for problem in self.problems:
            found.setdefault(problem.path, []).append(problem.message)
        return found


def to_form(document: Mapping[str, Any]) -> dict[str, str]:
    """The form's fields for a document (a normalised one, or any request that validates)."""
    fields = {field: _task_text(document.get(member)) for field, member in TASK_FIELDS.items()}
    own_address = document.get("networkMode") in ("awsvpc", "host")
    for index, container in enumerate(document["containerDefinitions"]):
        for name, text in _container_texts(container, own_address).items():
            fields[f"containers-{index}-{name}"] = text
    return fields


def from_form(fields: Mapping[str, str], base: Mapping[str, Any] | None = None) -> Document:
    """The RegisterTaskDefinition request a form stands for; not validated yet.

    With `base`, the document the form was made from, everything the form has no field for is kept: of the
    task, and of each container found again by its `origin` (else by its name). Containers missing in the form
    are left out. A container that got another name keeps being found by those that depend on it.
    Raises InvalidForm where a text cannot be read.
    """
    document, problems = _read(fields, base)
    if problems:
        raise InvalidForm(problems)
    return document


def check_form(fields: Mapping[str, str], base: Mapping[str, Any] | None = None) -> Document:
    """`from_form` and `validate` in one: the normalised document.

    Raises InvalidForm with every mistake, each with the name of the field it is in; what the form has no
    field for is told under "" with its path in the document.
    """
    document, problems = _read(fields, base)
    try:
        normalised = validate(document)
    except InvalidDocument as error:
        unread = {problem.path for problem in problems}
        told = [
            problem for problem in in_form(error, document, fields).problems if problem.path not in unread
        ]
        raise InvalidForm([*problems, *told]) from None
    if problems:
        raise InvalidForm(problems)
    return normalised


def in_form(error: InvalidDocument, document: Mapping[str, Any], fields: Mapping[str, str]) -> InvalidForm:
    """The problems of the document that `from_form(fields)` made, moved to the form's fields."""
    indexes = _indexes(fields)
    return InvalidForm(_moved(problem, document, indexes) for problem in error.problems)


# ---- document -> form ------------------------------------------------------------------------------------


def _task_text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value if value is not None else "")


def _container_texts(container: Mapping[str, Any], own_address: bool) -> dict[str, str]:
    health = container.get("healthCheck", {})
    return {
        **{field: str(container.get(member, "")) for field, member in TEXTS.items()},
        "essential": "on" if container.get("essential", True) else "",
        **{field: str(container.get(member) or "") for field, member in NUMBERS.items()},
        "ports": form_text.write_ports(container.get("portMappings", []), own_address),
        "environment": form_text.write_environment(container.get("environment", [])),
        "secrets": form_text.write_secrets(container.get("secrets", [])),
        "entry_point": _command_text(container.get("entryPoint")),
        "command": _command_text(container.get("command")),
        "health_command": form_text.write_check(health["command"]) if health else "",
        **{field: str(health.get(member, "")) for field, member in HEALTH_NUMBERS.items()},
        "origin": container["name"],
    }


def _command_text(command: list[str] | None) -> str:
    return form_text.write_command(command) if command else ""


# ---- form -> document ------------------------------------------------------------------------------------


def _read(fields: Mapping[str, str], base: Mapping[str, Any] | None) -> tuple[Document, list[Problem]]:
    document: Document = copy.deepcopy(registrable(base)) if base is not None else {}
    problems: list[Problem] = []
    for field, member in TASK_FIELDS.items():
        text = fields.get(field, "").strip()
        value: Any = (
            [part.strip() for part in text.split(",") if part.strip()] if field == "launch_types" else text
        )
        _put(document, member, value)
    before = {container["name"]: container for container in document.get("containerDefinitions", [])}
    containers, renamed = [], {}
    for index in _indexes(fields):
        texts = {name: fields.get(f"containers-{index}-{name}", "") for name in CONTAINER_FIELDS}
        origin = texts["origin"].strip() or texts["name"].strip()
        container = copy.deepcopy(before.get(origin, {}))
        _fill(container, texts, f"containers-{index}-", problems)
        containers.append(container)
        if origin in before and "name" in container:
            renamed[origin] = container["name"]
    for container in containers:
        for dependency in container.get("dependsOn", []):
            dependency["containerName"] = renamed.get(
                dependency["containerName"], dependency["containerName"]
            )
    document["containerDefinitions"] = containers
    return document, problems


def _fill(container: dict[str, Any], texts: Mapping[str, str], prefix: str, problems: list[Problem]) -> None:
    """Write one container's fields over what it was; fields that cannot be read are left out and told."""
    for field, member in TEXTS.items():
        _put(container, member, texts[field].strip())
    container["essential"] = texts["essential"].strip().lower() in _CHECKED
    for field, member in NUMBERS.items():
        _put_number(container, member, texts[field], prefix + field, problems)
    for field, (member, read) in LISTS.items():
        _put_list(container, member, texts[field], prefix + field, read, problems)
    if not texts["health_command"].strip():
        container.pop("healthCheck", None)
        return
    health = container["healthCheck"] = dict(container.get("healthCheck", {}))
    _put_list(
        health, "command", texts["health_command"], f"{prefix}health_command", form_text.read_check, problems
    )
    for field, member in HEALTH_NUMBERS.items():
        _put_number(health, member, texts[field], prefix + field, problems)


def _put(target: dict[str, Any], member: str, value: Any) -> None:
    if value:
        target[member] = value
    else:
        target.pop(member, None)


def _put_number(target: dict[str, Any], member: str, text: str, field: str, problems: list[Problem]) -> None:
    target.pop(member, None)
    text = text.strip()
    if not text:
        return
    if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        target[member] = int(text)
    else:
        problems.append(Problem(field, f"{text[:30]!r} is not a whole number"))


def _put_list(
    target: dict[str, Any], member: str, text: str, field: str, read: Callable[[str], list[Any]],
    problems: list[Problem],
) -> None:  # fmt: skip
    target.pop(member, None)
    if not text.strip():
        return
    try:
        _put(target, member, read(text))
    except ValueError as error:
        problems.append(Problem(field, str(error)))


def _indexes(fields: Mapping[str, str]) -> list[int]:
    """The numbers of the containers the form holds, those left wholly empty not counted."""
    filled: set[int] = set()
    for field, text in fields.items():
        match = _FIELD.fullmatch(field)
        if (
            match
            and match[2] in CONTAINER_FIELDS
            and match[2] not in ("essential", "origin")
            and text.strip()
        ):
            filled.add(int(match[1]))
    return sorted(filled)


# ---- problems --------------------------------------------------------------------------------------------


def _moved(problem: Problem, document: Mapping[str, Any], indexes: list[int]) -> Problem:
    field, item = _place(problem.path, document, indexes)
    if not field:
        return Problem("", str(problem))
    return Problem(field, f"{item}: {problem.message}" if item else problem.message, problem.verbatim)


def _place(path: str, document: Mapping[str, Any], indexes: list[int]) -> tuple[str, str]:
    """(the form's field, the item of its list that is meant) for a path of the document; "" for none."""
    match = _PATH.fullmatch(path)
    if match is None:
        return _named(TASK_FIELDS, path.partition("[")[0]), ""
    position, rest = int(match[1]), match[2] or ""
    prefix = f"containers-{indexes[position]}-"
    if rest.startswith("healthCheck."):
        member = rest.removeprefix("healthCheck.").partition("[")[0]
        field = "health_command" if member == "command" else _named(HEALTH_NUMBERS, member)
        return (prefix + field if field else ""), ""
    member = rest.partition("[")[0]
    field = _named({**TEXTS, **NUMBERS, "essential": "essential"}, member)
    field = field or _named({name: listed for name, (listed, _) in LISTS.items()}, member)
    return (prefix + field if field else ""), _item(rest, document["containerDefinitions"][position])


def _named(table: Mapping[str, str], member: str) -> str:
    return next((field for field, name in table.items() if name == member), "")


def _item(rest: str, container: Mapping[str, Any]) -> str:
    """What a person wrote for the item a path points into: the variable's name, the port."""
    match = _ITEM.fullmatch(rest)
    if match is None or match[1] not in ("environment", "secrets", "portMappings"):
        return ""
    item = container[match[1]][int(match[2])]
    return (
        str(item["name"]) if match[1] != "portMappings" else form_text.write_ports([item], own_address=False)
    )
