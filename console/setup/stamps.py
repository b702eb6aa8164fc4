"""Stamps: a step whose inputs have not changed since it last succeeded is skipped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(paths: Iterable[Path], *extra: str) -> str:
    """Of the files' names and contents and of `extra`."""
    state = hashlib.sha256()
    for text in extra:
        state.update(text.encode() + b"\0")
    for path in paths:
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()


def fresh(stamp: Path, value: str) -> bool:
    try:
        return stamp.read_text("ascii").strip() == value
    except FileNotFoundError:
        return False


def write(stamp: Path, value: str) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value + "\n", "ascii")
