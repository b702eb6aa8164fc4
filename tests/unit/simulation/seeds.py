"""Which seeds to play, told by the environment: for both storeys.

SIMULATION_SEED="116"          one, told step by step (with pytest -s)
SIMULATION_SEED="2,116"        two, in this order
SIMULATION_SEED="400-1399"     these thousand, in silence; a long run goes on where it ended
"""

from __future__ import annotations

import os

MANY = 10  # more than so many seeds are not told step by step


def parse(text: str) -> list[int]:
    """ "7,400-402" -> [7, 400, 401, 402]. ValueError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def chosen(count: int) -> list[int]:
    """The seeds that SIMULATION_SEED names, else the first `count`."""
    named = os.environ.get("SIMULATION_SEED")
    return parse(named) if named else list(range(count))


def tell(*words: object) -> None:
    """Prints where a few seeds were named."""
    if _TOLD:
        print(*words)


_TOLD = 0 < len(chosen(0)) <= MANY
