"""From a RegisterTaskDefinition request to the normalised document that is stored, shown and run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.taskdef.errors import InvalidDocument, Problem, Report
from services.taskdef.fargate import check_fargate
from services.taskdef.fields import ANSWER_ONLY, DOCUMENT
from services.taskdef.rules import check_rules
from services.taskdef.schema import Struct

Document = dict[str, Any]
"""A task definition in AWS's JSON form (camelCase)."""

LARGEST = 65536  # bytes of JSON, ECS's limit
_ABSURD = 4 * LARGEST  # not even looked at


def validate(document: Mapping[str, Any], table: Struct = DOCUMENT) -> Document:
    """Check a RegisterTaskDefinition request body and answer it normalised. `table`: of its members.

    The answer has ECS's form, with defaults filled as DescribeTaskDefinition answers them: `essential`,
    empty lists, `protocol`, host ports, health-check numbers, sizes as strings ("256", "512"), `null` and
    empty options left out. It is a fresh object that shares nothing with the input; validating it again
    answers the same. `tags` are part of it.

    Raises InvalidDocument with every mistake found, each with its path. Fields unknown to ECS, and fields
    that Slipway does not run, are mistakes that name the field.
    """
    report = Report()
    if not isinstance(document, Mapping):
        raise InvalidDocument([Problem("", "a task definition must be a JSON object")])
    if _size(document) > _ABSURD:
        raise InvalidDocument([_too_large(_size(document))])
    normalised: Document = table.check(document, "", report)
    check_rules(normalised, report)
    check_fargate(normalised, report)
    if report.problems:
        raise InvalidDocument(sorted(report.problems, key=lambda problem: _position(problem.path)))
    _fill(normalised)
    if (size := _size(normalised)) > LARGEST:
        raise InvalidDocument([_too_large(size)])
    return normalised


def registrable(described: Mapping[str, Any]) -> Document:
    """A request made from what DescribeTaskDefinition answered: without the members that Slipway sets."""
    return {name: value for name, value in described.items() if name not in ANSWER_ONLY}


def _fill(document: Document) -> None:
    """The defaults that depend on other members."""
    own_ports = document.get("networkMode") in ("awsvpc", "host")
    for container in document["containerDefinitions"]:
        for mapping in container["portMappings"] if own_ports else ():
            mapping["hostPort"] = mapping["containerPort"]
        for device in container.get("linuxParameters", {}).get("devices", []):
            device.setdefault("containerPath", device["hostPath"])
    for volume in document["volumes"]:
        managed = volume.get("dockerVolumeConfiguration")
        if managed is None:
            volume.setdefault("host", {})
            continue
        volume.pop("host", None)  # an empty one beside it says nothing
        if managed["scope"] == "shared":
            managed.setdefault("autoprovision", False)


def _size(document: Mapping[str, Any]) -> int:
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise InvalidDocument([Problem("", "a task definition must be a JSON object")]) from None
    return len(text.encode(errors="surrogatepass"))


def _too_large(size: int) -> Problem:
    message = f"Actual length: '{size}'. Max allowed length is '{LARGEST}' bytes."
    return Problem("", message, verbatim=True)


def _position(path: str) -> tuple[int, int]:
    """Sorts problems by container, then by volume; within one they stay as found (the sort is stable)."""
    head, _, rest = path.partition("[")
    number = rest.partition("]")[0]
    order = {"containerDefinitions": 1, "volumes": 2}.get(head, 0)
    return order, int(number) if number.isdigit() else -1
