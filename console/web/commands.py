"""The AWS CLI command that asks for what a form asks for: from an operation's parameters to a line for a shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from access import registry
from base.tags import to_list

# What the CLI's shorthand (name=fast,weight=1) takes without quotation.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@-]+")


def command(operation: str, parameters: Mapping[str, Any], options: Mapping[str, str] | None = None) -> str:
    """`aws ecs run-task --cluster default …`. `operation`: an operation of ECS's by its Python name, with its
    parameters; those that are as they are without being given are left out. `options`: what AWS calls parameters that
    have another name here."""
    defaults = {one.name: one.default for one in registry.get(operation).parameters}
    words = ["aws", "ecs", operation.replace("_", "-")]
    for name, value in parameters.items():
        if value is None or value == defaults[name] or (value in ("", [], {}) and defaults[name] is None):
            continue
        option = f"--{(options or {}).get(name, name.replace('_', '-'))}"
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, *_values(name, value)]
    return shlex.join(words)


def _values(name: str, value: Any) -> list[str]:
    if name == "tags":
        value = to_list(value)
    if isinstance(value, Mapping):
        return [_object(value)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(item, Mapping) and _short(item) for item in value):
            return [_object(item) for item in value]
        return [json.dumps(value, ensure_ascii=False)] if _nested(value) else [str(item) for item in value]
    return [str(value)]


def _nested(items: Sequence[Any]) -> bool:
    return not items or any(isinstance(item, Mapping) for item in items)


def _object(value: Mapping[str, Any]) -> str:
    if _short(value):
        return ",".join(f"{key}={_word(item)}" for key, item in value.items())
    return json.dumps(value, ensure_ascii=False)


def _short(value: Mapping[str, Any]) -> bool:
    """Whether the shorthand says it, read back as the same."""
    return bool(value) and all(
        isinstance(item, bool | int) or (isinstance(item, str) and _PLAIN.fullmatch(item))
        for item in value.values()
    )


def _word(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)
