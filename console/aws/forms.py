"""The query protocol's way of sending nested parameters as a form: Tags.member.1.Key=team.

Answers Python values of the types the model asks for, so that console.aws.checks can hold both protocols to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from console.aws.checks import WrongType

_DEEPEST = 16
_PLAIN = ("Action", "Version")
Tree = dict[str, Any]
"""Name -> a subtree; the text itself is at ""."""


def parameters(shape: StructureShape | None, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The parameters of a form. Raises WrongType."""
    tree: Tree = {}
    for name, value in pairs:
        if name in _PLAIN or name.startswith("X-Amz-"):
            continue
        node, parts = tree, name.split(".")
        if len(parts) > _DEEPEST:
            raise WrongType(f"{name[:80]} lies too deep.")
        for part in parts:
            node = node.setdefault(part, {})
        if "" in node:
            raise WrongType(f"{name[:80]} is given twice.")
        node[""] = value
    if shape is None:
        return dict.fromkeys(tree, "")
    return _structure(shape, tree, "")


def _value(shape: Shape, tree: Tree, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, tree, path)
    if isinstance(shape, ListShape):
        return _list(shape, tree, path)
    if isinstance(shape, MapShape):
        return _map(shape, tree, path)
    if set(tree) != {""}:
        raise WrongType(f"{path} must be a single value.")
    return _scalar(shape, tree[""], path)


def _structure(shape: StructureShape, tree: Tree, path: str) -> dict[str, Any]:
    names = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
    start, found = f"{path}." if path else "", {}
    for sent, below in tree.items():
        if sent in names:
            name, member = names[sent]
            found[name] = _value(member, below, f"{start}{name}")
        elif sent:
            found[sent] = ""  # unknown: the check names it
    return found


def _list(shape: ListShape, tree: Tree, path: str) -> list[Any]:
    if set(tree) == {""} and tree[""] == "":
        return []  # how an empty list is sent
    if not shape.serialization.get("flattened"):
        tag = shape.member.serialization.get("name", "member")
        if set(tree) != {tag}:
            raise WrongType(f"{path} must be a list: {path}.{tag}.1, {path}.{tag}.2 and so on.")
        tree = tree[tag]
    return [_value(shape.member, tree[str(n)], f"{path}.{n}.member") for n in _numbers(tree, path)]


def _map(shape: MapShape, tree: Tree, path: str) -> dict[str, Any]:
    if set(tree) == {""} and tree[""] == "":
        return {}
    tree = tree if shape.serialization.get("flattened") else tree.get("entry", {})
    key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
    found = {}
    for number in _numbers(tree, path):
        entry = tree[str(number)]
        if set(entry) != {key, value}:
            raise WrongType(f"{path}.entry.{number} must have a {key} and a {value}.")
        found[str(_value(shape.key, entry[key], path))] = _value(shape.value, entry[value], path)
    return found


def _numbers(tree: Tree, path: str) -> list[int]:
    """1, 2, 3 ... as AWS counts; holes are not minded."""
    if not all(
        name.isascii() and name.isdigit() and len(name) < 6 and name == str(int(name)) for name in tree
    ):
        raise WrongType(f"{path} must be numbered 1, 2, 3 and so on.")
    return sorted(int(name) for name in tree)


def _scalar(shape: Shape, text: str, path: str) -> Any:
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        raise WrongType(f"{path} must be a number.") from None
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise WrongType(f"{path} must be true or false.")
        return text.lower() == "true"
    if kind == "timestamp" and text.replace(".", "", 1).isdigit():
        return float(text)
    return text
