"""What the engines themselves show, held against what the client was told. Imports nothing of the project: the Docker
SDK, HTTP, and the client's own journal."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import docker
import requests

INSTALLATION = "slipway.installation"
ROLE = "slipway.role"
HELPER = "helper"  # of the engine, not of a task: one answers its tasks at 169.254.170.2
TASK = "com.amazonaws.ecs.task-arn"
FAMILY = "com.amazonaws.ecs.task-definition-family"
REVISION = "com.amazonaws.ecs.task-definition-version"
STRANGER = "chaos-stranger"
_TRANSPORT = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


class Client:
    """The REST face. A request that got no answer is asked again: every one of ours may be."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.unanswered = 0

    def ask(self, method: str, path: str, body: Any = None, seconds: float = 120.0) -> tuple[int, Any]:
        """(status, document). 5xx and silence are tried again until `seconds` are over."""
        deadline = time.monotonic() + seconds
        while True:
            status, found = self._once(method, path, body)
            if 0 < status < 500 and status != 429:
                return status, found
            self.unanswered += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {status} {found}")
            time.sleep(0.5)

    def _once(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")[:500]
        except (OSError, ValueError) as error:
            return 0, str(error)

    def all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            join = "&" if "?" in path else "?"
            status, answer = self.ask("GET", f"{path}{join}pageSize=200&page={page}")
            if status != 200:
                raise RuntimeError(f"GET {path}: {status} {answer}")
            found += answer["items"]
            if not answer["next"]:
                return found
            page += 1


@dataclass
class Accepted:
    """What the client was told is accepted, of one service. `uncertain`: a request is under way or got no answer."""

    desired: int
    definition: str  # family:revision
    most: int  # the most tasks that any accepted or uncertain request allows, twice the highest desired count


@dataclass
class Journal:
    services: dict[str, Accepted] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Engine:
    """One engine, asked by its own socket: a cut cable does not hinder us."""

    name: str
    url: str

    def containers(self, installation: str = "") -> list[dict[str, Any]] | None:
        """All of ours, running or not; None where it does not answer."""
        filters = {"label": [f"{INSTALLATION}={installation}"]} if installation else {}
        try:
            client = docker.APIClient(base_url=self.url, version="1.41", timeout=4)
            try:
                found: list[dict[str, Any]] = client.containers(all=True, filters=filters)
                for one in found:
                    _correct(client, one)
                return found
            finally:
                client.close()
        except _TRANSPORT:
            return None


def _correct(client: docker.APIClient, one: dict[str, Any]) -> None:
    """An engine whose disk was full lists a container as created that runs: only asked for it by name, it tells."""
    if one["State"] == "created":
        with contextlib.suppress(docker.errors.NotFound):
            one["State"] = client.inspect_container(one["Id"])["State"]["Status"]


class Watch:
    """Looks at all engines all the time, and counts what must never be seen."""

    def __init__(self, engines: Iterable[Engine], installation: str, journal: Journal) -> None:
        self.engines = list(engines)
        self.installation = installation
        self.journal = journal
        self.violations: list[str] = []
        self.looks = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def violate(self, text: str) -> None:
        self.violations.append(f"{time.strftime('%H:%M:%S')} {text}")
        print("VIOLATION", text, flush=True)

    def _run(self) -> None:
        while not self._stopping.wait(1.5):
            self._look()

    def _look(self) -> None:
        """Engines that do not answer are left out: what runs there is not seen, so counts can only be too low."""
        running: Counter[str] = Counter()
        for engine in self.engines:
            found = engine.containers()
            if found is None:
                continue
            self.looks += 1
            if not any(f"/{STRANGER}" in (one["Names"] or []) for one in found):
                self.violate(f"the stranger on {engine.name} is gone")
            names: Counter[str] = Counter()
            for one in found:
                labels = one["Labels"] or {}
                if labels.get(INSTALLATION) != self.installation or labels.get(ROLE) != "container":
                    continue
                if one["State"] == "running":
                    running[labels[FAMILY]] += 1
                    names[labels[TASK]] += 1
            for task, count in names.items():
                if count > 1:
                    self.violate(f"task {task} runs {count} times on {engine.name}")
        with self.journal.lock:
            most = {name: one.most for name, one in self.journal.services.items()}
        for family, count in running.items():
            if count > most.get(family, 0):
                self.violate(f"{count} tasks of {family} run at once, at most {most.get(family, 0)} may")


@dataclass
class Difference:
    """Engines against the journal: nothing of it left when all has converged."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.orphaned or self.unsteady)


def compare(engines: Iterable[Engine], installation: str, journal: Journal, client: Client) -> Difference:
    """The running containers of each service, by revision, against what was accepted; containers without a task."""
    found = Difference()
    running: dict[str, Counter[str]] = {}
    tasks: Counter[str] = Counter()
    there: list[tuple[str, str, str]] = []
    for engine in engines:
        containers = engine.containers(installation)
        if containers is None:
            found.unsteady.append(f"{engine.name} does not answer")
            continue
        helpers = [one for one in containers if one["Labels"].get(ROLE) == HELPER]
        found.doubled += [f"{one['Names'][0]} on {engine.name}" for one in helpers[1:]]
        for one in containers:
            if one in helpers:
                continue
            labels = one["Labels"]
            there.append((engine.name, labels.get(TASK, ""), one["Names"][0]))
            if labels.get(ROLE) == "container" and one["State"] == "running":
                running.setdefault(labels[FAMILY], Counter())[f"{labels[FAMILY]}:{labels[REVISION]}"] += 1
                tasks[labels[TASK]] += 1
    live = {row["taskArn"] for row in client.all("/tasks") if row["lastStatus"] != "STOPPED"}
    found.orphaned += [f"{name} on {engine}" for engine, task, name in there if task not in live]
    found.doubled += [task for task, count in tasks.items() if count > 1]
    found.lost += [f"task {task} has no container" for task in live if task not in tasks]
    with journal.lock:
        accepted = dict(journal.services)
    for name, wish in accepted.items():
        here = running.get(name, Counter())
        right, total = here[wish.definition], sum(here.values())
        if right < wish.desired:
            found.lost.append(f"{name}: {right} of {wish.desired} tasks of {wish.definition} run")
        if total > wish.desired:
            found.doubled.append(f"{name}: {total} tasks run, {wish.desired} were asked for")
    for row in client.all("/services"):
        if row["status"] == "ACTIVE" and (row["currentServiceDeployment"] or not row["steadySince"]):
            found.unsteady.append(f"{row['serviceName']}: {row['waitingFor']}")
    return found


def blamed(client: Client, names: Iterable[str]) -> list[str]:
    """Deployments that a circuit breaker ended, though every image is good: somebody else's doing was counted."""
    found = []
    for name in names:
        for row in client.all(f"/clusters/default/services/{name}/deployments"):
            if "circuit breaker" in (row["statusReason"] or ""):
                found.append(f"{name}: {row['statusReason']}")
    return found
