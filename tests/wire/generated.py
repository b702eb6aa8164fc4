"""Requests made from a service's model: the least that is valid, everything there is, each required member missing,
and each member of the wrong type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from console.aws.models import Operation

Params = dict[str, Any]
_DEEPEST = 6
TIME = 1_700_000_000


@dataclass(frozen=True)
class Probe:
    """`kind`: what it is a probe of; `member`: the one that is missing or wrong."""

    operation: str
    kind: str
    params: Params = field(repr=False)
    member: str = ""

    def __str__(self) -> str:
        return f"{self.operation}-{self.kind}" + (f"-{self.member}" if self.member else "")


def value_of(shape: Shape, name: str, known: Mapping[str, Any], *, everything: bool, depth: int = 0) -> Any:
    """A valid value. `known`: values by member name, for those that have to exist."""
    if name in known:
        return known[name]
    if isinstance(shape, StructureShape):
        members = shape.members
        wanted = [
            one for one in members if one in shape.required_members or (everything and depth < _DEEPEST)
        ]
        if getattr(shape, "is_tagged_union", False):
            wanted = wanted[:1] or list(members)[:1]
        return {
            one: value_of(members[one], one, known, everything=everything, depth=depth + 1) for one in wanted
        }
    if isinstance(shape, ListShape):
        return [value_of(shape.member, name, known, everything=everything, depth=depth + 1)]
    if isinstance(shape, MapShape):
        return {"key": value_of(shape.value, name, known, everything=everything, depth=depth + 1)}
    return _scalar(shape)


def _scalar(shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "string":
        enum = getattr(shape, "enum", None)
        return enum[0] if enum else "a" * max(1, int(shape.metadata.get("min", 1)))
    if kind in ("integer", "long"):
        return int(shape.metadata.get("min", 1))
    if kind in ("float", "double"):
        return float(shape.metadata.get("min", 1))
    return {"boolean": True, "timestamp": TIME, "blob": "YQ=="}[kind]


def wrong(shape: Shape) -> Any:
    """Of no type that the member could have."""
    return [] if isinstance(shape, StructureShape | MapShape) or shape.type_name != "list" else {}


def probes(operation: Operation, known: Mapping[str, Any], unknown: Mapping[str, Any]) -> Iterator[Probe]:
    """`known`: members that name what exists; `unknown`: the same members, naming what does not."""
    shape = operation.model.input_shape
    if shape is None:
        yield Probe(operation.name, "minimal", {})
        return
    minimal = value_of(shape, "", known, everything=False)
    yield Probe(operation.name, "minimal", minimal)
    yield Probe(operation.name, "all", value_of(shape, "", known, everything=True))
    for member in shape.required_members:
        yield Probe(
            operation.name,
            "missing",
            {name: value for name, value in minimal.items() if name != member},
            member,
        )
    for member, inner in shape.members.items():
        yield Probe(operation.name, "wrong-type", {**minimal, member: wrong(inner)}, member)
    named = {name: value for name, value in unknown.items() if name in shape.members}
    if named:
        yield Probe(operation.name, "unknown-resource", {**minimal, **named})
    yield Probe(operation.name, "no-permission", minimal)


# ---- holding answers to their shapes -------------------------------------------------------------------


def misfits(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    """What in a JSON answer is not as the shape says."""
    if shape is None:
        return
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no structure"
            return
        for name, one in value.items():
            if name not in shape.members:
                yield f"{path}.{name}: not in the shape"
            else:
                yield from misfits(shape.members[name], one, f"{path}.{name}")
        for name in shape.required_members:
            if name not in value:
                yield f"{path}.{name}: required and not there"
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for number, one in enumerate(value):
            yield from misfits(shape.member, one, f"{path}[{number}]")
    elif isinstance(shape, MapShape):
        for name, one in value.items():
            yield from misfits(shape.value, one, f"{path}.{name}")
    else:
        yield from _scalar_misfits(shape, value, path)


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "long": (int,), "boolean": (bool,), "blob": (str,),
    "float": (int, float), "double": (int, float), "timestamp": (int, float),
}  # fmt: skip


def _scalar_misfits(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, _TYPES[shape.type_name]) or (
        isinstance(value, bool) and shape.type_name != "boolean"
    ):
        yield f"{path}: {value!r} is no {shape.type_name}"
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield f"{path}: {value!r} is none of {enum}"
