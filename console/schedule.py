"""What beat wakes and how often. Jobs by name, so that no room is imported here.

Each entry only wakes a sweep: losing one costs latency, doubling one costs nothing.
"""

from __future__ import annotations

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {}
