"""One method of one address: what is sent, and what a caller who may everything is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """`wrong`: a body or query that is refused with 400 and names the field `field`."""

    method: str
    path: str
    status: int
    body: Any = None
    wrong: Any = None
    field: str = ""
