"""What the benchmark does with Django set up for one home: `python -m bench.scaled.inside DEED ARGUMENTS` in the
installation's environment. Prints one JSON value."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django


def load(folder: str, hosts: int, services: int, tasks: int) -> list[Any]:
    """Rows of a steady installation; answers the containers that its engines are to hold."""
    from bench.scaled import rows
    from clusters.operations import ensure_defaults

    ensure_defaults()
    keys = rows.instances(Path(folder), hosts)
    return rows.services(rows.define(), 0, services, tasks, keys)


def queries(path: str) -> int:
    """Statements from one container's death to its replacement being started, everything counted: the event, the
    dead task's driver, the plan, the new task's driver. No process of the installation runs meanwhile."""
    from bench.scaled.control import Control
    from clusters.engine.port import EngineEvent
    from clusters.engines import engine_of
    from services.control import driver, reconcile
    from services.control.standing import take_event
    from services.models import Service, Task, TaskContainer

    service = Service.objects.filter(name="scale0").get()
    victim = Task.objects.select_related("instance").filter(service=service, status="RUNNING").first()
    assert victim is not None and victim.instance is not None
    row = TaskContainer.objects.get(task=victim)
    number = int(victim.instance.engine_id.removeprefix("SCALE"))
    since = Control(path).die(number, row.runtime_id)
    engine_of(victim.instance)
    from datetime import UTC, datetime

    labels = {"com.amazonaws.ecs.task-arn": victim.arn}
    event = EngineEvent(datetime.fromtimestamp(since, UTC), "die", row.runtime_id, row.name, labels, 1, None)
    with _counted() as seen:
        take_event(event)
        driver.drive(victim.pk)
        reconcile.reconcile(service.pk)
        for key in Task.objects.filter(service=service, status="PROVISIONING").values_list("pk", flat=True):
            driver.drive(key)
    assert Control(path).starts(since), "the replacement was not started"
    return len(seen)


@contextmanager
def _counted() -> Iterator[list[str]]:
    from django.db import connection

    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def sweep() -> dict[str, float]:
    """One sweep of the whole installation: seconds, and statements."""
    from services.control.sweep import sweep as once

    once()
    with _counted() as seen:
        began = time.perf_counter()
        once()
        return {"seconds": round(time.perf_counter() - began, 4), "queries": len(seen)}


def place(count: int) -> dict[str, float]:
    """Ask for `count` tasks; seconds until all of them have their place."""
    from access.registry import system_caller
    from services.models import Task
    from services.operations import create_service

    began = time.time()
    create_service(
        system_caller("bench"), service_name="placed", task_definition="scale", desired_count=count
    )
    while Task.objects.filter(service__name="placed").count() < count:
        time.sleep(0.05)
    return {"asked": began, "placed": round(time.time() - began, 2)}


def main() -> None:
    django.setup()
    from base import jobs_by_name

    deed, *given = sys.argv[1:]
    arguments = [int(one) if one.isdigit() else one for one in given]
    if deed in ("load", "queries"):  # nothing listens yet
        jobs_by_name.send = lambda *_, **__: None  # type: ignore[assignment]
    print(json.dumps({"load": load, "queries": queries, "sweep": sweep, "place": place}[deed](*arguments)))  # type: ignore[operator]


if __name__ == "__main__":
    main()
