"""Deploying, healing and rolling over N tasks on one and on three engines: raw SDK, Swarm and Slipway in turn.

    python bench/rolling.py [--tasks 20] [--samples 3] [--engines 1,3]

Lab hosts with an engine each (needs root), the same for all three, equal container settings. A rolling update starts
all new tasks before it stops an old one: Swarm with order start-first and parallelism N, Slipway with 100 and 200
percent, the raw SDK with as many threads as were best. Times are the engines' own: from the request to the last start
(deploy), from the death to the next start (heal), from the request until the last old container has ended and the last
new one started (roll). The last line is one JSON object with medians' ratios, below 1: Slipway is faster.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.chaotic.site import COMMAND, IMAGE, Host, site
from bench.chaotic.tally import Client

# MiB, and units (1024 a core): a share and a ceiling. Twice twenty tasks of it fit on an engine of two cores, and an
# engine refuses a ceiling below 10.
MEMORY, CPU = 16, 48
MARK = "slipway-rolling"
FAMILY = "com.amazonaws.ecs.task-definition-family"
THREADS = 8


class Ear:
    """Hears starts and ends of containers with a label, on all engines, at the engines' times."""

    def __init__(self, hosts: list[Host], label: str) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self._heard = threading.Condition()
        self._clients = [docker.APIClient(base_url=host.lab.url, version="1.41") for host in hosts]
        filters = {"type": "container", "event": ["start", "die"], "label": label}
        for client in self._clients:
            stream = client.events(decode=True, filters=filters)
            threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def _listen(self, stream: Iterator[dict[str, Any]]) -> None:
        with contextlib.suppress(Exception):
            for event in stream:
                with self._heard:
                    (self.starts if event["Action"] == "start" else self.ends).append(event["timeNano"] / 1e9)
                    self._heard.notify()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def wait(self, starts: int, ends: int = 0, seconds: float = 300) -> float:
        """The moment of the last of so many starts and ends."""
        with self._heard:
            if not self._heard.wait_for(
                lambda: len(self.starts) >= starts and len(self.ends) >= ends, seconds
            ):
                raise SystemExit(f"{len(self.starts)} of {starts} starts, {len(self.ends)} of {ends} ends")
            return max(self.starts[:starts] + self.ends[:ends])


class Contender:
    """`label` marks its containers."""

    label = ""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts

    def deploy(self, tasks: int) -> None: ...

    def roll(self, tasks: int) -> None: ...

    def replace(self) -> None:
        """What heals where nobody does it for us."""

    def clear(self) -> None: ...

    # ---- the three measures --------------------------------------------------------------------

    def measure(self, tasks: int) -> dict[str, float]:
        found = {}
        with Ear(self.hosts, self.label) as ear:
            began = time.time()
            self.deploy(tasks)
            found["deploy"] = ear.wait(tasks) - began
        time.sleep(8)
        with Ear(self.hosts, self.label) as ear:
            self._kill_one()
            began = time.time()
            self.replace()
            found["heal"] = ear.wait(1) - began
        time.sleep(8)
        with Ear(self.hosts, self.label) as ear:
            began = time.time()
            self.roll(tasks)
            found["roll"] = ear.wait(tasks, tasks) - began
        self.clear()
        self._wait_gone()
        return {name: round(value, 3) for name, value in found.items()}

    def _kill_one(self) -> None:
        for client in self.clients():
            for one in client.containers(filters={"label": self.label}):
                client.kill(one["Id"])
                return

    def clients(self) -> list[docker.APIClient]:
        return [docker.APIClient(base_url=host.lab.url, version="1.41") for host in self.hosts]

    def _wait_gone(self) -> None:
        deadline = time.monotonic() + 180
        while any(client.containers(all=True, filters={"label": self.label}) for client in self.clients()):
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.label} does not go")
            time.sleep(0.3)
        time.sleep(2)


class Raw(Contender):
    label = f"{MARK}=raw"

    def __init__(self, hosts: list[Host]) -> None:
        super().__init__(hosts)
        self._turn = itertools.cycle(self.clients())
        self._lock = threading.Lock()
        self.made: list[tuple[docker.APIClient, str]] = []

    def _create(self, _: int = 0) -> tuple[docker.APIClient, str]:
        with self._lock:
            client = next(self._turn)
        host = client.create_host_config(
            mem_limit=f"{MEMORY}m", nano_cpus=CPU * 10**9 // 1024, cpu_shares=CPU
        )
        key, _, value = self.label.partition("=")
        made = client.create_container(IMAGE, COMMAND, host_config=host, labels={key: value})
        client.start(made["Id"])
        return client, str(made["Id"])

    def deploy(self, tasks: int) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            self.made = list(pool.map(self._create, range(tasks)))

    def replace(self) -> None:
        self._create()

    def roll(self, tasks: int) -> None:
        old = [
            (client, one["Id"])
            for client in self.clients()
            for one in client.containers(filters={"label": self.label})
        ]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._create, range(tasks)))
            list(pool.map(lambda pair: pair[0].stop(pair[1], timeout=5), old))

    def clear(self) -> None:
        for client in self.clients():
            with ThreadPoolExecutor(4) as pool:
                ids = [one["Id"] for one in client.containers(all=True, filters={"label": self.label})]
                list(pool.map(lambda key, c=client: c.remove_container(key, force=True), ids))


