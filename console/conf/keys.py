"""Secrets that an installation makes for itself at its first start, one file each under SLIPWAY_HOME/keys.

Called by: `console.settings`. Standard library only.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def signing_key() -> str:
    """For Django's signatures (sessions, CSRF)."""
    return secrets.token_urlsafe(64)


def data_key() -> str:
    """For encryption at rest: 32 bytes in the base64 that Fernet reads."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The secret kept in `path` (0600), made at the first call. Several processes may call at once: one wins.

    Raises OSError where the directory cannot be written.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make() + "\n")
        # link() fails when the name exists, so a slower process reads the winner's key, never half of one.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
