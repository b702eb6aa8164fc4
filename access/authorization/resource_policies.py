"""Policies that hang on resources (a secret's, say). Each room registers how its own are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from access.policy import Statement, parse

Finder = Callable[[str], Any]
"""The document on the resource with that ARN; None when there is none."""

_finders: dict[tuple[str, str], Finder] = {}


def register(service: str, kind: str, finder: Finder) -> None:
    """From a room's ready(): `register("secretsmanager", "secret", policy_of_secret)`."""
    _finders[service, kind] = finder


def policy_of(arn: str) -> tuple[Statement, ...] | None:
    """The statements of the resource's own policy; None for one without. Asks the database only for kinds that can
    have one."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    finder = _finders.get((parts[2], parts[5].partition("/")[0].partition(":")[0]))
    document = finder(arn) if finder is not None else None
    return compiled(document) if document else None


def compiled(document: Any) -> tuple[Statement, ...]:
    """The statements of a checked document, compiled once per process for each distinct text."""
    return _compiled(json.dumps(document, sort_keys=True, separators=(",", ":")))


@lru_cache(maxsize=512)
def _compiled(text: str) -> tuple[Statement, ...]:
    return parse(json.loads(text), source="resource policy", kind="resource")
