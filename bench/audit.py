"""The audit trail: what sealing costs the writers, and how fast a trail is sealed, verified, searched and exported.

    python bench/audit.py [--records 300] [--samples 5] [--writers 4] [--trail 20000]

Writers in threads write audit records, each in a transaction of its own; in turn without a sealer, and with one that
seals whatever is there every quarter of a second, as the job does. Then a trail of N records is sealed, verified,
searched and exported. A SQLite database of its own, or an empty one in DATABASE_URL. The last line is one JSON object:
`ratio` is the median time with the chain over the one without, from the same run.
"""

# ruff: noqa: E402 - Django is set up for a home of its own before anything of it is imported
from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
os.environ.update(
    SLIPWAY_HOME=str(HOME),
    DJANGO_SETTINGS_MODULE="console.settings",
    SLIPWAY_LOG_LEVEL="ERROR",
    SLIPWAY_ADMIN_PASSWORD="bench-" + os.urandom(9).hex(),
)
sys.path.insert(0, str(ROOT))

import django

django.setup()

from django.core.management import call_command
from django.db import connection, connections, transaction

from access.registry import system_caller
from access.trail import audit, chain, verification
from access.trail.models import AuditRecord
from access.trail.search import export_audit_trail, lookup_events
from base import here, jobs_by_name


def record(number: int) -> AuditRecord:
    """About what an UpdateService leaves."""
    return AuditRecord(
        face="rest",
        operation="update_service",
        action="ecs:UpdateService",
        actor_arn=here.user_arn(f"user-{number % 50}"),
        actor_name=f"user-{number % 50}",
        source_ip="10.0.0.1",
        user_agent="bench",
        mfa=False,
        request_id=f"{number:032x}",
        resource=here.service_arn("default", f"web-{number % 200}"),
        resources=[here.service_arn("default", f"web-{number % 200}")],
        result="success",
        parameters={"service": f"web-{number % 200}", "desired_count": number, "task_definition": "web:12"},
        changes=[{"field": "desiredCount", "before": number, "after": number + 1}],
    )


def write(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            audit.write(record(number))
    connections.close_all()


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def writers(count: int, threads: int) -> None:
    started = [threading.Thread(target=write, args=(count,)) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def sealed_writers(count: int, threads: int) -> None:
    """The same while a sealer does what the job does."""
    writing = threading.Event()

    def sealer() -> None:
        while not writing.wait(0.25):
            chain.seal()
        connections.close_all()

    beside = threading.Thread(target=sealer)
    beside.start()
    try:
        writers(count, threads)
    finally:
        writing.set()
        beside.join()


def fill(count: int) -> None:
    for first in range(0, count, 1000):
        AuditRecord.objects.bulk_create(
            [record(first + number) for number in range(min(1000, count - first))]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=300, help="by each writer")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--trail", type=int, default=20_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    jobs_by_name.send = lambda *args, **more: None  # the sealer here is a thread
    without: list[float] = []
    sealed: list[float] = []
    for sample in range(options.samples):
        without.append(timed(lambda: writers(options.records, options.writers)))
        chain.seal()
        sealed.append(timed(lambda: sealed_writers(options.records, options.writers)))
        chain.seal()
        print(f"{sample + 1:3}  without {without[-1]:.2f}  with {sealed[-1]:.2f}", flush=True)
    fill(options.trail)
    me = system_caller("bench")
    seconds = {"seal": timed(chain.seal)}
    whole = verification.verify()
    assert whole.whole, whole.problems
    total = AuditRecord.objects.count()
    seconds["verify"] = timed(verification.verify)
    seconds["export"] = timed(lambda: sum(len(piece) for piece in export_audit_trail(me)))
    seconds["page"] = timed(lambda: list(lookup_events(me)[:51]))
    seconds["page_of_actor"] = timed(lambda: list(lookup_events(me, actor="user-7")[:51]))
    seconds["page_of_resource"] = timed(
        lambda: list(lookup_events(me, resource_prefix=here.service_arn("default", "web-19"))[:51])
    )
    seconds["text_found_nowhere"] = timed(lambda: list(lookup_events(me, text="no such words")[:51]))
    median = statistics.median
    print(
        json.dumps(
            {
                "bench": "audit",
                "database": connection.vendor,
                "ratio": round(median(sealed) / median(without), 3),
                "records_per_second": round(options.records * options.writers / median(sealed)),
                "trail": total,
                "per_second": {
                    "seal": round(options.trail / seconds["seal"]),
                    "verify": round(total / seconds["verify"]),
                    "export": round(total / seconds["export"]),
                },
                "milliseconds": {
                    name: round(value * 1000, 1)
                    for name, value in seconds.items()
                    if name.startswith(("page", "text"))
                },
                "samples": {
                    "without": [round(value, 3) for value in without],
                    "with": [round(value, 3) for value in sealed],
                },
            }
        )
    )


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
