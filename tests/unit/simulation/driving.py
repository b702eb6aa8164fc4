"""Driving a task: claim, observe, ask for the next step, do it a moment later, write it down. A worker may die between
any two of these, or outlive its lease."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.scheduler.exits import exit_cause
from services.scheduler.lifecycle import next_step
from services.scheduler.model import Status, StopCode
from services.scheduler.task_model import (
    Advance,
    ContainerFacts,
    Fail,
    Pull,
    RemoveAll,
    Settle,
    Start,
    StartPause,
    Step,
    Stop,
    TaskFacts,
    Wait,
)
from tests.unit.simulation.engines import Engines
from tests.unit.simulation.records import NEVER, Container, Host, Seen, TaskRow

STEADY = 40.0  # seconds


class Driving(Engines):
    def drive(self, key: str) -> None:
        task, owner = self.live.get(key), self.serial("w")
        if task is not None and task.due.claim(self.now, owner):
            self._look(task, owner, Seen())

    def _look(self, task: TaskRow, owner: str, seen: Seen) -> None:
        """Observe and decide; what was decided is done a moment later, when the world may have moved on."""
        if self.dies():
            return
        host = self.hosts[task.host]
        if not host.reachable:
            self._rest(task, owner, self.now + timedelta(seconds=3))
            return
        self._observe(task, host)
        seen.at = self.now
        step = next_step(self.facts(task, seen), self.now)
        if isinstance(step, Wait):
            self._rest(task, owner, step.until)
            return
        before = task.status
        self.after(self.work_seconds(), lambda: self._do(task, owner, seen, step, before))

    def _do(self, task: TaskRow, owner: str, seen: Seen, step: Step, before: Status) -> None:
        host = self.hosts[task.host]
        if self.dies() or (isinstance(step, Advance) and task.status is not before):
            return
        if not host.reachable and not isinstance(step, Advance | Fail | Pull):
            self._rest(task, owner, self.now + timedelta(seconds=3))
            return
        if not self._carry_out(task, host, seen, step) or self.dies():
            return
        if isinstance(step, Stop):
            self._rest(task, owner, self.now + timedelta(seconds=2))
        elif task.status is not Status.STOPPED and task.due.renew(self.now, owner):
            self._look(task, owner, seen)

    def _rest(self, task: TaskRow, owner: str, until: datetime | None) -> None:
        if task.due.release(self.now, owner, until):
            self.later(task.due, self.drive, task.id)
        elif task.due.renew(self.now, owner):
            task.due.wake_at = None
            self._look(task, owner, Seen())

    def _observe(self, task: TaskRow, host: Host) -> None:
        for name in task.noted:
            found = host.containers.get((task.id, name))
            forgotten = found is not None and found.status == "created" and task.noted[name] != "created"
            task.noted[name] = "gone" if found is None or forgotten else found.status  # type: ignore[assignment]
            if found is not None and found.status == "exited":
                task.exits[name] = (found.exit_code, found.finished_at)
            if found is not None and name == "app" and task.health != found.health:
                task.health = found.health
                self.wake_service(task.service)

    def facts(self, task: TaskRow, seen: Seen) -> TaskFacts:
        revision = self.services[task.service].revisions[task.revision]
        code, finished = task.exits.get("app", (None, None))
        app = ContainerFacts(
            "app",
            has_health_check=revision.checks_health,
            stop_timeout=5,
            pulled=seen.pulled or "app" in task.noted,
            observed=task.noted.get("app"),
            exit_code=code,
            health=task.health,
            finished_at=finished,
            start_error=seen.start_error,
        )
        return TaskFacts(
            status=task.status,
            desired="RUNNING" if task.desired == "RUNNING" else "STOPPED",
            containers=(app,),
            created_at=task.created_at,
            needs_pause=self.needs_pause(task),
            pause=task.noted.get("pause"),
            stop_code=task.code,
            stop_reason=task.reason,
            removed=seen.removed,
            seen_at=seen.at,
            settles_at=self._settles_at(task),
        )

    def _settles_at(self, task: TaskRow) -> datetime | None:
        if task.healthy_at is not None or task.started_at is None or self.checked(task):
            return None
        return task.started_at + timedelta(seconds=STEADY)

    def needs_pause(self, task: TaskRow) -> bool:
        return task.revision.endswith(("0", "5"))

    def _carry_out(self, task: TaskRow, host: Host, seen: Seen, step: Step) -> bool:
        """False where the worker has to leave the task alone."""
        self.say("    ", task.id, task.status, step)
        match step:
            case Advance(status):
                return self._advance(task, status)
            case Fail(code, reason):
                self.ask_to_stop(task, code, reason)
            case Pull():
                seen.pulled = True
            case StartPause():
                self._start(task, host, "pause", seen)
            case Start():
                if task.desired == "RUNNING":  # asked again: a stop may have been decided meanwhile
                    self._start(task, host, "app", seen)
            case Settle():
                if task.desired == "RUNNING":
                    task.healthy_at = self.now
                    self.wake_service(task.service)
            case Stop():
                found = host.containers.get((task.id, "app"))
                if found is not None and found.status == "running":
                    found.exit_code, found.next_at = (
                        143,
                        self.now + timedelta(seconds=self.random.choice([0.1, 4])),
                    )
            case RemoveAll():
                for key in [key for key in host.containers if key[0] == task.id]:
                    del host.containers[key]
                seen.removed = True
            case _:
                raise AssertionError(f"unexpected {step}")
        return True

    def _start(self, task: TaskRow, host: Host, name: str, seen: Seen) -> None:
        """Deterministic names: "exists" and "started" are successes. A worker may die before it notes what it did."""
        made = host.containers.setdefault((task.id, name), Container(task.id, name))
        if self.dies():
            return
        if name == "app" and task.fate == "fails to start":
            seen.start_error = "no such file"
        elif made.status == "created":
            made.status, made.started_at = "running", self.now
            made.next_at = self.now + self._first_move(task, name)
        if not self.dies():
            task.noted[name] = made.status  # type: ignore[assignment]

    def _first_move(self, task: TaskRow, name: str) -> timedelta:
        if name == "pause" or (task.fate == "good" and not self.checked(task)):
            return NEVER
        return timedelta(seconds=self.random.choice([2, 5, 20]))

    def _advance(self, task: TaskRow, status: Status) -> bool:
        assert status.order > task.status.order, "rule 3: a status moves back"
        task.status = status
        if status is Status.RUNNING:
            task.started_at = self.now
        if status is Status.STOPPING:
            task.stopping_at = self.now
        if status is Status.STOPPED:
            assert task.code is not None and task.reason, "rule 3: it ends without a code or a reason"
            task.failed = task.failed or self._is_to_blame(task)
            task.stopped_at, task.desired = self.now, "STOPPED"
            del self.live[task.id]
        if status in (Status.RUNNING, Status.DEPROVISIONING, Status.STOPPED):
            self.wake_service(task.service)
        return status is not Status.STOPPED

    def ask_to_stop(self, task: TaskRow, code: StopCode, reason: str, *, failed: bool = False) -> None:
        """The first reason stays."""
        if task.desired == "RUNNING":
            task.desired, task.code, task.reason, task.failed = "STOPPED", code, reason, failed
            self.wake_service(task.service)
            self.wake_task(task.id)

    def _is_to_blame(self, task: TaskRow) -> bool:
        if task.healthy_at is not None or task.code not in ("TaskFailedToStart", "EssentialContainerExited"):
            return False
        outage = self.hosts[task.host].outage
        code, finished = task.exits.get("app", (None, None))
        if task.code == "TaskFailedToStart":
            code, finished = 1, task.stopping_at
        at = finished or self.now
        return exit_cause(exit_code=code, oom=False, at=at, outages=[outage] if outage else []) == "app"
