"""Client tokens: with one, a call may be repeated and is carried out once. What RunTask and CreateService have in
common: which tokens there are, and how two requests are told apart."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from base.errors import invalid

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def checked_token(token: object, most: int) -> str:
    """The token, "" for none. `most`: characters that it may have. Raises InvalidParameter."""
    if token is None or token == "":
        return ""
    if not isinstance(token, str) or len(token) > most or not _VISIBLE.fullmatch(token):
        raise invalid("clientToken", f"1 to {most} visible ASCII characters")
    return token


def digest_of(request: Mapping[str, Any]) -> str:
    """What a call asks for, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
