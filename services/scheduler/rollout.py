"""Where a deployment stands: started, completed, stopped, rolled back. Standard library only.

`decide` moves the deployment on as far as the facts carry and answers the goal of the rest of the plan: which
revision is started, and whether tasks of other revisions are replaced by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.scheduler import stages, wording
from services.scheduler.breaker import Verdict, last_healthy, tripped
from services.scheduler.census import Census
from services.scheduler.model import (
    Action,
    Announce,
    Deployment,
    DeploymentStatus,
    Failure,
    Revision,
    SetDeployment,
    Snapshot,
    TaskSet,
    seconds,
)

_S = DeploymentStatus
_ROLLING_BACK = (_S.ROLLBACK_REQUESTED, _S.ROLLBACK_IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the tasks are brought to.

    rolling: tasks of other revisions than `revision` are replaced. Not rolling (steady): tasks of any revision
    count towards the desired count, and lost ones are replaced from `revision`, the last completed one.
    """

    revision: Revision | None
    deployment: str | None = None
    rolling: bool = False
    failures: tuple[Failure, ...] = ()  # those of `revision`, for the throttle
    last_started_at: datetime | None = None
    waiting: str = ""  # what a deployment waits for before any task of it is started
    trouble: str = ""  # the same as an event, where waiting alone will not end it
    bakes_until: datetime | None = None  # until then the step that was taken is watched: none follows
    sparing: bool = False  # rolling: others of another revision are stopped only to make room


def decide(snapshot: Snapshot, census: Census, now: datetime) -> tuple[Goal, tuple[Action, ...]]:
    """The goal, and the deployment's transitions with their events, in order."""
    if snapshot.task_set is not None and not snapshot.task_set.ready:
        return _wait_for_images_of_set(snapshot, snapshot.task_set), ()
    if snapshot.deployment is None:
        return _steady(snapshot, keep=True), ()
    deployment, actions = _begin(snapshot, snapshot.deployment, now)
    if deployment is None:
        return _steady(snapshot), actions
    if deployment.status is _S.IN_PROGRESS:
        return _in_progress(snapshot, deployment, actions, census, now)
    return _settle(snapshot, deployment, actions, census, now)


def _in_progress(
    snapshot: Snapshot,
    deployment: Deployment,
    actions: tuple[Action, ...],
    census: Census,
    now: datetime,
) -> tuple[Goal, tuple[Action, ...]]:
    """Through its lifecycle stages first, as far as its hooks let it."""
    was_held = stages.holds_scale_up(snapshot)
    walk = stages.walk(snapshot, deployment, census, now)
    deployment, actions = walk.deployment, (*actions, *walk.actions)
    if walk.held and stages.is_early(deployment):
        # Nothing of it runs, so nothing of it can have failed: the snapshot's failures are of what goes on instead.
        return replace(_steady(snapshot, keep=True), waiting=stages.told(deployment)), actions
    if was_held:
        snapshot = replace(snapshot, failures=(), last_started_at=None)
    if walk.rejected is not None:
        reason = f"The lifecycle hook at {walk.rejected.stage} timed out."
        after, more = _turn_back(snapshot, deployment, reason, now)
        actions = (*actions, *more)
        if after is None:
            return _steady(snapshot), actions
        deployment = after
    return _settle(snapshot, deployment, actions, census, now)


def _settle(
    snapshot: Snapshot,
    deployment: Deployment,
    actions: tuple[Action, ...],
    census: Census,
    now: datetime,
) -> tuple[Goal, tuple[Action, ...]]:
    """Completed, failed, or under way."""
    bakes = _bakes_until(snapshot, deployment, census, now)
    ends = deployment.ready and bakes is None and stages.may_complete(deployment)
    if ends and is_complete(snapshot, deployment, census):
        return _steady(snapshot, completed=_effective(deployment)), (
            *actions,
            *_complete(snapshot, deployment),
        )
    verdict = tripped(snapshot, deployment, census, now)
    if verdict is not None:
        after, more = _trip(snapshot, deployment, verdict, now)
        goal = _steady(snapshot) if after is None else _rolling(snapshot, after)
        return goal, (*actions, *more)
    if not deployment.ready:
        return _wait_for_images(snapshot, deployment), actions
    return replace(_rolling(snapshot, deployment), bakes_until=bakes), actions


