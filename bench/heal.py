"""Healing: from one container's death to its replacement's start, beside one raw create+start and beside Swarm.

    python bench/heal.py [--tasks 20] [--samples 10] [--cpu 0]

A service of N tasks runs under Slipway and one under Swarm; in turn one container of each is killed, and the time from
the kill to the replacement's StartedAt is taken; between them one raw create+start. The last line is one JSON object
with the medians' ratios and the samples behind them, in seconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import engine, installation
from bench.deploy import FAMILY, register


def heal(label: str) -> float:
    """Kill one container; seconds until the engine started another in its place."""
    victim = engine.client.containers.list(filters={"label": label})[0]
    with engine.Starts(label) as starts:
        begin = time.time()
        victim.kill()
        taken = starts.last(1) - begin
    time.sleep(2.5)  # cleaning up after the dead one is over
    return taken


def raw_one() -> float:
    """Seconds for one create+start, to its StartedAt."""
    begin = time.time()
    key = engine.create_and_start()
    container = engine.client.containers.get(key)
    taken = engine.started_at(container) - begin
    container.remove(force=True)
    time.sleep(0.5)
    return taken


def main() -> None:
    options = engine.options(__doc__)
    engine.ensure_image()
    raw: list[float] = []
    swarm: list[float] = []
    slipway: list[float] = []
    with installation.running(), engine.swarm():
        from access.registry import system_caller
        from services.operations import create_service

        register()
        with engine.Starts(FAMILY) as ours, engine.Starts(f"{engine.MARK}=swarm") as theirs:
            create_service(
                system_caller("bench"),
                service_name="bench",
                task_definition="bench",
                desired_count=options.tasks,
            )
            service = engine.swarm_service(options.tasks)
            ours.last(options.tasks)
            theirs.last(options.tasks)
        time.sleep(5)
        try:
            for sample in range(options.samples):
                raw.append(raw_one())
                slipway.append(heal(FAMILY))
                swarm.append(heal(f"{engine.MARK}=swarm"))
                print(
                    f"{sample + 1:3}  raw {raw[-1]:.2f}  slipway {slipway[-1]:.2f}  swarm {swarm[-1]:.2f}",
                    flush=True,
                )
        finally:
            service.remove()
    median = statistics.median
    print(
        json.dumps(
            {
                "bench": "heal",
                "tasks": options.tasks,
                "cpu": engine.settings.cpu,
                "ratio_raw": round(median(slipway) / median(raw), 3),
                "ratio_swarm": round(median(slipway) / median(swarm), 3),
                "samples": {
                    "raw": [round(value, 3) for value in raw],
                    "swarm": [round(value, 3) for value in swarm],
                    "slipway": [round(value, 3) for value in slipway],
                },
            }
        )
    )


if __name__ == "__main__":
    main()
