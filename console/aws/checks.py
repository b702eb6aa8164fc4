"""Requests held to AWS's model: types, required members, enums, lengths, patterns and ranges.

Each shape is compiled once into a function `(value, path, problems) -> value`. A value of the wrong type raises
WrongType at once; everything else is collected, so that one answer names every parameter that will not do.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from base.clock import moment

Problems = dict[str, str]
"""Path -> the constraint that it does not satisfy."""
Check = Callable[[Any, str, Problems], Any]

_WHOLE = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\P{M}": r"\w"}


class WrongType(Exception):
    """AWS's SerializationException: a parameter is not of its type."""


class Invalid(Exception):
    """The parameters are of their types, but break the model's constraints; `problems` by path."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        count = len(problems)
        told = "; ".join(
            f"Value at '{path}' failed to satisfy constraint: {why}" for path, why in problems.items()
        )
        super().__init__(f"{count} validation error{'s' if count > 1 else ''} detected: {told}")


def compiled_check(shape: StructureShape | None) -> Callable[[Any], dict[str, Any]]:
    """A function that answers the checked parameters, or raises WrongType or Invalid."""
    check = _compile(shape, {}) if shape is not None else _nothing

    def run(value: Any) -> dict[str, Any]:
        problems: Problems = {}
        found: dict[str, Any] = check(value, "", problems)
        if problems:
            raise Invalid(problems)
        return found

    return run


def _nothing(value: Any, path: str, problems: Problems) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongType("The request must be a JSON object.")
    problems.update(dict.fromkeys(value, "Member is not known to this operation"))
    return {}


def _compile(shape: Shape, seen: dict[str, Check]) -> Check:
    if shape.name in seen:
        return seen[shape.name]

    def later(value: Any, path: str, problems: Problems) -> Any:  # of shapes that contain themselves
        return seen[shape.name](value, path, problems)

    seen[shape.name] = later
    made = _makers.get(shape.type_name, _string)(shape, seen)
    seen[shape.name] = made
    return made


def _structure(shape: StructureShape, seen: dict[str, Check]) -> Check:
    members = {name: _compile(member, seen) for name, member in shape.members.items()}
    required = frozenset(shape.required_members)
    union = bool(shape.metadata.get("union") or getattr(shape, "is_tagged_union", False))

    def check(value: Any, path: str, problems: Problems) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise WrongType(f"{path or 'The request'} must be an object, not {_kind(value)}.")
        start = f"{path}." if path else ""
        found = {}
        for name, given in value.items():
            member = members.get(name)
            if given is None:
                continue  # as not given at all
            if member is None:
                problems[f"{start}{name}"] = "Member is not known to this operation"
            else:
                found[name] = member(given, f"{start}{name}", problems)
        for name in required:
            if name not in found and f"{start}{name}" not in problems:
                problems[f"{start}{name}"] = "Member must not be null"
        if union and len(found) != 1:
            problems[path] = f"Exactly one of {', '.join(members)} must be given"
        return found

    return check


def _list(shape: ListShape, seen: dict[str, Check]) -> Check:
    item = _compile(shape.member, seen)
    length = _length(shape, "Member must have length {} than or equal to {}")

    def check(value: Any, path: str, problems: Problems) -> list[Any]:
        if not isinstance(value, list):
            raise WrongType(f"{path} must be a list, not {_kind(value)}.")
        length(len(value), path, problems)
        found = []
        for position, one in enumerate(value, 1):
            where = f"{path}.{position}.member"
            if one is None:
                problems[where] = "Member must not be null"
            else:
                found.append(item(one, where, problems))
        return found

    return check


def _map(shape: MapShape, seen: dict[str, Check]) -> Check:
    key, item = _compile(shape.key, seen), _compile(shape.value, seen)
    length = _length(shape, "Member must have length {} than or equal to {}")

    def check(value: Any, path: str, problems: Problems) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise WrongType(f"{path} must be an object, not {_kind(value)}.")
        length(len(value), path, problems)
        return {
            key(name, f"{path}.key", problems): item(one, f"{path}.{name}", problems)
            for name, one in value.items()
            if one is not None
        }

    return check


def _string(shape: Shape, seen: dict[str, Check]) -> Check:
    enum = tuple(getattr(shape, "enum", ()) or ())
    length = _length(shape, "Member must have length {} than or equal to {}")
    bounded = any(name in shape.metadata for name in ("min", "max"))
    source = shape.metadata.get("pattern")
    pattern = _pattern(source)

    def check(value: Any, path: str, problems: Problems) -> str:
        if not isinstance(value, str):
            raise WrongType(f"{path} must be a string, not {_kind(value)}.")
        if enum and value not in enum:
            problems[path] = f"Member must satisfy enum value set: [{', '.join(enum)}]"
        if bounded:
            length(len(value), path, problems)
        if pattern is not None and path not in problems and pattern.fullmatch(value) is None:
            problems[path] = f"Member must satisfy regular expression pattern: {source}"
        if _UNSTORABLE.search(value) is not None and path not in problems:
            problems[path] = "Member must not hold NUL or halves of surrogate pairs"
        return value

    return check


def _whole(shape: Shape, seen: dict[str, Check]) -> Check:
    low, high = _WHOLE[shape.type_name]
    length = _length(shape, "Member must have value {} than or equal to {}")

    def check(value: Any, path: str, problems: Problems) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise WrongType(f"{path} must be a whole number, not {_kind(value)}.")
        if not low <= value <= high:
            raise WrongType(f"{path} is no {shape.type_name}: it must be from {low} to {high}.")
        length(value, path, problems)
        return value

    return check


def _number(shape: Shape, seen: dict[str, Check]) -> Check:
    length = _length(shape, "Member must have value {} than or equal to {}")

    def check(value: Any, path: str, problems: Problems) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongType(f"{path} must be a number, not {_kind(value)}.")
        try:
            number = float(value)
        except OverflowError:
            raise WrongType(f"{path} is too large a number.") from None
        if not math.isfinite(number):
            raise WrongType(f"{path} must be a finite number.")
        length(number, path, problems)
        return number

    return check


def _boolean(shape: Shape, seen: dict[str, Check]) -> Check:
    def check(value: Any, path: str, problems: Problems) -> bool:
        if not isinstance(value, bool):
            raise WrongType(f"{path} must be true or false, not {_kind(value)}.")
        return value

    return check


def _timestamp(shape: Shape, seen: dict[str, Check]) -> Check:
    def check(value: Any, path: str, problems: Problems) -> datetime:
        try:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return datetime.fromtimestamp(value, UTC)
            if isinstance(value, str):
                return moment(value)
        except (ValueError, OverflowError, OSError):
            pass
        raise WrongType(f"{path} must be a time: seconds since 1970, or as of ISO 8601.")

    return check


def _blob(shape: Shape, seen: dict[str, Check]) -> Check:
    length = _length(shape, "Member must have length {} than or equal to {}")

    def check(value: Any, path: str, problems: Problems) -> bytes:
        if not isinstance(value, str):
            raise WrongType(f"{path} must be a blob in base64, not {_kind(value)}.")
        try:
            found = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise WrongType(f"{path} is not base64.") from None
        length(len(found), path, problems)
        return found

    return check


_makers: dict[str, Callable[[Any, dict[str, Check]], Check]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


def _length(shape: Shape, words: str) -> Callable[[float, str, Problems], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(number: float, path: str, problems: Problems) -> None:
        if low is not None and number < low:
            problems[path] = words.format("greater", low)
        elif high is not None and number > high:
            problems[path] = words.format("less", high)

    return check


def _pattern(source: str | None) -> re.Pattern[str] | None:
    """AWS writes them for Java; those that Python cannot read are left to the operation itself."""
    if not source:
        return None
    for theirs, ours in _CLASSES.items():
        source = source.replace(theirs, ours)
    try:
        return re.compile(source)
    except re.error:
        return None


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
