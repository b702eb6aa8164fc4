"""The AWS face beside a server that answers one fixed body: what a call costs beyond the client's own work.

    python bench/api.py --seconds 5

boto3 clients (one, and four processes) against as many web processes as an installation on this machine runs (one a
core, at most four): describe_clusters, list_services with 1,000 services, register_task_definition, update_service.
Signature, authorization, audit, durable commit, messages to Redis included. The floor is the same client making the
same call to as many processes of uvicorn that answer a fixed body, which is one of ours: what the client takes for it
by itself is on both sides. Both take turns of a third of a second, since the machine's other users come and go and its
pace with them; a ratio is the median of the turns' own. `cpu`: milliseconds of processor time of the web processes for
each call. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from console.run import specs
from tests.lab.installation import ROOT, free_port, until
from tests.wire.server import WebServer

KEY, SECRET = "AKIASLIPWAYBENCH0001", "a-secret-for-a-benchmark-0123456789"
AIMS = {
    "describe_clusters": 0.5,
    "list_services": 0.5,
    "register_task_definition": 0.3,
    "update_service": 0.3,
}
WARM = 20
"""Calls of each client before it is measured: connections are opened, statements prepared."""
SLICE = 1 / 3
"""Seconds of a turn."""
NULL = """
import json, socket, sys, uvicorn
BODIES = {target.encode(): body.encode() for target, body in json.loads(sys.argv[1]).items()}
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = BODIES[next(value for name, value in scope["headers"] if name == b"x-amz-target")]
    head = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})
config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])
"""
PREPARE = """
from access.registry import call, system_caller
from base import here
from clusters.queries import find_cluster
from services.models import Service
me = system_caller("bench")
document = {"family": "bench", "containerDefinitions": [{"name": "bench", "image": "bench:1", "memory": 16}]}
call("register_task_definition", me, document=document)
for number in range(4):
    call("create_service", me, service_name=f"own-{number}", task_definition="bench", desired_count=0)
owner = find_cluster("default")
names = [f"service-{number:04}" for number in range(1000 - 4)]
Service.objects.bulk_create(
    Service(cluster=owner, name=name, arn=here.service_arn("default", name), deployment_configuration={})
    for name in names
)
"""


def ask(operation: str, ecs: Any, client: int, number: int) -> None:
    if operation == "describe_clusters":
        ecs.describe_clusters(clusters=["default"])
    elif operation == "list_services":
        ecs.list_services(maxResults=100)
    elif operation == "register_task_definition":
        container = {"name": "bench", "image": f"bench:{number}", "memory": 16}
        ecs.register_task_definition(family=f"bench-{client}", containerDefinitions=[container])
    else:
        # Another value each time, and nothing to start: what is measured is the call.
        ecs.update_service(service=f"own-{client}", healthCheckGracePeriodSeconds=number % 1000)


def answers(url: str) -> dict[str, str]:
    """What the server answers to one call of each operation: by X-Amz-Target, the body."""
    import boto3

    found: dict[str, str] = {}
    ecs = boto3.Session(KEY, SECRET, region_name="us-east-1").client("ecs", endpoint_url=url)

    def keep(operation_model: Any, response_dict: Any, **more: Any) -> None:
        prefix = operation_model.service_model.metadata["targetPrefix"]
        found[f"{prefix}.{operation_model.name}"] = response_dict["body"].decode()

    ecs.meta.events.register("before-parse.ecs", keep)
    for operation in AIMS:
        ask(operation, ecs, 0, 0)
    return found


def calls(urls: Mapping[str, str], operation: str, client: int, rounds: int, ready: Any, found: Any) -> None:
    """One client's work; puts how many calls it finished in each slice, of the floor and of the operation."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(KEY, SECRET, region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    ecs = {name: session.client("ecs", endpoint_url=url, config=once) for name, url in urls.items()}
    done = dict.fromkeys(urls, 0)
    for name in (*["floor"] * WARM, *["own"] * WARM):
        ask(operation, ecs[name], client, done[name])
        done[name] += 1
    slices = []
    for _ in range(rounds):
        for name in urls:
            ready.wait()
            before, end = done[name], time.perf_counter() + SLICE
            while time.perf_counter() < end:
                ask(operation, ecs[name], client, 1000 + done[name])
                done[name] += 1
            slices.append(done[name] - before)
    found.put(slices)


def processor(processes: Sequence[subprocess.Popen[Any]]) -> float:
    """Seconds of processor time that the processes' threads have taken; to the nanosecond, not in ticks."""
    threads = [file for one in processes for file in Path(f"/proc/{one.pid}/task").glob("*/schedstat")]
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


