"""plan(snapshot, now) -> Plan: the scheduler's front door. Called by `services/control` for one service at a time.

    facts ─▶ census (who is live, healthy) ─▶ rollout (deployment: begin, complete, breaker, roll back)
          ─▶ rolling (start and stop within the limits; placement) ─▶ actions, waiting, wake_at

Pure: no clock, no chance, no I/O, and the snapshot is never changed. Planning twice from the same facts gives the
same plan, so a plan that was made but never applied costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.scheduler import daemon, rebalance, stages, wording
from services.scheduler.census import Census, take_census
from services.scheduler.model import (
    Action,
    Announce,
    DeploymentStatus,
    FinishService,
    MarkHealthy,
    Plan,
    SetDeployment,
    SetSteady,
    Snapshot,
    Status,
    StopCode,
    StopTask,
    Task,
    seconds,
)
from services.scheduler.rolling import Outcome, reconcile
from services.scheduler.rollout import Goal, decide
from services.scheduler.waiting import explain, kept


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """What to do now for this service, when to look again at the latest, and what it waits for.

    The actions are in order and are applied together. `wake_at` is the earliest time at which another plan could
    differ though nothing happened. Raises nothing for any snapshot whose percentages are not negative.
    """
    if snapshot.strategy == "DAEMON":
        snapshot = daemon.counted(snapshot)
    census = take_census(snapshot, now)
    if snapshot.status == "DRAINING":
        return _drain(snapshot, census)
    goal, transitions = decide(snapshot, census, now)
    settle = daemon.reconcile if snapshot.strategy == "DAEMON" else reconcile
    outcome, crew = settle(snapshot, census, goal, now)
    actions: list[Action] = [MarkHealthy(task) for task in census.newly_healthy]
    actions += transitions
    actions += outcome.stops
    actions += outcome.starts
    waiting = explain(snapshot, census, goal, outcome, crew, now)
    actions += _announcements(snapshot, census, outcome, goal)
    if waiting.startswith(wording.PROTECTION):
        actions += _held_up(snapshot, goal, kept(snapshot, crew))
    actions += _steadiness(snapshot, census, outcome, goal, transitions)
    actions += _uneven(snapshot, outcome)
    return Plan(
        actions=tuple(actions),
        wake_at=_wake_at(snapshot, census, outcome, goal, now),
        waiting=waiting,
        desired_count=snapshot.desired_count if snapshot.strategy == "DAEMON" else None,
    )


def _announcements(snapshot: Snapshot, census: Census, outcome: Outcome, goal: Goal) -> list[Announce]:
    who = snapshot.who
    lasting = [wording.unhealthy(who, task.id) for task in census.active if task.id in census.unhealthy]
    if outcome.throttled is not None and outcome.throttled.consistently:
        lasting.append(wording.event(who, wording.INCONSISTENT))
    if outcome.refusal is not None:
        lasting.append(wording.event(who, f"{wording.UNPLACED} {outcome.refusal.reason}"))
    if goal.trouble:
        lasting.append(wording.event(who, goal.trouble))
    if outcome.blocked:
        lasting.append(wording.event(who, wording.DEADLOCKED))
    said = _new(snapshot, lasting)
    if outcome.unbalanced:
        said.append(wording.not_balanced(who, outcome.unbalanced))
    evened = {task for tasks in outcome.rebalanced.values() for task in tasks}
    others = [stop.task for stop in outcome.stops if stop.task not in evened]
    if others:
        said.append(wording.stopped(who, others))
    said += [wording.stopped(who, tasks, zone) for zone, tasks in sorted(outcome.rebalanced.items())]
    return said


def _held_up(snapshot: Snapshot, goal: Goal, tasks: Sequence[Task]) -> list[Announce]:
    """Nothing but protected tasks is left to wait for. Said once of a deployment, whatever their number becomes."""
    said = wording.event(snapshot.who, f"{wording.UNSTEADY} {wording.protected(tasks)}")
    if goal.deployment is None:
        return _new(snapshot, [said])
    before = wording.was_said_of(goal.deployment, wording.UNSTEADY, snapshot.last_events)
    return [] if before else [said]


def _uneven(snapshot: Snapshot, outcome: Outcome) -> list[Announce]:
    """What keeps zones from being even. Said after that the service is steady, which would let it be said anew."""
    who, lasting = snapshot.who, []
    if outcome.moves.full_zone:
        lasting.append(wording.full_zone(who, outcome.moves.full_zone))
    if outcome.moves.protected:
        why = wording.protected(outcome.moves.protected)
        lasting.append(wording.event(who, f"was unable to AZ Rebalance because {why}"))
    return _new(snapshot, lasting)


def _new(snapshot: Snapshot, lasting: Sequence[Announce]) -> list[Announce]:
    return [event for event in lasting if not wording.is_repeat(event.message, snapshot.last_events)]


def _steadiness(
    snapshot: Snapshot, census: Census, outcome: Outcome, goal: Goal, transitions: tuple[Action, ...]
) -> list[Action]:
    """Steady: no deployment, the desired number of healthy tasks, nothing else live, nothing to do."""
    deploying = goal.rolling or bool(goal.waiting)
    whole = len(census.live) == snapshot.desired_count == len(census.healthy)
    steady = whole and not (deploying or outcome.stops or outcome.starts)
    if steady and (transitions or not snapshot.steady):
        # After a deployment it is said even where the flag was never taken back.
        return [
            *_balanced(snapshot, census, goal),
            wording.event(snapshot.who, wording.STEADY),
            SetSteady(True),
        ]
    return [SetSteady(False)] if snapshot.steady and not steady else []


def _balanced(snapshot: Snapshot, census: Census, goal: Goal) -> list[Action]:
    """Said once after it was said that the zones are not even."""
    under_way = rebalance.applies(snapshot, goal) and rebalance.is_under_way(snapshot)
    if goal.revision is None or not under_way:
        return []
    counts = rebalance.zones(snapshot, goal.revision, census.active)
    text = f"{wording.BALANCED} {rebalance.told(counts)}."
    return [wording.event(snapshot.who, text)] if rebalance.is_balanced(counts) else []


def _wake_at(
    snapshot: Snapshot, census: Census, outcome: Outcome, goal: Goal, now: datetime
) -> datetime | None:
    times = list(census.changes_at)
    if outcome.throttled is not None:
        times.append(outcome.throttled.until)
    if outcome.unplaced or outcome.again:
        # Instances' free room is not only this service's doing.
        times.append(now + seconds(snapshot.timing.placement_retry))
    if outcome.moves.full_zone:
        times.append(now + seconds(snapshot.timing.rebalance_retry))
    if snapshot.deployment is not None:
        times += [p.expires_at for p in stages.awaiting(snapshot.deployment) if p.expires_at > now]
    times += [t.protected_until for t in census.active if t.protected and t.protected_until is not None]
    if goal.bakes_until is not None:
        times.append(goal.bakes_until)
    return min(times, default=None)


# ---- a service or a task set that is being deleted ----------------------------------------------


def _drain(snapshot: Snapshot, census: Census) -> Plan:
    """Stop everything, then finish: only when the last container is gone does the service become INACTIVE, does the
    task set go."""
    actions: list[Action] = []
    deployment = snapshot.deployment
    if deployment is not None:
        reason = f"The {snapshot.kind} was deleted."
        actions.append(SetDeployment(deployment.id, DeploymentStatus.STOPPED, reason))
    code = StopCode.SERVICE_SCHEDULER_INITIATED
    reason = f"The {snapshot.kind if snapshot.task_set is None else 'task set'} was deleted"
    going = [
        task for task in snapshot.tasks if task.desired == "RUNNING" and task.status is not Status.STOPPED
    ]
    actions += [StopTask(task.id, code, reason) for task in going]
    if going:
        actions.append(wording.stopped(snapshot.who, [task.id for task in going]))
    if snapshot.steady:
        actions.append(SetSteady(False))
    left = sum(1 for task in snapshot.tasks if task.status is not Status.STOPPED)
    if left == 0:
        actions.append(FinishService())
        return Plan(tuple(actions))
    return Plan(tuple(actions), waiting=wording.waiting_for(left, "stop"))
