"""The AWS face beside a server that answers one fixed body: what a call costs beyond the client's own work.

    python bench/api.py --seconds 5

boto3 clients (one, and four processes) against as many web processes as an installation on this machine runs (one a
core, at most four): describe_clusters, list_services with 1,000
services, register_task_definition, update_service. Signature, authorization, audit, durable commit, messages to Redis
included. The floor is the same client against as many processes of uvicorn answering a fixed JSON body, measured
before and after each operation, since the machine's other users come and go. Each figure is calls a second over the
whole of `--seconds`; ratios are to the mean of the two floors beside it. `cpu`: milliseconds of processor time of the
web processes for each call, which tells more on a machine that is shared. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

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
NULL = """
import socket, sys, uvicorn
BODY = b'{"clusters":[],"failures":[]}'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": BODY})
config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
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
    if operation in ("floor", "describe_clusters"):
        ecs.describe_clusters(clusters=["default"])
    elif operation == "list_services":
        ecs.list_services(maxResults=100)
    elif operation == "register_task_definition":
        container = {"name": "bench", "image": f"bench:{number}", "memory": 16}
        ecs.register_task_definition(family=f"bench-{client}", containerDefinitions=[container])
    else:
        # Another value each time, and nothing to start: what is measured is the call.
        ecs.update_service(service=f"own-{client}", healthCheckGracePeriodSeconds=number % 1000)


def calls(url: str, operation: str, client: int, seconds: float, ready: Any, found: Any) -> None:
    """One client's work; puts how many calls it finished."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(KEY, SECRET, region_name="us-east-1")
    ecs = session.client("ecs", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    for number in range(WARM):
        ask(operation, ecs, client, number)
    ready.wait()
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        ask(operation, ecs, client, 1000 + done)
        done += 1
    found.put(done)


def processor(processes: Sequence[subprocess.Popen[Any]]) -> float:
    """Seconds of processor time that the processes' threads have taken; to the nanosecond, not in ticks."""
    threads = [file for one in processes for file in Path(f"/proc/{one.pid}/task").glob("*/schedstat")]
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


def rate(
    url: str, operation: str, clients: int, seconds: float, servers: Sequence[subprocess.Popen[Any]]
) -> tuple[float, float]:
    """Calls a second of all clients together, and milliseconds of the servers' processor time for each."""
    before = processor(servers)
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(clients), context.Queue()
    workers = [
        context.Process(target=calls, args=(url, operation, number, seconds, ready, found))
        for number in range(clients)
    ]
    for one in workers:
        one.start()
    total = sum(found.get(timeout=seconds + 120) for _ in workers)
    for one in workers:
        one.join()
    return total / seconds, 1000 * (processor(servers) - before) / (total + WARM * clients)


def on_socket(
    count: int, port: int, command: Sequence[str], environment: Mapping[str, str]
) -> list[subprocess.Popen[Any]]:
    """Processes that share a listening socket, as the supervisor's web processes do."""
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        shared = listener.fileno()
        return [
            subprocess.Popen([*command, str(shared)], pass_fds=[shared], cwd=ROOT, env=dict(environment))
            for _ in range(count)
        ]


class Web(WebServer):
    """As many web processes as an installation runs; none is `process`, which is one alone."""

    def __init__(self, count: int) -> None:
        super().__init__({"SLIPWAY_ADMIN_ACCESS_KEY_ID": KEY, "SLIPWAY_ADMIN_SECRET_ACCESS_KEY": SECRET})
        self.count = count
        self.processes: list[subprocess.Popen[Any]] = []

    def start(self, seconds: float = 180.0) -> None:
        self.manage("prepare")
        command = [sys.executable, "-m", "console.run.web", "--fd"]
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
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options = parser.parse_args()
    port, count = free_port(), min(4, os.cpu_count() or 1)
    null = on_socket(count, port, [sys.executable, "-c", NULL], os.environ)
    server = Web(count)
    results: dict[str, Any] = {"processes": count}
    broker = redis(server.home)
    try:
        server.start()
        server.python(PREPARE)
        until(lambda: answers(port), "the null servers answer")
        for clients in (1, 4):
            floor, own = rate(f"http://127.0.0.1:{port}", "floor", clients, options.seconds, null)
            print(f"{clients} client(s), load {os.getloadavg()[0]:.1f}: the floor's own cpu {own:.2f} ms")
            for operation, aim in AIMS.items():
                before = floor
                found, cpu = rate(server.url, operation, clients, options.seconds, server.processes)
                floor, _ = rate(f"http://127.0.0.1:{port}", "floor", clients, options.seconds, null)
                ratio = found / ((before + floor) / 2)
                told = (
                    f"{ratio:.2f} x the floor of {before:.0f} and {floor:.0f} (aim {aim}), cpu {cpu:.2f} ms"
                )
                print(f"  {operation:26} {found:6.0f} calls/s  {told}", flush=True)
                results[f"{operation}/{clients}"] = {
                    "rate": round(found, 1),
                    "floor": [round(before, 1), round(floor, 1)],
                    "ratio": round(ratio, 3),
                    "cpu_ms": round(cpu, 3),
                }
    finally:
        for process in (*null, *server.processes, broker):
            process.terminate()
            process.wait()
        server.remove()
    print(json.dumps(results))


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
