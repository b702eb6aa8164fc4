"""What Python's collector of cyclic garbage is told about a process that has begun.

A process of Slipway holds half a million objects from its modules, which stay as long as it does, and makes thousands
for a request or a job, nearly all of which go by themselves. As Python comes, the collector looks at the young ones
every 700, and from time to time at all.
"""

from __future__ import annotations

import gc

YOUNG = 10_000  # objects made, less those that went by themselves, between two looks at the young ones


def settle() -> None:
    """To be called once all modules are loaded: what is there by now is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