def _bakes_until(
    snapshot: Snapshot, deployment: Deployment, census: Census, now: datetime
) -> datetime | None:
    """Until when the newest tasks of the deployment are watched; a rollback does not wait."""
    if not snapshot.bake or deployment.status in _ROLLING_BACK:
        return None
    last = last_healthy(snapshot, deployment, census, now)
    until = last + seconds(snapshot.bake) if last is not None else None
    return until if until is not None and until > now else None


def wanted_revision(snapshot: Snapshot) -> Revision | None:
    """The revision that the tasks are brought to, as far as can be told before anything is decided."""
    deployment, completed = snapshot.deployment, snapshot.completed
    if deployment is None or deployment.status is _S.STOP_REQUESTED:
        key = completed
    elif deployment.status is _S.ROLLBACK_REQUESTED:
        key = deployment.rollback or completed
    elif deployment.ready and not stages.holds_scale_up(snapshot):
        key = _effective(deployment)
    else:
        # Until its images are resolved, or a hook lets it begin, the service goes on as it was.
        key = completed or deployment.target
    return snapshot.revisions.get(key or "")


def _effective(deployment: Deployment) -> str:
    """The revision being rolled out: on the way back, the one it goes back to."""
    back = deployment.rollback if deployment.status in _ROLLING_BACK else None
    return back or deployment.target


def _steady(snapshot: Snapshot, *, keep: bool = False, completed: str | None = None) -> Goal:
    """keep: the snapshot's failures are of the last completed revision, so they still throttle it."""
    revision = snapshot.revisions.get(completed or snapshot.completed or "")
    if not keep:
        return Goal(revision)
    return Goal(revision, failures=snapshot.failures, last_started_at=snapshot.last_started_at)


def _rolling(snapshot: Snapshot, deployment: Deployment) -> Goal:
    turned = snapshot.deployment is None or _effective(deployment) != _effective(snapshot.deployment)
    return Goal(
        revision=snapshot.revisions.get(_effective(deployment)),
        deployment=deployment.id,
        rolling=True,
        # The snapshot's failures are of the revision it saw: what just began going back has none yet.
        failures=() if turned else snapshot.failures,
        last_started_at=None if turned else snapshot.last_started_at,
        waiting=stages.told(deployment),
        sparing=stages.spares_others(deployment),
    )


# ---- requests of the user ----------------------------------------------------------------------


def _begin(
    snapshot: Snapshot, deployment: Deployment, now: datetime
) -> tuple[Deployment | None, tuple[Action, ...]]:
    """Honour a request to stop or to roll back; begin what is PENDING and ready. None: it ended."""
    match deployment.status:
        case _S.STOP_REQUESTED:
            return None, _stop(snapshot, deployment, "The deployment was stopped on request.")
        case _S.ROLLBACK_REQUESTED:
            return _turn_back(snapshot, deployment, "Rollback was requested.", now)
        case _S.PENDING if deployment.ready:
            return replace(deployment, status=_S.IN_PROGRESS), (SetDeployment(deployment.id, _S.IN_PROGRESS),)
        case _:
            return deployment, ()


def _stop(snapshot: Snapshot, deployment: Deployment, reason: str) -> tuple[Action, ...]:
    return (
        SetDeployment(deployment.id, _S.STOPPED, reason),
        wording.of_deployment(snapshot.who, deployment.id, "deployment stopped."),
    )


