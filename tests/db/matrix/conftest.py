from __future__ import annotations

from tests.db.rest.conftest import _no_throttle_left_over, world

__all__ = ["_no_throttle_left_over", "world"]
