"""Breaking real things while users work: nothing accepted is lost, doubled or orphaned, and all converges.

    python bench/chaos.py [--faults 200] [--hosts 3] [--services 10] [--tasks 6] [--seed 1]
    python scripts/with_postgres.py python bench/chaos.py          # the same on PostgreSQL

Several lab hosts, each with a Docker Engine of its own; ten services of six tasks that are deployed, rolled back and
scaled by REST all the while; and one random fault after another. After each round of faults everything must come to
what the client was told is accepted, as the engines themselves show it (bench/chaotic/tally.py). Needs root. The last
line is one JSON object: faults, lost, doubled, orphaned, violations, faults by kind, seconds to converge.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import docker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.chaotic.site import COMMAND, IMAGE, Host, Installation, site
from bench.chaotic.tally import (
    INSTALLATION,
    ROLE,
    Accepted,
    Client,
    Difference,
    Engine,
    Journal,
    Watch,
    blamed,
    compare,
)

ROUND = 20  # faults between two comparisons
REVISIONS = 3
PATIENCE = 240.0  # seconds to converge
_LONGEST = 9.0  # of a fault that lasts


class Traffic(threading.Thread):
    """The users: deploys, rolls back and scales, one request at a time. What was accepted is in the journal."""

    def __init__(self, client: Client, journal: Journal, seed: int) -> None:
        super().__init__(daemon=True)
        self.client, self.journal, self.random = client, journal, random.Random(seed)
        self.resting, self.at_rest, self.ended = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            if self.resting.is_set():
                self.at_rest.set()
                time.sleep(0.2)
                continue
            self.at_rest.clear()
            name = self.random.choice(list(self.journal.services))
            with contextlib.suppress(TimeoutError):
                self.random.choice([self._deploy, self._deploy, self._scale, self._roll_back])(name)
            self.ended.wait(self.random.uniform(0.5, 3.0))

    def rest(self) -> None:
        self.resting.set()
        self.at_rest.wait(150)

    def _patch(self, name: str, body: dict[str, object]) -> bool:
        return self.client.ask("PATCH", f"/clusters/default/services/{name}", body)[0] == 200

    def _deploy(self, name: str) -> None:
        definition = f"{name}:{self.random.randint(1, REVISIONS)}"
        if self._patch(name, {"taskDefinition": definition}):
            self._accept(name, "deploy", definition=definition)

    def _scale(self, name: str) -> None:
        now = self.journal.services[name].desired
        desired = max(1, now + self.random.choice([-1, 1]))
        with self.journal.lock:  # from now on it may be in force
            wish = self.journal.services[name]
            wish.most = max(wish.most, 2 * desired)
        if self._patch(name, {"desiredCount": desired}):
            self._accept(name, "scale", desired=desired)

    def _roll_back(self, name: str) -> None:
        """To the revision that the preview names, so that asking again asks for the same."""
        path = f"/clusters/default/services/{name}/rollback"
        status, preview = self.client.ask("GET", path)
        if status != 200:
            return
        target = preview["target"]
        before = self.client.unanswered
        status, _ = self.client.ask("POST", path, {"to": str(target["number"])})
        # 409 after silence: the first of the two was accepted, and it is rolling back.
        if status == 201 or (status == 409 and self.client.unanswered > before):
            definition = target["taskDefinition"].rpartition("/")[2]
            self._accept(name, "rollback", definition=definition)

    def _accept(self, name: str, kind: str, desired: int | None = None, definition: str = "") -> None:
        with self.journal.lock:
            wish = self.journal.services[name]
            wish.desired = desired if desired is not None else wish.desired
            wish.definition = definition or wish.definition
            self.journal.requests[kind] += 1


class Faults:
    """One method a kind. What lasts ends by itself after some seconds, while other faults go on."""

    def __init__(self, installation: Installation, hosts: list[Host], identity: str, seed: int) -> None:
        self.installation, self.hosts, self.identity = installation, hosts, identity
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._busy: set[str] = set()  # hosts with a fault that lasts
        self._timers: list[threading.Thread] = []
        self.kinds: dict[str, Callable[[], bool]] = {
            "kill worker": lambda: self._kill("worker"),
            "kill watcher": lambda: self._kill("watcher"),
            "kill web": lambda: self._kill("web-1"),
            "kill beat": lambda: self._kill("beat"),
            "kill redis": lambda: self._kill("redis"),
            "kill dockerd": self._kill_dockerd,
            "kill containers": self._kill_containers,
            "remove containers": self._remove_containers,
            "cut off a host": self._cut_off,
            "full disk": self._full_disk,
            "slow engine": self._slow,
        }

    def one(self) -> str:
        """A kind that was rare so far, at random."""
        rarest = min(self.done[kind] for kind in self.kinds)
        kind = self.random.choice([kind for kind in self.kinds if self.done[kind] <= rarest + 1])
        if self.kinds[kind]():
            self.done[kind] += 1
            return kind
        return ""

    def settle(self) -> None:
        for timer in self._timers:
            timer.join()
        self._timers.clear()

    def _kill(self, name: str) -> bool:
        pid = self.installation.pid(name)
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def _lasting(self, begin: Callable[[Host], None], end: Callable[[Host], None]) -> bool:
        free = [host for host in self.hosts if host.lab.name not in self._busy]
        if not free:
            return False
        host = self.random.choice(free)
        self._busy.add(host.lab.name)
        seconds = self.random.uniform(1.0, _LONGEST)
        begin(host)

        def finish() -> None:
            time.sleep(seconds)
            end(host)
            self._busy.discard(host.lab.name)

        timer = threading.Thread(target=finish, daemon=True)
        timer.start()
        self._timers.append(timer)
        return True

    def _kill_dockerd(self) -> bool:
        def back(host: Host) -> None:
            host.lab.start(120)
            # Its containers ended with it, a stranger's too; somebody starts that again.
            client = docker.APIClient(base_url=host.lab.url, version="1.41")
            with contextlib.suppress(docker.errors.DockerException):
                client.start("chaos-stranger")
            client.close()

        return self._lasting(lambda host: host.lab.kill(), back)

    def _cut_off(self) -> bool:
        return self._lasting(lambda host: host.lab.cut_off(), lambda host: host.lab.plug_in())

    def _full_disk(self) -> bool:
        return self._lasting(lambda host: host.fill(), lambda host: host.clear())

    def _slow(self) -> bool:
        return self._lasting(
            lambda host: os.kill(host.dockerd, signal.SIGSTOP),
            lambda host: os.kill(host.dockerd, signal.SIGCONT),
        )

    def _victims(self) -> tuple[docker.APIClient, list[str]] | None:
        free = [host for host in self.hosts if host.lab.name not in self._busy]
        if not free:
            return None
        client = docker.APIClient(base_url=self.random.choice(free).lab.url, version="1.41", timeout=15)
        filters = {"label": [f"{INSTALLATION}={self.identity}", f"{ROLE}=container"]}
        try:
            found = sorted(one["Id"] for one in client.containers(filters=filters))
        except Exception:
            return None
        return client, self.random.sample(found, min(len(found), self.random.randint(1, 4)))

    def _kill_containers(self) -> bool:
        return self._hurt(lambda client, key: client.kill(key))

    def _remove_containers(self) -> bool:
        return self._hurt(lambda client, key: client.remove_container(key, force=True))

    def _hurt(self, do: Callable[[docker.APIClient, str], None]) -> bool:
        found = self._victims()
        if found is None or not found[1]:
            return False
        client, keys = found
        for key in keys:
            with contextlib.suppress(Exception):
                do(client, key)
        client.close()
        return True


def furnish(client: Client, journal: Journal, services: int, tasks: int) -> None:
    """The services, each of a family of its own with a few good revisions."""
    for number in range(services):
        name = f"chaos{number}"
        for revision in range(1, REVISIONS + 1):
            container = {
                "name": "app",
                "image": IMAGE,
                "cpu": 8,
                "memory": 16,
                "stopTimeout": 2,
                "command": COMMAND,
                "environment": [{"name": "REVISION", "value": str(revision)}],
            }
            body = {"family": name, "containerDefinitions": [container]}
            status, answer = client.ask("POST", "/task-definitions", body)
            assert status == 201, answer
        body = {"serviceName": name, "taskDefinition": f"{name}:1", "desiredCount": tasks}
        status, answer = client.ask(
            "POST",
            "/clusters/default/services",
            body
            | {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}},
        )
        assert status == 201, answer
        journal.services[name] = Accepted(tasks, f"{name}:1", 2 * tasks)


def converge(
    engines: list[Engine], identity: str, journal: Journal, client: Client
) -> tuple[float, Difference]:
    """Wait until engines and journal agree; the seconds it took, and what still differs after PATIENCE."""
    began = time.monotonic()
    while True:
        left = compare(engines, identity, journal, client)
        taken = time.monotonic() - began
        if not left or taken > PATIENCE:
            return taken, left
        time.sleep(1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--services", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=6, help="of each service")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120.0, help="stop early, and say so")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    deadline = time.monotonic() + 60 * options.minutes
    journal, times, left = Journal(), [], Difference()
    with site(options.hosts) as (installation, hosts):
        client, identity = installation.client(), installation.identity()
        engines = [host.engine for host in hosts]
        furnish(client, journal, options.services, options.tasks)
        first, left = converge(engines, identity, journal, client)
        print(f"{options.services} services up after {first:.1f} s {left if left else ''}", flush=True)
        faults = Faults(installation, hosts, identity, options.seed)
        traffic = Traffic(client, journal, options.seed)
        with Watch(engines, identity, journal) as watch:
            traffic.start()
            while faults.done.total() < options.faults and time.monotonic() < deadline:
                traffic.resting.clear()
                aim = min(options.faults, faults.done.total() + ROUND)
                while faults.done.total() < aim and time.monotonic() < deadline:
                    kind = faults.one()
                    print(f"{faults.done.total():4}  {kind or '(nothing to hurt)'}", flush=True)
                    time.sleep(faults.random.uniform(0.3, 4.0))
                faults.settle()
                traffic.rest()
                taken, found = converge(engines, identity, journal, client)
                times.append(round(taken, 1))
                print(f"      converged after {taken:.1f} s {found if found else ''}", flush=True)
                for one in found.lost, found.doubled, found.orphaned, found.unsteady:
                    if one and found is not left:
                        print(f"      STILL {one[:5]}", flush=True)
                left.lost += found.lost
                left.doubled += found.doubled
                left.orphaned += found.orphaned
                left.unsteady += found.unsteady
                with journal.lock:
                    for wish in journal.services.values():
                        wish.most = 2 * wish.desired
            traffic.ended.set()
            for text in blamed(client, journal.services):
                watch.violate(text)
    print(
        json.dumps(
            {
                "bench": "chaos",
                "database": installation.database,
                "hosts": options.hosts,
                "services": options.services,
                "tasks": options.services * options.tasks,
                "faults": faults.done.total(),
                "lost": len(left.lost),
                "doubled": len(left.doubled),
                "orphaned": len(left.orphaned),
                "unsteady": len(left.unsteady),
                "violations": len(watch.violations),
                "by_kind": dict(sorted(faults.done.items())),
                "requests": dict(journal.requests),
                "unanswered": client.unanswered,
                "looks": watch.looks,
                "seconds_to_converge": {
                    "median": round(statistics.median(times), 1) if times else None,
                    "longest": max(times, default=None),
                    "all": times,
                },
                "found": [*left.lost, *left.doubled, *left.orphaned, *left.unsteady, *watch.violations][:20],
            }
        )
    )
    return 1 if left or watch.violations else 0


if __name__ == "__main__":
    sys.exit(main())
