"""IAM's unique identifiers: four letters that tell the kind, then 17 characters of base32 (16 of a key).

Source: IAM User Guide, "IAM identifiers", table "Understanding unique ID prefixes".
"""

from __future__ import annotations

import secrets

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _made(prefix: str, length: int) -> str:
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(length))


def user_id() -> str:
    return _made("AIDA", 17)


def group_id() -> str:
    return _made("AGPA", 17)


def role_id() -> str:
    return _made("AROA", 17)


def policy_id() -> str:
    return _made("ANPA", 17)


def access_key_id() -> str:
    """A user's long-lived key."""
    return _made("AKIA", 16)


def temporary_key_id() -> str:
    """A key that only counts together with its session token."""
    return _made("ASIA", 16)
