"""The safety rules, said once more and differently from the scheduler: fractions, plain loops, no code of its own.

`check(snapshot, made, now)` asserts them for one plan. Numbers are those of the architecture's safety rules.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from fractions import Fraction
from math import ceil, floor

from services.scheduler.model import (
    AUTO_SCALING_GROUP,
    Announce,
    DeploymentStatus,
    EnterStage,
    ExpirePause,
    FinishService,
    MarkHealthy,
    Plan,
    SetDeployment,
    Snapshot,
    StartTask,
    StopTask,
    Task,
)
from tests.unit.scheduler.build import QUERIES

BEFORE_DEPROVISIONING = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING")

# From which status a plan may move a deployment where.
MOVES = {
    "PENDING": {"IN_PROGRESS", "STOPPED", "SUCCESSFUL", "ROLLBACK_IN_PROGRESS"},
    "IN_PROGRESS": {"SUCCESSFUL", "STOPPED", "ROLLBACK_IN_PROGRESS"},
    "STOP_REQUESTED": {"STOPPED"},
    "ROLLBACK_REQUESTED": {"ROLLBACK_IN_PROGRESS", "STOPPED"},
    "ROLLBACK_IN_PROGRESS": {"ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"},
}


def check(snapshot: Snapshot, made: Plan, now: datetime) -> None:
    draining = snapshot.status == "DRAINING"
    _marks(snapshot, made)
    _stops(snapshot, made, now, draining)
    if draining:
        assert not made.of(StartTask)
        assert bool(made.of(FinishService)) == (not snapshot.tasks)
    else:
        _rule_1(snapshot, made, now)
        assert not made.of(FinishService)
    _rule_2(snapshot, made)
    _moves(snapshot, made, draining)
    _rule_5(snapshot, made)
    _rule_8(snapshot, made)
    _words(snapshot, made, now)


def is_unhealthy(snapshot: Snapshot, task: Task, now: datetime) -> bool:
    if task.status != "RUNNING" or task.desired != "RUNNING" or task.health != "UNHEALTHY":
        return False
    since = task.started_at or task.created_at
    return (now - since).total_seconds() >= snapshot.health_grace


def healthy(snapshot: Snapshot, made: Plan, now: datetime) -> set[str]:
    marked = {action.task for action in made.actions if isinstance(action, MarkHealthy)}
    found = set()
    for task in snapshot.tasks:
        serves = task.status == "RUNNING" and task.desired == "RUNNING"
        if serves and not is_unhealthy(snapshot, task, now) and (task.healthy_at or task.id in marked):
            found.add(task.id)
    return found


def _marks(snapshot: Snapshot, made: Plan) -> None:
    by_id = {task.id: task for task in snapshot.tasks}
    for action in made.actions:
        if not isinstance(action, MarkHealthy):
            continue
        task = by_id[action.task]
        assert (task.status, task.desired, task.healthy_at) == ("RUNNING", "RUNNING", None)
        assert task.health != "UNHEALTHY"
        assert task.instance not in [i.id for i in snapshot.instances if not i.connected]
        assert snapshot.revisions[task.revision].checks_health, "by time alone"
        assert task.health == "HEALTHY"


def _stops(snapshot: Snapshot, made: Plan, now: datetime, draining: bool) -> None:
    by_id = {task.id: task for task in snapshot.tasks}
    stops = [action for action in made.actions if isinstance(action, StopTask)]
    assert len({stop.task for stop in stops}) == len(stops), "a task is stopped twice"
    for stop in stops:
        task = by_id[stop.task]
        assert task.desired == "RUNNING" and task.status != "STOPPED", "it was stopped already"
        assert stop.code == "ServiceSchedulerInitiated" and stop.reason
        if task.protected and not draining:
            assert is_unhealthy(snapshot, task, now), "a protected task is stopped"
        if stop.failed:
            assert task.healthy_at is None and is_unhealthy(snapshot, task, now)


def _rule_1(snapshot: Snapshot, made: Plan, now: datetime) -> None:
    """Never more than the maximum by starting; never fewer healthy ones than the minimum by stopping."""
    desired = snapshot.desired_count
    most = floor(desired * Fraction(snapshot.maximum_percent, 100))
    least = ceil(desired * Fraction(snapshot.minimum_healthy_percent, 100))
    live = sum(1 for task in snapshot.tasks if task.status in BEFORE_DEPROVISIONING)
    starts = sum(1 for action in made.actions if isinstance(action, StartTask))
    assert not starts or live + starts <= most, f"{live} live and {starts} started, but at most {most} may be"
    serving = healthy(snapshot, made, now)
    lost = {action.task for action in made.actions if isinstance(action, StopTask)} & serving
    assert not lost or len(serving) - len(lost) >= least, (
        f"{len(serving)} - {len(lost)} healthy, least {least}"
    )


def _rule_2(snapshot: Snapshot, made: Plan) -> None:
    """Room is never given twice; and every start honours what its revision requires of an instance."""
    starts: dict[str, list[StartTask]] = {}
    for action in made.actions:
        if isinstance(action, StartTask):
            starts.setdefault(action.instance, []).append(action)
    instances = {instance.id: instance for instance in snapshot.instances}
    for key, here in starts.items():
        instance = instances[key]
        assert instance.status == "ACTIVE" and instance.connected
        demands = [snapshot.revisions[start.revision].demand for start in here]
        assert instance.cpu_reserved + sum(demand.cpu for demand in demands) <= instance.cpu
        assert instance.memory_reserved + sum(demand.memory for demand in demands) <= instance.memory
        gpus = sum(demand.gpus for demand in demands)
        assert not gpus or instance.gpus_reserved + gpus <= instance.gpus
        ports = Counter(instance.ports) + Counter(port for demand in demands for port in demand.ports)
        assert max(ports.values(), default=1) == 1
        for placed, start in enumerate(here):
            revision = snapshot.revisions[start.revision]
            for name, value in revision.required_attributes.items():
                assert instance.attributes.get(name) == value
            known = {one.name: one for one in revision.providers}
            if snapshot.strategy == "DAEMON":  # strategies play no part
                known = {}
            assert bool(known) == bool(start.provider)
            if known:
                group = known[start.provider].group
                assert not group or instance.attributes.get(AUTO_SCALING_GROUP) == group
                assert known[start.provider].weight or known[start.provider].base
            for query in revision.constraints:
                assert QUERIES[query.text](instance, placed), query.text
            if revision.distinct_instance:
                assert len(here) == 1 and all(task.instance != key for task in snapshot.tasks)
                assert not snapshot.neighbours.get(key)


def _moves(snapshot: Snapshot, made: Plan, draining: bool) -> None:
    moves = [action for action in made.actions if isinstance(action, SetDeployment)]
    if snapshot.deployment is None:
        assert not moves
        return
    status = snapshot.deployment.status
    for move in moves:
        assert move.deployment == snapshot.deployment.id
        allowed = {DeploymentStatus.STOPPED} if draining else MOVES[status]
        assert move.status in allowed, f"{status} -> {move.status}"
        status = move.status
        if move.status in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"):
            assert {t.revision for t in snapshot.tasks if t.status in BEFORE_DEPROVISIONING} <= {
                move.revision
            }
        elif move.status in ("STOPPED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED"):
            assert move.reason


def _rule_5(snapshot: Snapshot, made: Plan) -> None:
    """A rollback goes to the last completed revision or the chosen one; and only the right revision is started."""
    deployment = snapshot.deployment
    status = deployment.status if deployment is not None else None
    back = deployment.rollback if deployment is not None else None
    completed = snapshot.completed
    for action in made.actions:
        if not isinstance(action, SetDeployment):
            continue
        assert deployment is not None
        status = action.status
        if status == "ROLLBACK_IN_PROGRESS":
            assert action.rollback == (deployment.rollback or snapshot.completed)
            back = action.rollback
        if status == "SUCCESSFUL":
            assert action.revision == deployment.target
        if status == "ROLLBACK_SUCCESSFUL":
            assert action.revision == back
        completed = action.revision or completed
    if status == "IN_PROGRESS":
        assert deployment is not None
        right = deployment.target if deployment.ready and not _held_early(snapshot, made) else completed
    elif status == "ROLLBACK_IN_PROGRESS":
        right = back
    else:
        right = completed
    for start in made.actions:
        if isinstance(start, StartTask):
            assert start.revision == right, f"{start.revision} is started while {status}"


def _held_early(snapshot: Snapshot, made: Plan) -> bool:
    """A lifecycle hook that nobody has answered yet stands before the deployment's first task."""
    deployment = snapshot.deployment
    assert deployment is not None
    stage, waiting = deployment.stage, {p.id for p in deployment.pauses if p.status == "AWAITING_ACTION"}
    for action in made.actions:
        if isinstance(action, ExpirePause):
            waiting.discard(action.pause)
        elif isinstance(action, EnterStage):
            assert not waiting, "it goes on though a hook holds it"
            stage, waiting = action.stage, {"new" for _ in action.hooks}
    return bool(waiting) and stage in ("RECONCILE_SERVICE", "PRE_SCALE_UP")


def _rule_8(snapshot: Snapshot, made: Plan) -> None:
    """The breaker trips on failures only: the facts hold no end that an engine, a host or a user caused."""
    deployment, breaker = snapshot.deployment, snapshot.breaker
    tripped = [a for a in made.actions if isinstance(a, SetDeployment) and "circuit breaker" in a.reason]
    if not tripped:
        return
    assert deployment is not None and breaker.enable
    share = ceil(Fraction(snapshot.desired_count * breaker.threshold_value, 100))
    least = {
        "COUNT": breaker.threshold_value,
        "UNBOUNDED_PERCENT": share,
        "BOUNDED_PERCENT": min(200, max(3, share)),
    }[breaker.threshold_type]
    images = 0 if deployment.ready else deployment.image_failures
    assert len(snapshot.failures) + images >= least or deployment.image_error


def _words(snapshot: Snapshot, made: Plan, now: datetime) -> None:
    for action in made.actions:
        if isinstance(action, Announce):
            of = f", taskSet {snapshot.task_set.id}" if snapshot.task_set is not None else ""
            assert action.message.startswith(f"(service {snapshot.service}{of}) ")
    assert not made.waiting or made.waiting.startswith("Waiting ")
    assert made.wake_at is None or made.wake_at > now
