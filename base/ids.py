"""Identifiers in AWS's shapes."""

from __future__ import annotations

import secrets

_DIGITS = "0123456789"


def hex_id(length: int = 32) -> str:
    """A task's or container instance's id: 32 lower-case hex digits."""
    return secrets.token_hex(length // 2)


def resource_id(prefix: str) -> str:
    """An EC2-shaped id such as vpc-0a1b2c3d4e5f60718 (17 hex digits)."""
    return f"{prefix}-0{secrets.token_hex(8)}"


def numeric_id(length: int = 19) -> str:
    """A service revision's id: 19 decimal digits, as ECS shows them."""
    return str(1 + secrets.randbelow(9)) + "".join(secrets.choice(_DIGITS) for _ in range(length - 1))


def deployment_id() -> str:
    """A service deployment's id: 21 characters of the URL-safe alphabet in AWS's shape."""
    return secrets.token_urlsafe(32).replace("_", "").replace("-", "")[:21]
