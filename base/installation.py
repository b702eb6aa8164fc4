"""This installation's id. It lives in the database, so two installations on one engine never share one."""

from __future__ import annotations

from functools import lru_cache

from base.ids import hex_id
from base.models import Installation


@lru_cache(maxsize=1)
def installation_id() -> str:
    """12 hex digits, made at first use and kept for good."""
    row, _ = Installation.objects.get_or_create(key="this", defaults={"installation_id": hex_id(12)})
    return row.installation_id
