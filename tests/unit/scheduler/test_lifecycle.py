"""One task's life: the next step for every situation, and whole lives played through."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.dependencies import blocked
from services.scheduler.lifecycle import next_step
from services.scheduler.model import Health, Status, StopCode
from services.scheduler.task_model import (
    Advance,
    Condition,
    ContainerFacts,
    Fail,
    Pull,
    RemoveAll,
    Restart,
    RestartPolicy,
    Settle,
    Start,
    StartPause,
    Step,
    Stop,
    TaskFacts,
    Wait,
)
from tests.unit.scheduler.build import NOW, T0, at

START, COMPLETE, SUCCESS, HEALTHY = Condition.START, Condition.COMPLETE, Condition.SUCCESS, Condition.HEALTHY


def box(name: str = "app", observed: Any = None, **more: Any) -> ContainerFacts:
    """A container whose image is there; started at 100 and ended at 200 where it did."""
    fields: dict[str, Any] = {"pulled": True, "observed": observed}
    if observed in ("running", "exited"):
        fields["started_at"] = at(100)
    if observed == "exited":
        fields |= {"finished_at": at(200), "exit_code": 0}
    fields |= more
    if "depends_on" in fields:
        fields["depends_on"] = tuple(fields["depends_on"].items())
    return ContainerFacts(name, **fields)


def facts(status: str, *containers: ContainerFacts, **more: Any) -> TaskFacts:
    fields: dict[str, Any] = {"desired": "RUNNING", "created_at": T0} | more
    return TaskFacts(status=Status(status), containers=containers or (box(),), **fields)


def step(status: str, *containers: ContainerFacts, **more: Any) -> Step:
    return next_step(facts(status, *containers, **more), NOW)


def stopping(status: str, *containers: ContainerFacts, **more: Any) -> Step:
    why = {"desired": "STOPPED", "stop_code": StopCode.USER_INITIATED, "stop_reason": "Task stopped by user"}
    return step(status, *containers, **(why | more))


# ---- up ----------------------------------------------------------------------------------------

WAY_UP: list[tuple[str, Step, Step]] = [
    ("images that are missing", step("PROVISIONING", box("a"), box("b", pulled=False)), Pull(("b",))),
    ("then the network", step("PROVISIONING", needs_pause=True), StartPause()),
    ("its container was created, the start was cut off", step("PROVISIONING", needs_pause=True, pause="created"), StartPause()),
    ("then on", step("PROVISIONING", needs_pause=True, pause="running"), Advance(Status.PENDING)),
    ("no network of its own", step("PROVISIONING"), Advance(Status.PENDING)),
    ("all at once", step("PENDING", box("a"), box("b")), Start(("a", "b"))),
    ("created, the start was cut off", step("PENDING", box("a", "created")), Start(("a",))),
    ("all run", step("PENDING", box("a", "running")), Advance(Status.RUNNING)),
    ("a load balancer must know", step("PENDING", box("a", "running"), needs_registration=True), Advance(Status.ACTIVATING)),
    ("it does not yet", step("ACTIVATING", box("a", "running"), needs_registration=True), Wait(None, "Waiting to be registered with its load balancer.")),
    ("it does", step("ACTIVATING", box("a", "running"), needs_registration=True, registered=True), Advance(Status.RUNNING)),
    ("nothing to do", step("RUNNING", box("a", "running")), Wait()),
    ("a helper that ended", step("RUNNING", box("a", "running"), box("b", "exited", essential=False)), Wait()),
    ("not long enough", step("RUNNING", box("a", "running"), settles_at=at(1001), seen_at=NOW), Wait(at(1001))),
    ("long enough", step("RUNNING", box("a", "running"), settles_at=NOW, seen_at=NOW), Settle()),
    ("not looked at since", step("RUNNING", box("a", "running"), settles_at=at(999), seen_at=at(998)), Wait(at(999))),
    ("stopped is the end", step("STOPPED", box("a", "exited")), Wait()),
]  # fmt: skip


@pytest.mark.parametrize(("what", "actual", "expected"), WAY_UP, ids=[w[0] for w in WAY_UP])
def test_way_up(what: str, actual: Step, expected: Step) -> None:
    assert actual == expected


# ---- dependsOn ---------------------------------------------------------------------------------


def app(**conditions: Condition) -> ContainerFacts:
    return box("app", depends_on=conditions)


WAITS: list[tuple[str, Step, Step]] = [
    ("START: not yet", step("PENDING", app(db=START), box("db")), Start(("db",))),
    ("START", step("PENDING", app(db=START), box("db", "running")), Start(("app",))),
    ("START: it ended already, but it was started", step("PENDING", app(db=START), box("db", "exited", essential=False)), Start(("app",))),
    ("COMPLETE: runs", step("PENDING", app(job=COMPLETE), box("job", "running", essential=False)), Wait(None, "Container app waits for job to complete.")),
    ("COMPLETE", step("PENDING", app(job=COMPLETE), box("job", "exited", exit_code=3, essential=False)), Start(("app",))),
    ("SUCCESS: runs", step("PENDING", app(job=SUCCESS), box("job", "running", essential=False)), Wait(None, "Container app waits for job to complete successfully.")),
    ("SUCCESS", step("PENDING", app(job=SUCCESS), box("job", "exited", essential=False)), Start(("app",))),
    ("HEALTHY: unknown", step("PENDING", app(db=HEALTHY), box("db", "running", has_health_check=True)), Wait(None, "Container app waits for db to become healthy.")),
    ("HEALTHY", step("PENDING", app(db=HEALTHY), box("db", "running", has_health_check=True, health=Health.HEALTHY)), Start(("app",))),
    ("a start timeout that runs", step("PENDING", app(db=HEALTHY), box("db", "running", has_health_check=True, start_timeout=950, started_at=at(100))), Wait(at(1050), "Container app waits for db to become healthy.")),
    ("a chain", step("PENDING", box("c", depends_on={"b": START}), box("b", depends_on={"a": START}), box("a")), Start(("a",))),
    ("a helper that can never start keeps nobody from RUNNING", step("PENDING", box("app", "running"), box("x", essential=False, depends_on={"job": SUCCESS}), box("job", "exited", exit_code=1, essential=False)), Advance(Status.RUNNING)),
    ("a helper that may still start keeps it PENDING", step("PENDING", box("app", "running"), box("x", essential=False, depends_on={"job": SUCCESS}), box("job", "running", essential=False)), Wait(None, "Container x waits for job to complete successfully.")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "actual", "expected"), WAITS, ids=[w[0] for w in WAITS])
def test_dependencies(what: str, actual: Step, expected: Step) -> None:
    assert actual == expected


def failed_to_start(reason: str, *own: tuple[str, str]) -> Fail:
    return Fail(StopCode.TASK_FAILED_TO_START, reason, own)


DEAD_ENDS: list[tuple[str, Step, str]] = [
    ("SUCCESS of one that failed", step("PENDING", app(job=SUCCESS), box("job", "exited", exit_code=1, essential=False)), "Container app could not start: dependency job exited with code 1 (SUCCESS required)"),
    ("HEALTHY of one that is not", step("PENDING", app(db=HEALTHY), box("db", "running", has_health_check=True, health=Health.UNHEALTHY)), "Container app could not start: dependency db became UNHEALTHY"),
    ("HEALTHY of one that ended", step("PENDING", app(db=HEALTHY), box("db", "exited", has_health_check=True, essential=False)), "Container app could not start: dependency db exited with code 0 (HEALTHY required)"),
    ("HEALTHY of one without a check", step("PENDING", app(db=HEALTHY), box("db", "running")), "Container app could not start: dependency db has no health check (HEALTHY required)"),
    ("one that could not start", step("PENDING", app(x=START), box("x", essential=False, start_error="no such file")), "Container app could not start: dependency x could not be started (no such file)"),
    ("one that could not be pulled", step("PENDING", app(x=START), box("x", essential=False, pulled=False, pull_error="denied")), "Container app could not start: dependency x could not be pulled (denied)"),
    ("one that is not there", step("PENDING", app(x=START)), "Container app could not start: dependency x is not a container of this task"),
    ("a circle", step("PENDING", box("a", depends_on={"b": START}), box("b", depends_on={"a": START})), "Container a could not start: its dependencies form a circle"),
    ("time out", step("PENDING", app(db=HEALTHY), box("db", "running", has_health_check=True, start_timeout=900, started_at=at(100))), "Container app could not start: dependency db did not reach HEALTHY within its start timeout of 900 seconds"),
    ("through another", step("PENDING", app(mid=START), box("mid", essential=False, depends_on={"job": SUCCESS}), box("job", "exited", exit_code=1, essential=False)), "Container app could not start: dependency mid cannot start (dependency job exited with code 1 (SUCCESS required))"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "actual", "reason"), DEAD_ENDS, ids=[d[0] for d in DEAD_ENDS])
def test_dead_ends_fail_the_task_at_once(what: str, actual: Step, reason: str) -> None:
    assert isinstance(actual, Fail)
    assert (actual.code, actual.reason) == (StopCode.TASK_FAILED_TO_START, reason)


def test_a_dependency_that_will_be_restarted_is_no_dead_end() -> None:
    policy = RestartPolicy(attempt_period=60)
    job = box("job", "exited", exit_code=1, essential=False, restart_policy=policy)
    assert step("PENDING", app(job=SUCCESS), job) == Restart(("job",))


def test_what_runs_already_is_never_blocked() -> None:
    running = box("app", "running", depends_on={"db": HEALTHY})
    assert blocked([running, box("db", "exited")], NOW) == {}


# ---- failures ----------------------------------------------------------------------------------


def exited(reason: str, *own: tuple[str, str]) -> Fail:
    return Fail(StopCode.ESSENTIAL_CONTAINER_EXITED, f"Essential container in task exited: {reason}", own)


OOM = "OutOfMemoryError: Container killed due to memory usage"
REMOVED = "The container was removed from the engine by someone else"

FAILURES: list[tuple[str, Step, Step]] = [
    ("exit", step("RUNNING", box("app", "exited", exit_code=1)), exited("app (exit code 1)")),
    ("even with 0", step("RUNNING", box("app", "exited")), exited("app (exit code 0)")),
    ("while PENDING", step("PENDING", box("app", "exited", exit_code=2), box("b")), exited("app (exit code 2)")),
    ("out of memory", step("RUNNING", box("app", "exited", exit_code=137, oom=True)), exited(f"app (exit code 137, {OOM})", ("app", OOM))),
    ("removed by someone", step("RUNNING", box("app", "gone")), exited("app (the container was removed)", ("app", REMOVED))),
    ("the first of two", step("RUNNING", box("a", "exited", exit_code=143), box("b", "exited", exit_code=1, finished_at=at(190))), exited("b (exit code 1)")),
    ("all helpers ended", step("RUNNING", box("a", "exited", essential=False)), exited("a (exit code 0)")),
    ("the network's container ended", step("RUNNING", box("app", "running"), needs_pause=True, pause="exited"), exited("the container that holds the task's network")),
    ("it ended with the container", step("RUNNING", box("app", "exited", exit_code=137, oom=True), needs_pause=True, pause="exited"), exited(f"app (exit code 137, {OOM})", ("app", OOM))),
    ("pull", step("PROVISIONING", box("app", pulled=False, pull_error="no such image x:1")), failed_to_start("CannotPullContainerError: no such image x:1", ("app", "CannotPullContainerError: no such image x:1"))),
    ("start", step("PENDING", box("app", "created", start_error="exec: not found")), failed_to_start("CannotStartContainerError: exec: not found", ("app", "CannotStartContainerError: exec: not found"))),
    ("network", step("PROVISIONING", resource_error="no free address"), failed_to_start("ResourceInitializationError: no free address")),
    ("a helper's image is missing: go on", step("PROVISIONING", box("app"), box("x", essential=False, pulled=False, pull_error="denied")), Advance(Status.PENDING)),
    ("a helper cannot start: go on", step("PENDING", box("app", "running"), box("x", "created", essential=False, start_error="no")), Advance(Status.RUNNING)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "actual", "expected"), FAILURES, ids=[f[0] for f in FAILURES])
def test_failures_say_what_happened(what: str, actual: Step, expected: Step) -> None:
    assert actual == expected


# ---- restart policy ----------------------------------------------------------------------------

RESTARTS: list[tuple[str, dict[str, Any], bool]] = [
    ("ran long enough", {"exit_code": 1}, True),
    ("exit code 0 too", {"exit_code": 0}, True),
    ("an ignored exit code", {"exit_code": 42}, False),
    ("ended too early", {"exit_code": 1, "finished_at": at(159)}, False),
    ("exactly the period", {"exit_code": 1, "finished_at": at(160)}, True),
    ("removed by someone", {"observed": "gone"}, False),
    ("could not be started again", {"exit_code": 1, "start_error": "no"}, False),
]


@pytest.mark.parametrize(("what", "more", "again"), RESTARTS, ids=[r[0] for r in RESTARTS])
def test_restart_policy(what: str, more: dict[str, Any], again: bool) -> None:
    policy = RestartPolicy(frozenset({42}), attempt_period=60)
    container = replace(box("app", "exited", restart_policy=policy), **more)
    actual = step("RUNNING", container)
    assert actual == Restart(("app",)) if again else isinstance(actual, Fail)


def test_a_helper_that_may_not_restart_is_left_ended() -> None:
    helper = box(
        "x", "exited", essential=False, restart_policy=RestartPolicy(attempt_period=300), exit_code=1
    )
    assert step("RUNNING", box("app", "running"), helper) == Wait()


# ---- down --------------------------------------------------------------------------------------

WAY_DOWN: list[tuple[str, Step, Step]] = [
    ("asked to stop", stopping("RUNNING", box("app", "running")), Advance(Status.STOPPING)),
    ("from anywhere", stopping("PROVISIONING", box("app", pulled=False)), Advance(Status.STOPPING)),
    ("a load balancer knows it", stopping("RUNNING", box("app", "running"), needs_registration=True, registered=True), Advance(Status.DEACTIVATING)),
    ("and still does", stopping("DEACTIVATING", box("app", "running"), needs_registration=True, registered=True), Wait(None, "Waiting to be deregistered from its load balancer.")),
    ("and no more", stopping("DEACTIVATING", box("app", "running"), needs_registration=True), Advance(Status.STOPPING)),
    ("reverse order", stopping("STOPPING", box("app", "running", depends_on={"db": START}, stop_timeout=7), box("db", "running")), Stop((("app", 7),))),
    ("then what they needed", stopping("STOPPING", box("app", "exited", depends_on={"db": START}), box("db", "running", stop_timeout=9)), Stop((("db", 9),))),
    ("at once what is independent", stopping("STOPPING", box("a", "running"), box("b", "running")), Stop((("a", 30), ("b", 30)))),
    ("a circle stops at once", stopping("STOPPING", box("a", "running", depends_on={"b": START}), box("b", "running", depends_on={"a": START})), Stop((("a", 30), ("b", 30)))),
    ("all ended", stopping("STOPPING", box("a", "exited"), box("b"), box("c", "created")), Advance(Status.DEPROVISIONING)),
    ("remove", stopping("DEPROVISIONING", box("a", "exited")), RemoveAll()),
    ("removed", stopping("DEPROVISIONING", box("a", "gone"), removed=True), Advance(Status.STOPPED)),
    ("an exit on the way down is no failure", stopping("STOPPING", box("a", "exited", exit_code=1)), Advance(Status.DEPROVISIONING)),
    ("no restart on the way down", stopping("STOPPING", box("a", "exited", exit_code=1, restart_policy=RestartPolicy(attempt_period=1))), Advance(Status.DEPROVISIONING)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "actual", "expected"), WAY_DOWN, ids=[w[0] for w in WAY_DOWN])
def test_way_down(what: str, actual: Step, expected: Step) -> None:
    assert actual == expected


def test_a_stop_without_a_code_is_given_one_first() -> None:
    assert step("RUNNING", box("app", "running"), desired="STOPPED") == Fail(
        StopCode.USER_INITIATED, "Task stopped by user"
    )
