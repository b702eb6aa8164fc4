"""Tags as AWS has them: at most 50, keys of 1 to 128 and values of up to 256 characters, `aws:` reserved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from base.errors import invalid_fields

_ALLOWED = re.compile(r"^[\w\s+\-=.:/@]*$", re.UNICODE)
MOST = 50


def checked(tags: Mapping[str, str] | None, field: str = "tags") -> dict[str, str]:
    """The tags as a plain dict. Raises InvalidParameter naming every key that will not do."""
    problems: dict[str, str] = {}
    tags = dict(tags or {})
    if len(tags) > MOST:
        problems[field] = f"at most {MOST} tags, not {len(tags)}"
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or not _ALLOWED.match(key):
            problems[f"{field}.{key}"] = "a key has 1 to 128 letters, digits, spaces or + - = . _ : / @"
        elif key.lower().startswith("aws:"):
            problems[f"{field}.{key}"] = "keys that start with aws: are reserved"
        if not isinstance(value, str) or len(value) > 256 or not _ALLOWED.match(value):
            problems[f"{field}.{key}"] = "a value has up to 256 letters, digits, spaces or + - = . _ : / @"
    if problems:
        raise invalid_fields(problems)
    return tags


def from_list(items: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """AWS's list form [{"key": …, "value": …}] as a dict."""
    return {item["key"]: item.get("value", "") for item in items or ()}


def to_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