class Swarm(Contender):
    """Its own defaults otherwise: among them, five seconds before a restart."""

    label = f"{MARK}=swarm"

    def __init__(self, hosts: list[Host]) -> None:
        super().__init__(hosts)
        first, *others = self.clients()
        first.init_swarm(advertise_addr=hosts[0].lab.address, listen_addr="0.0.0.0:2377")
        token = first.inspect_swarm()["JoinTokens"]["Worker"]
        for client, host in zip(others, hosts[1:], strict=True):
            client.join_swarm([f"{hosts[0].lab.address}:2377"], token, advertise_addr=host.lab.address)
        self._manager = docker.DockerClient(base_url=hosts[0].lab.url, version="1.41")
        # By a name it first asks a registry, which no lab host can reach, and waits; by its id it takes what is there.
        self._image = str(first.inspect_image(IMAGE)["Id"])
        self._service: Any = None

    def deploy(self, tasks: int) -> None:
        key, _, value = self.label.partition("=")
        self._service = self._manager.services.create(
            self._image,
            command=COMMAND,
            name=MARK,
            container_labels={key: value},
            mode=docker.types.ServiceMode("replicated", replicas=tasks),
            resources=docker.types.Resources(cpu_limit=CPU * 10**9 // 1024, mem_limit=MEMORY * 2**20),
            update_config=docker.types.UpdateConfig(parallelism=tasks, order="start-first", monitor=10**6),
        )

    def roll(self, tasks: int) -> None:
        self._service.reload()
        self._service.update(env=[f"ROLLED={time.time()}"], fetch_current_spec=True)

    def clear(self) -> None:
        self._service.remove()

    def leave(self) -> None:
        for client in reversed(self.clients()):
            client.leave_swarm(force=True)


class Slipway(Contender):
    label = f"{FAMILY}=rolled"

    def __init__(self, hosts: list[Host], client: Client) -> None:
        super().__init__(hosts)
        self._client = client
        for revision in ("1", "2"):
            container = {
                "name": "app",
                "image": IMAGE,
                "cpu": CPU,
                "memory": MEMORY,
                "command": COMMAND,
                "environment": [{"name": "REVISION", "value": revision}],
            }
            self._ask("POST", "/task-definitions", {"family": "rolled", "containerDefinitions": [container]})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._client.ask(method, path, body)
        assert status < 300, answer
        return answer

    def deploy(self, tasks: int) -> None:
        body = {"serviceName": "rolled", "taskDefinition": "rolled:1", "desiredCount": tasks}
        self._ask("POST", "/clusters/default/services", body)

    def roll(self, tasks: int) -> None:
        self._ask("PATCH", "/clusters/default/services/rolled", {"taskDefinition": "rolled:2"})

    def clear(self) -> None:
        self._ask("DELETE", "/clusters/default/services/rolled?force=true")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            status, row = self._client.ask("GET", "/clusters/default/services/rolled")
            if status == 404 or row["status"] == "INACTIVE":
                return
            time.sleep(0.3)


def on(engines: int, tasks: int, samples: int) -> dict[str, Any]:
    """All three contenders in turn on so many engines."""
    seen: dict[str, dict[str, list[float]]] = {}
    with site(engines) as (installation, hosts):
        swarm = Swarm(hosts)
        contenders = {"raw": Raw(hosts), "swarm": swarm, "slipway": Slipway(hosts, installation.client())}
        contenders["slipway"].measure(2)  # every process warm
        for sample in range(samples):
            for name, one in contenders.items():
                found = one.measure(tasks)
                for what, value in found.items():
                    seen.setdefault(what, {}).setdefault(name, []).append(value)
                print(f"{engines} engines, sample {sample + 1}: {name:8} {found}", flush=True)
        with contextlib.suppress(Exception):
            swarm.leave()
    median = statistics.median
    return {
        what: {
            "ratio_raw": round(median(by["slipway"]) / median(by["raw"]), 3),
            "ratio_swarm": round(median(by["slipway"]) / median(by["swarm"]), 3),
            "samples": by,
        }
        for what, by in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--engines", default="1,3")
    options = parser.parse_args()
    # A task is healthy as soon as it runs, for Slipway as for Swarm.
    os.environ["SLIPWAY_STEADY_SECONDS"] = "0"
    found = {number: on(int(number), options.tasks, options.samples) for number in options.engines.split(",")}
    print(json.dumps({"bench": "rolling", "tasks": options.tasks, "engines": found}))


if __name__ == "__main__":
    main()