def _turn_back(
    snapshot: Snapshot, deployment: Deployment, reason: str, now: datetime
) -> tuple[Deployment | None, tuple[Action, ...]]:
    """Back to the revision asked for or the last completed one; where there is none, it ends. None: it ended."""
    back = deployment.rollback or snapshot.completed
    if back is None:
        nowhere = "There is no completed service revision to roll back to: the deployment was stopped."
        return None, _stop(snapshot, deployment, nowhere)
    return _roll_back(snapshot, deployment, back, reason, now)


def _roll_back(
    snapshot: Snapshot, deployment: Deployment, back: str, reason: str, now: datetime
) -> tuple[Deployment, tuple[Action, ...]]:
    revision = snapshot.revisions.get(back)
    text = f"rolling back to {revision.label if revision else back}."
    after = replace(
        deployment, status=_S.ROLLBACK_IN_PROGRESS, rollback=back, rollback_started_at=now, ready=True
    )
    return after, (
        SetDeployment(deployment.id, _S.ROLLBACK_IN_PROGRESS, reason, rollback=back),
        wording.of_deployment(snapshot.who, deployment.id, text),
    )


# ---- ends --------------------------------------------------------------------------------------


def is_complete(snapshot: Snapshot, deployment: Deployment, census: Census) -> bool:
    """The desired number of healthy tasks of its revision, and no other task before DEPROVISIONING."""
    revision = _effective(deployment)
    return len(census.live) == snapshot.desired_count and all(
        task.revision == revision and census.is_healthy(task) for task in census.live
    )


def _complete(snapshot: Snapshot, deployment: Deployment) -> tuple[Action, ...]:
    back = deployment.status in _ROLLING_BACK
    status = _S.ROLLBACK_SUCCESSFUL if back else _S.SUCCESSFUL
    return (
        SetDeployment(deployment.id, status, revision=_effective(deployment)),
        wording.of_deployment(snapshot.who, deployment.id, "deployment completed."),
    )


def _trip(
    snapshot: Snapshot, deployment: Deployment, verdict: Verdict, now: datetime
) -> tuple[Deployment | None, tuple[Action, ...]]:
    """The circuit breaker: back to the last completed revision where that is wanted and there is another one;
    else the deployment ends. None: it ended."""
    text = f"deployment failed: tasks failed to start. Last failure: {verdict.newest}"
    failed: Announce = wording.of_deployment(snapshot.who, deployment.id, text)
    if deployment.status is _S.ROLLBACK_IN_PROGRESS:
        return None, (SetDeployment(deployment.id, _S.ROLLBACK_FAILED, verdict.reason), failed)
    back = snapshot.completed
    if snapshot.breaker.rollback and back is not None and back != deployment.target:
        after, actions = _roll_back(snapshot, deployment, back, verdict.reason, now)
        return after, (failed, *actions)
    return None, (SetDeployment(deployment.id, _S.STOPPED, verdict.reason), failed)


# ---- not ready ---------------------------------------------------------------------------------


def _wait_for_images(snapshot: Snapshot, deployment: Deployment) -> Goal:
    """Until they are resolved the service goes on as it was. The caller tries again by itself."""
    revision = snapshot.revisions.get(_effective(deployment))
    who = f"(deployment {deployment.id}) "
    return _waiting_for_images(_steady(snapshot), revision, who, deployment.image_error)


def _wait_for_images_of_set(snapshot: Snapshot, task_set: TaskSet) -> Goal:
    """Until they are resolved nothing of it is started."""
    revision = snapshot.revisions.get(snapshot.completed or "")
    return _waiting_for_images(Goal(None), revision, "", task_set.image_error)


def _waiting_for_images(goal: Goal, revision: Revision | None, who: str, error: str | None) -> Goal:
    label = revision.label if revision else "the new revision"
    if not error:
        return replace(goal, waiting=f"Waiting for the images of {label} to be resolved.")
    trouble = f"{who}is unable to resolve the images of {label}: {error}"
    return replace(goal, waiting=f"Waiting for the images of {label}: {error}", trouble=trouble)
