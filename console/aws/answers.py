"""Answers shaped by AWS's model: what is not in the shape does not get out.

Each shape is compiled once. JSON: a function from a handler's value to what json.dumps takes. XML (query protocol): a
function to the text within `<...Result>`. None and members that the shape has not are left out.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

Render = Callable[[Any], Any]
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ISO = "%Y-%m-%dT%H:%M:%SZ"


# ---- JSON ------------------------------------------------------------------------------------------


def compiled_json(shape: StructureShape | None) -> Render:
    return _json(shape, {}) if shape is not None else lambda value: {}


def _json(shape: Shape, seen: dict[str, Render]) -> Render:
    if shape.name in seen:
        return seen[shape.name]
    seen[shape.name] = lambda value: seen[shape.name](value)  # of shapes that contain themselves
    seen[shape.name] = made = _json_maker(shape, seen)
    return made


def _json_maker(shape: Shape, seen: dict[str, Render]) -> Render:
    if isinstance(shape, StructureShape):
        members = {name: _json(member, seen) for name, member in shape.members.items()}

        def structure(value: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: members[name](one) for name, one in value.items() if one is not None and name in members
            }

        return structure
    if isinstance(shape, ListShape):
        item = _json(shape.member, seen)
        return lambda value: [item(one) for one in value]
    if isinstance(shape, MapShape):
        held = _json(shape.value, seen)
        return lambda value: {str(name): held(one) for name, one in value.items() if one is not None}
    return _json_scalars.get(shape.type_name, str)


_json_scalars: dict[str, Render] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "timestamp": lambda value: round(value.timestamp(), 3),
    "blob": lambda value: base64.b64encode(value).decode("ascii"),
}


# ---- XML -------------------------------------------------------------------------------------------


def compiled_xml(shape: StructureShape | None) -> Render:
    if shape is None:
        return lambda value: ""
    return _xml(shape, {})


def escape(text: str) -> str:
    """As text of an element; what XML has no place for is replaced."""
    return html.escape(_NOT_XML.sub("\ufffd", text), quote=False)


def _xml(shape: Shape, seen: dict[str, Render]) -> Render:
    """The text within the element."""
    if shape.name in seen:
        return seen[shape.name]
    seen[shape.name] = lambda value: seen[shape.name](value)
    seen[shape.name] = made = _xml_maker(shape, seen)
    return made


def _xml_maker(shape: Shape, seen: dict[str, Render]) -> Render:
    if isinstance(shape, StructureShape):
        members = {name: _member(name, member, seen) for name, member in shape.members.items()}

        def structure(value: Mapping[str, Any]) -> str:
            return "".join(
                members[name](one) for name, one in value.items() if one is not None and name in members
            )

        return structure
    if isinstance(shape, ListShape):
        item, tag = _xml(shape.member, seen), shape.member.serialization.get("name", "member")
        return lambda value: "".join(f"<{tag}>{item(one)}</{tag}>" for one in value)
    if isinstance(shape, MapShape):
        return _xml_map(shape, seen)
    return _xml_scalars.get(shape.type_name, lambda value: escape(str(value)))


def _member(name: str, shape: Shape, seen: dict[str, Render]) -> Render:
    """The element of a member, or elements where a list is flattened."""
    tag, inner = shape.serialization.get("name", name), _xml(shape, seen)
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        item = _xml(shape.member, seen)
        tag = shape.member.serialization.get("name", tag)
        return lambda value: "".join(f"<{tag}>{item(one)}</{tag}>" for one in value)
    return lambda value: f"<{tag}>{inner(value)}</{tag}>"


def _xml_map(shape: MapShape, seen: dict[str, Render]) -> Render:
    held = _xml(shape.value, seen)
    key_tag = shape.key.serialization.get("name", "key")
    value_tag = shape.value.serialization.get("name", "value")
    return lambda value: "".join(
        f"<entry><{key_tag}>{escape(str(name))}</{key_tag}><{value_tag}>{held(one)}</{value_tag}></entry>"
        for name, one in value.items()
    )


_xml_scalars: dict[str, Render] = {
    "integer": lambda value: str(int(value)),
    "long": lambda value: str(int(value)),
    "boolean": lambda value: "true" if value else "false",
    "timestamp": lambda value: _utc(value).strftime(_ISO),
    "blob": lambda value: base64.b64encode(value).decode("ascii"),
}


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)
