"""Deploying N tasks: the raw engine SDK, Swarm and Slipway, alternated in one run with equal container settings.

    python bench/deploy.py [--tasks 20] [--samples 10] [--cpu 0]

Each sample is the time from the request to the engine's last StartedAt. The last line is one JSON object with the
medians' ratios (below 1: Slipway is faster) and the samples behind them, in seconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import engine, installation

PARALLELISM = (4, 8)
FAMILY = "com.amazonaws.ecs.task-definition-family=bench"


def slipway_deploy(count: int) -> float:
    from access.registry import system_caller
    from services.models import Service
    from services.operations import create_service, delete_service

    caller = system_caller("bench")
    with engine.Starts(FAMILY) as starts:
        begin = time.time()
        create_service(caller, service_name="bench", task_definition="bench", desired_count=count)
        taken = starts.last(count) - begin
    delete_service(caller, service="bench", force=True)
    engine.wait_gone(FAMILY)
    while Service.objects.filter(name="bench").exclude(status="INACTIVE").exists():
        time.sleep(0.1)
    time.sleep(0.5)
    return taken


def register() -> None:
    from access.registry import system_caller
    from services.definitions import register_task_definition

    container = {
        "name": "idle",
        "image": engine.IMAGE,
        "cpu": engine.settings.cpu,
        "memory": engine.MEMORY,
        "command": engine.COMMAND,
    }
    register_task_definition(
        system_caller("bench"), document={"family": "bench", "containerDefinitions": [container]}
    )


def main() -> None:
    options = engine.options(__doc__)
    engine.ensure_image()
    raw: dict[int, list[float]] = {threads: [] for threads in PARALLELISM}
    swarm: list[float] = []
    slipway: list[float] = []
    with installation.running(), engine.swarm():
        register()
        slipway_deploy(2)  # every process warm, as the others are
        engine.raw(2, 2)
        for sample in range(options.samples):
            for threads in PARALLELISM:
                raw[threads].append(engine.raw(options.tasks, threads))
            slipway.append(slipway_deploy(options.tasks))
            swarm.append(engine.swarm_deploy(options.tasks))
            print(
                f"{sample + 1:3}  raw "
                + " ".join(f"{raw[t][-1]:.2f}({t})" for t in PARALLELISM)
                + f"  slipway {slipway[-1]:.2f}  swarm {swarm[-1]:.2f}",
                flush=True,
            )
    best = min(PARALLELISM, key=lambda threads: statistics.median(raw[threads]))
    median = statistics.median
    print(
        json.dumps(
            {
                "bench": "deploy",
                "tasks": options.tasks,
                "cpu": engine.settings.cpu,
                "ratio_raw": round(median(slipway) / median(raw[best]), 3),
                "ratio_swarm": round(median(slipway) / median(swarm), 3),
                "raw_threads": best,
                "samples": {
                    "raw": [round(value, 3) for value in raw[best]],
                    "swarm": [round(value, 3) for value in swarm],
                    "slipway": [round(value, 3) for value in slipway],
                },
            }
        )
    )


if __name__ == "__main__":
    main()
