"""A large installation: what it costs at rest, and whether one event costs more in it than in a small one.

    python bench/scale.py                                            # 10,000 tasks, 1,000 services, 200 instances
    python bench/scale.py --services 100 --hosts 20 --place 100 --idle 65      # a short form

Two whole installations (worker, watcher, beat, web, Redis, SQLite each) run side by side, a small one of 100 tasks on
2 instances and a large one; their engines are fakes that speak the engine's own HTTP (bench/scaled/engines.py), so
that the control plane alone is measured. Containers are killed in both in turn, and `growth` is the median of the
pairs' ratios: the pace of a shared machine changes within the run, and a pair meets the same. CPU is what worker,
watcher and beat used, in seconds of processor time. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.scaled.control import Control

ROOT = Path(__file__).resolve().parent.parent
LOOP = ("worker", "watcher", "beat")
_TICKS = os.sysconf("SC_CLK_TCK")


class Installation:
    """Rows and containers first, then the processes."""

    def __init__(self, name: str, hosts: int, services: int, tasks: int) -> None:
        self.name, self.hosts, self.services, self.tasks = name, hosts, services, tasks
        self.home = Path(tempfile.mkdtemp(prefix=f"slipway-scale-{name}-"))
        self.sockets = self.home / "engines"
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-engines-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "SLIPWAY_HOME": str(self.home),
            "PORT": str(port),
            "DOCKER_HOST": f"unix://{self.folder}/0.sock",
            "SLIPWAY_ADMIN_PASSWORD": "scale-" + os.urandom(9).hex(),
            "SLIPWAY_WEB_WORKERS": "1",
            "SLIPWAY_LOG_LEVEL": "WARNING",
            "SLIPWAY_STEADY_SECONDS": "1",
        }
        for name in ("DATABASE_URL", "SLIPWAY_REDIS_URL", "SLIPWAY_TEST_HOME"):
            self.environment.pop(name, None)
        self.engines = subprocess.Popen(
            [sys.executable, "-m", "bench.scaled.engines", str(self.folder), str(hosts)], cwd=ROOT
        )
        self.run: subprocess.Popen[bytes] | None = None
        while not (self.folder / "control.sock").exists():
            time.sleep(0.05)
        self.control = Control(str(self.folder / "control.sock"))

    def fill(self) -> int:
        """Rows and containers; answers the statements that one healing takes."""
        self._command("manage.py", "migrate", "--verbosity", "0")
        self.containers = self.inside("load", self.folder, self.hosts, self.services, self.tasks)
        self.control.load(self.containers)
        return int(self.inside("queries", self.folder / "control.sock"))

    def inside(self, *words: object) -> Any:
        found = self._command("-m", "bench.scaled.inside", *map(str, words))
        return json.loads(found.splitlines()[-1])

    def _command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    def start(self) -> None:
        with (self.home / "scale.log").open("wb") as log:
            self.run = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        while not self._status().get("ready"):
            if self.run.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    f"{self.name} did not start:\n{(self.home / 'scale.log').read_text()[-3000:]}"
                )
            time.sleep(0.3)

    def _status(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.home / "status.json").read_text())
            return found
        return {}

    def pids(self) -> dict[str, int]:
        return {name: int(one["pid"]) for name, one in self._status()["processes"].items()}

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time used so far, by process."""
        found = {}
        for name, pid in self.pids().items():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / _TICKS
        return found

    def memory(self) -> dict[str, int]:
        """MiB of each process; what processes share is divided among them."""
        found = {}
        for name, pid in self.pids().items():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found[name] = (
                int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) // 1024
            )
        return found

    def heal(self, victim: list[Any]) -> float:
        """One container dies; seconds until another container starts."""
        began = self.control.die(victim[0], victim[1])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if starts := self.control.starts(began):
                return starts[0][0] - began
            time.sleep(0.005)
        raise SystemExit(f"{self.name}: no replacement within a minute")

    def close(self) -> None:
        if self.run is not None and self.run.poll() is None:
            self.run.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run.wait(30)
            if self.run.poll() is None:
                os.killpg(self.run.pid, signal.SIGKILL)
        self.engines.kill()
        self.engines.wait()
        for folder in (self.home, self.folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def installations(options: argparse.Namespace) -> Iterator[tuple[Installation, Installation]]:
    made: list[Installation] = []
    try:
        made.append(Installation("small", 2, 10, 10))
        made.append(Installation("large", options.hosts, options.services, options.tasks))
        yield made[0], made[1]
    finally:
        for one in made:
            one.close()


def idle(large: Installation, seconds: float) -> tuple[dict[str, float], dict[str, int]]:
    """Share of a core used by each process over that time, and the requests that engines got meanwhile."""
    before, calls, began = large.cpu(), large.control.calls(), time.monotonic()
    time.sleep(seconds)
    after, taken = large.cpu(), time.monotonic() - began
    asked = {name: count - calls.get(name, 0) for name, count in large.control.calls().items()}
    return {name: round((after[name] - before[name]) / taken, 4) for name in after}, {
        name: count for name, count in asked.items() if count
    }


def heal(small: Installation, large: Installation, samples: int) -> dict[str, list[float]]:
    """In turn, so that both meet the same machine."""
    dice = random.Random(1)
    victims = {
        one.name: dice.sample(one.containers[len(one.containers) // 2 :], samples + 2)
        for one in (small, large)
    }
    found: dict[str, list[float]] = {"small": [], "large": []}
    for number in range(samples + 2):
        for one in (small, large):
            taken = one.heal(victims[one.name][number])
            if number > 1:  # the first two warm it
                found[one.name].append(round(taken, 4))
            time.sleep(2.0)
    return found


def place(large: Installation, count: int) -> dict[str, float]:
    found = large.inside("place", count)
    deadline = time.monotonic() + 900
    while len(starts := large.control.starts(found["asked"])) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    last = max((one[0] for one in starts), default=found["asked"])
    return {
        "tasks": count,
        "placed": found["placed"],
        "started": round(last - found["asked"], 2),
        "seen": len(starts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=10, help="of each service")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--place", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=41)
    parser.add_argument("--idle", type=float, default=130.0, help="seconds at rest")
    parser.add_argument(
        "--settle", type=float, default=75.0, help="seconds after the start that are not counted"
    )
    options = parser.parse_args()
    with installations(options) as (small, large):
        queries = {one.name: one.fill() for one in (small, large)}
        print(f"{len(large.containers)} tasks are there; statements of one healing: {queries}", flush=True)
        for one in (small, large):
            one.start()
        time.sleep(options.settle)
        shares, asked = idle(large, options.idle)
        print(f"at rest: {shares}, asked of engines {asked}", flush=True)
        memory = large.memory()
        # Before the healing, so that the worker has met its engines, as one has that placed its tasks itself.
        placed = place(large, options.place) if options.place else {}
        print(f"placing: {placed}", flush=True)
        time.sleep(5)
        healed = heal(small, large, options.samples)
        print(f"healing: {healed}", flush=True)
        swept = large.inside("sweep")
    median = {name: statistics.median(values) for name, values in healed.items()}
    pairs = [after / before for before, after in zip(healed["small"], healed["large"], strict=True)]
    print(
        json.dumps(
            {
                "bench": "scale",
                "tasks": options.services * options.tasks,
                "services": options.services,
                "instances": options.hosts,
                "idle_cpu": round(sum(shares.get(name, 0.0) for name in LOOP), 4),
                "idle_by_process": shares,
                "growth": round(statistics.median(pairs), 3),
                "growth_of_medians": round(median["large"] / median["small"], 3),
                "heal_seconds": median,
                "memory": sum(memory.values()),
                "memory_by_process": memory,
                "queries_per_event": queries,
                "sweep": swept,
                "placing": placed,
                "samples": healed,
            }
        )
    )


if __name__ == "__main__":
    main()
