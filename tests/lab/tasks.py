"""Standalone tasks on a real engine, driven in this process: no broker, no worker, no watcher.

What the watcher and the queue do is to call the driver again; here it is called every moment.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache

from access.registry import system_caller
from base import jobs_by_name, live
from clusters import engines
from clusters.engine.port import Engine
from clusters.engines import engine_of, forget
from clusters.jobs import probe_instance
from clusters.models import ContainerInstance
from clusters.operations import ensure_defaults
from services import definitions, task_operations
from services.control import effects, logs, observe
from services.control.driver import drive
from services.models import Task, TaskContainer, TaskDefinition
from telemetry.models import LogEvent

from . import images
from .leftovers import remove_all

CALLER = system_caller("test")
EVERY = 0.1  # seconds between two looks


class TaskLab:
    """An instance registered in the cluster `default`, and what runs on it. See `task_lab`."""

    def __init__(self, url: str) -> None:
        self.url = url
        instance = ensure_defaults(url)
        assert instance is not None
        assert probe_instance(instance.pk), "the engine does not answer"
        self.instance = ContainerInstance.objects.select_related("cluster").get(pk=instance.pk)
        self.engine: Engine = engine_of(self.instance)

    # ---- tasks -----------------------------------------------------------------------------------

    def register(self, *containers: Mapping[str, Any], family: str = "lab", **document: Any) -> str:
        document = {"family": family, "containerDefinitions": list(containers), **document}
        return str(definitions.register_task_definition(CALLER, document=document))

    def start(self, definition: str) -> str:
        """The id of a task that was accepted; nothing has been done for it yet."""
        answer = task_operations.run_task(CALLER, task_definition=definition)
        assert not answer.failures, answer.failures
        return str(answer.tasks[0].pk)

    def refused(self, definition: str) -> str:
        """Why no task of this definition is started."""
        answer = task_operations.run_task(CALLER, task_definition=definition)
        assert not answer.tasks
        return answer.failures[0]

    def run(self, *containers: Mapping[str, Any], seconds: float = 60.0, **document: Any) -> Task:
        """Register a definition of these containers and run it; the task once it is RUNNING."""
        return self.until(self.start(self.register(*containers, **document)), "RUNNING", seconds)

    def until(self, task: Task | str, status: str, seconds: float = 60.0) -> Task:
        """Drive the task until it has this status; it must not end before."""
        return self.drive_until(task, lambda row: row.status == status, f"is {status}", seconds)

    def drive_until(
        self, task: Task | str, happened: Callable[[Task], object], what: str, seconds: float = 60.0
    ) -> Task:
        key = task if isinstance(task, str) else task.pk
        deadline = time.monotonic() + seconds
        while True:
            drive(key)
            row = observe.load(key)
            if happened(row):
                return row
            story = f"task {row.status} ({row.stop_code}: {row.stopped_reason})"
            assert row.status != "STOPPED", f"{story}, before it {what}"
            assert time.monotonic() < deadline, f"{story}: not within {seconds} s that it {what}"
            time.sleep(EVERY)

    def stop(self, task: Task, seconds: float = 60.0) -> Task:
        task_operations.stop_task(CALLER, task=task.pk)
        return self.until(task, "STOPPED", seconds)

    # ---- their containers --------------------------------------------------------------------------

    def row(self, task: Task, name: str) -> TaskContainer:
        return TaskContainer.objects.get(task=task, name=name)

    def inspect(self, task: Task, name: str = "") -> dict[str, Any]:
        """docker inspect of this container; of the pause container without a name."""
        return inspect(self.row(task, name).runtime_id if name else task.pause_id)

    def sh(self, task: Task, name: str, script: str) -> str:
        """What this line of shell prints inside; AssertionError where it fails."""
        code, output = self.attempt(task, name, script)
        assert code == 0, f"{script}: {code}, {output}"
        return output

    def attempt(self, task: Task, name: str, script: str) -> tuple[int, str]:
        """(exit code, output) of a line of shell inside."""
        code, output = self.engine.top_exec(
            self.row(task, name).runtime_id, ("/bin/sh", "-c", script), timeout=40
        )
        return code, output.strip()

    def collect(self, task: Task) -> list[str]:
        """The lines kept of this task, after a look at its containers."""
        logs.collect(observe.load(task.pk), self.engine)
        return self.kept(task)

    def kept(self, task: Task) -> list[str]:
        events = LogEvent.objects.filter(stream__task_id=task.pk).order_by("at", "id")
        return list(events.values_list("message", flat=True))

    def rewrite(self, definition: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change a registered document, for what registration does not allow because it is for people."""
        family, _, revision = definition.rpartition("/")[2].partition(":")
        row = TaskDefinition.objects.get(family__name=family, revision=revision)
        change(row.document)
        row.save(update_fields=["document"])

    def close(self) -> None:
        remove_all(self.engine)
        forget(self.instance)


def inspect(container: str) -> dict[str, Any]:
    """What the engine says of this container, by the docker command line."""
    done = subprocess.run(["docker", "inspect", container], check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found[0]


def within(seconds: float, happened: Callable[[], Any], what: str) -> Any:
    """What `happened` answers, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(EVERY)
    return found


@contextmanager
def task_lab(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLab]:
    """A TaskLab on the engine at `url`, on the test's database; whatever it made on the engine is removed."""
    monkeypatch.setattr(jobs_by_name, "send", lambda name, *args, delay=0.0: None)
    monkeypatch.setattr(live, "_send", lambda topics: None)
    monkeypatch.setattr(engines, "_open", {})
    monkeypatch.setattr(effects, "_seen_images", {})
    monkeypatch.setattr(effects, "_known_networks", set())
    cache.clear()
    made = TaskLab(url)
    images.ensure_all(made.engine)
    try:
        yield made
    finally:
        made.close()
