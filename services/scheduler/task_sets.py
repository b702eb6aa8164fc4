"""Task sets: how many tasks each is to have. Standard library only.

A task set is planned like a service in its steady state: a snapshot of its own tasks, its own revision and its own
desired count, and no deployment. So healing, throttle, placement, drain and protection are those of every service, and
the rules of rolling deployments play no part. What it shares with its siblings is the task group (`Snapshot.neighbours`
says where their tasks are, for distinctInstance) and the service's name in events.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil


def computed_count(desired: int, percent: float) -> int:
    """ECS's computedDesiredCount, rounded up: 3 tasks at 50 % are 2, at 33.3 % 1, at 0 % none.

    As the percentage is written: 0.1 of 1,000 is 1, not what its binary fraction makes of it.
    """
    return ceil(desired * Fraction(repr(float(percent))) / 100)