@dataclass(frozen=True)
class Measured:
    """Calls a second of all clients together, of the floor and of the operation, by round; milliseconds of the servers'
    processor time for each call."""

    floor: list[float]
    own: list[float]
    cpu: float

    @property
    def ratio(self) -> float:
        return statistics.median(own / floor for own, floor in zip(self.own, self.floor, strict=True))


def measured(
    urls: Mapping[str, str],
    operation: str,
    clients: int,
    rounds: int,
    servers: Sequence[subprocess.Popen[Any]],
) -> Measured:
    before = processor(servers)
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(clients), context.Queue()
    workers = [
        context.Process(target=calls, args=(urls, operation, number, rounds, ready, found))
        for number in range(clients)
    ]
    for one in workers:
        one.start()
    slices = [found.get(timeout=2 * rounds * SLICE + 120) for _ in workers]
    for one in workers:
        one.join()
    total = [sum(counts) for counts in zip(*slices, strict=True)]
    floor, own = ([count / SLICE for count in total[first::2]] for first in (0, 1))
    taken = processor(servers) - before
    return Measured(floor, own, 1000 * taken / (sum(total[1::2]) + WARM * clients))


def on_socket(
    count: int, port: int, command: Callable[[int, int], Sequence[str]], environment: Mapping[str, str]
) -> list[subprocess.Popen[Any]]:
    """Processes that share a listening socket, as the supervisor's web processes do. `command`: of a process's number,
    from 1, and the socket's descriptor."""
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        shared = listener.fileno()
        return [
            subprocess.Popen(command(number, shared), pass_fds=[shared], cwd=ROOT, env=dict(environment))
            for number in range(1, count + 1)
        ]


class Web(WebServer):
    """As many web processes as an installation runs; none is `process`, which is one alone."""

    def __init__(self, count: int) -> None:
        super().__init__({"SLIPWAY_ADMIN_ACCESS_KEY_ID": KEY, "SLIPWAY_ADMIN_SECRET_ACCESS_KEY": SECRET})
        self.count = count
        self.processes: list[subprocess.Popen[Any]] = []

    def start(self, seconds: float = 180.0) -> None:
        self.manage("prepare")

        def command(number: int, listener: int) -> Sequence[str]:
            return specs.web(number, listener, several=self.count > 1).command

        self.processes = on_socket(self.count, self.port, command, self.environment)
        until(lambda: self.http_status("/api/v1/") == 200, "the web processes answer", seconds)


def redis(home: Path) -> subprocess.Popen[bytes]:
    """As the supervisor runs it: on the home's socket, everything in an append-only file."""
    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(folder / "redis.sock"),
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
    ]
    return subprocess.Popen(["redis-server", *options, "--loglevel", "warning"], stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of each operation, and as many of the floor"
    )
    options = parser.parse_args()
    port, count = free_port(), min(4, os.cpu_count() or 1)
    server = Web(count)
    results: dict[str, Any] = {"processes": count}
    null: list[subprocess.Popen[Any]] = []
    broker = redis(server.home)
    try:
        server.start()
        server.python(PREPARE)
        fixed = json.dumps(answers(server.url))
        null = on_socket(
            count,
            port,
            lambda number, listener: (sys.executable, "-c", NULL, fixed, str(listener)),
            os.environ,
        )
        until(lambda: listens(port), "the null servers answer")
        urls = {"floor": f"http://127.0.0.1:{port}", "own": server.url}
        rounds = max(1, round(options.seconds / SLICE))
        for clients in (1, 4):
            print(f"{clients} client(s), load {os.getloadavg()[0]:.1f}")
            for operation, aim in AIMS.items():
                found = measured(urls, operation, clients, rounds, server.processes)
                rate, floor = statistics.median(found.own), statistics.median(found.floor)
                told = f"{found.ratio:.2f} x the floor of {floor:.0f} (aim {aim}), cpu {found.cpu:.2f} ms"
                print(f"  {operation:26} {rate:6.0f} calls/s  {told}", flush=True)
                results[f"{operation}/{clients}"] = {
                    "rate": round(rate, 1),
                    "floor": round(floor, 1),
                    "ratio": round(found.ratio, 3),
                    "cpu_ms": round(found.cpu, 3),
                }
    finally:
        for process in (*null, *server.processes, broker):
            process.terminate()
            process.wait()
        server.remove()
    print(json.dumps(results))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
