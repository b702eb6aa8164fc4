"""Condition keys of the tags that a request gives or takes away: aws:RequestTag/x and aws:TagKeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from access.language.matching import Context, Value


def request_tags(params: Mapping[str, Any]) -> Context:
    """Of an operation's parameters `tags` (a dict, or AWS's list of keys and values) and `tag_keys`.

    aws:TagKeys is missing where the request speaks of no tag, as on AWS.
    """
    tags = _pairs(params.get("tags"))
    taken = params.get("tag_keys")
    keys = list(tags)
    if isinstance(taken, Sequence) and not isinstance(taken, str):
        keys.extend(str(key) for key in taken)
    found: dict[str, Value] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if keys:
        found["aws:TagKeys"] = tuple(keys)
    return found


def _pairs(tags: object) -> dict[str, str]:
    """What is no proper tag is left out: the operation itself refuses it."""
    if isinstance(tags, Mapping):
        return {str(key): value for key, value in tags.items() if isinstance(value, str)}
    if not isinstance(tags, Sequence) or isinstance(tags, str):
        return {}
    found: dict[str, str] = {}
    for item in tags:
        if isinstance(item, Mapping):
            key, value = item.get("key", item.get("Key")), item.get("value", item.get("Value", ""))
            if isinstance(key, str) and isinstance(value, str):
                found[key] = value
    return found
