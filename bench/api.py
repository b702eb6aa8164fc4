"""The AWS face beside a server that answers one fixed body: what a call costs beyond the client's own work.

    python bench/api.py --seconds 5

boto3 clients (one, and four processes) against a running web process: describe_clusters, list_services with 1,000
services, register_task_definition, update_service. Signature, authorization, audit and durable commit included. The
floor is the same client against uvicorn answering a fixed JSON body. Each figure is calls a second over the whole of
`--seconds`; ratios are to the floor with as many clients. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.lab.installation import free_port, until
from tests.wire.server import WebServer

KEY, SECRET = "AKIASLIPWAYBENCH0001", "a-secret-for-a-benchmark-0123456789"
AIMS = {
    "describe_clusters": 0.5,
    "list_services": 0.5,
    "register_task_definition": 0.3,
    "update_service": 0.3,
}
NULL = """
import sys, uvicorn
BODY = b'{"clusters":[],"failures":[]}'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error", lifespan="off")
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
    for number in range(5):
        ask(operation, ecs, client, number)
    ready.wait()
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        ask(operation, ecs, client, 1000 + done)
        done += 1
    found.put(done)


def rate(url: str, operation: str, clients: int, seconds: float) -> float:
    """Calls a second of all clients together."""
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
    return total / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options = parser.parse_args()
    port = free_port()
    null = subprocess.Popen([sys.executable, "-c", NULL, str(port)])
    server = WebServer({"SLIPWAY_ADMIN_ACCESS_KEY_ID": KEY, "SLIPWAY_ADMIN_SECRET_ACCESS_KEY": SECRET})
    results: dict[str, Any] = {}
    try:
        server.start(180)
        server.python(PREPARE)
        until(lambda: answers(port), "the null server answers")
        for clients in (1, 4):
            floor = rate(f"http://127.0.0.1:{port}", "floor", clients, options.seconds)
            print(f"{clients} client(s): floor {floor:.0f} calls/s")
            for operation, aim in AIMS.items():
                found = rate(server.url, operation, clients, options.seconds)
                print(f"  {operation:26} {found:6.0f} calls/s  {found / floor:.2f} x the floor (aim {aim})")
                results[f"{operation}/{clients}"] = {
                    "rate": round(found, 1),
                    "ratio": round(found / floor, 3),
                }
            results[f"floor/{clients}"] = {"rate": round(floor, 1)}
    finally:
        null.terminate()
        null.wait()
        server.remove()
    print(json.dumps(results))


def answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
