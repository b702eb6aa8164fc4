"""The lifecycle stages of a rolling deployment, and the hooks that pause it there. Standard library only.

    (RECONCILE_SERVICE) ─▶ PRE_SCALE_UP ─▶ SCALE_UP ─▶ POST_SCALE_UP ─▶ CLEAN_UP
      tasks of several      nothing of it    its tasks    all of them      what is left
      revisions run         is started       start        are healthy      of others goes

Only deployments with hooks have stages. Held before SCALE_UP the service goes on as it was. Where POST_SCALE_UP has a
hook, tasks of other revisions stop during SCALE_UP only to make room, so that there is something to go back to; held
at POST_SCALE_UP those that are left go on running. In both cases what is lost is replaced, and the desired count is
followed: neither is a step of the deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.scheduler import wording
from services.scheduler.census import Census
from services.scheduler.model import (
    Action,
    Deployment,
    DeploymentStatus,
    EnterStage,
    ExpirePause,
    HookStatus,
    Pause,
    Snapshot,
    Stage,
)

EARLY = (Stage.RECONCILE_SERVICE, Stage.PRE_SCALE_UP)  # before anything of the deployment is started
HOOKED = (*EARLY, Stage.POST_SCALE_UP)  # the stages that may have hooks
_ORDER = {stage: index for index, stage in enumerate(Stage)}


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the deployment came in this plan."""

    deployment: Deployment
    actions: tuple[Action, ...] = ()
    held: bool = False  # at deployment.stage
    rejected: Pause | None = None  # timed out, and then it is to be rolled back


def awaiting(deployment: Deployment) -> tuple[Pause, ...]:
    """The pauses that hold it. One that is being stopped or rolled back is not held any more."""
    if deployment.status is not DeploymentStatus.IN_PROGRESS:
        return ()
    return tuple(pause for pause in deployment.pauses if pause.status is HookStatus.AWAITING_ACTION)


def is_early(deployment: Deployment) -> bool:
    """Whether nothing of it may have been started yet."""
    return bool(deployment.hooks or deployment.pauses) and deployment.stage in (None, *EARLY)


def holds_scale_up(snapshot: Snapshot) -> bool:
    """Whether a pause keeps it from starting anything, or will as soon as it begins."""
    deployment = snapshot.deployment
    if deployment is None or not is_early(deployment):
        return False
    if deployment.stage is not None:
        return bool(awaiting(deployment))
    begins = deployment.status in (DeploymentStatus.PENDING, DeploymentStatus.IN_PROGRESS)
    stages = {hook.stage for hook in deployment.hooks}
    return begins and (
        Stage.PRE_SCALE_UP in stages or (Stage.RECONCILE_SERVICE in stages and _is_mixed(snapshot))
    )


def walk(snapshot: Snapshot, deployment: Deployment, census: Census, now: datetime) -> Walk:
    """Through as many stages as the facts and the hooks allow. `deployment` is IN_PROGRESS."""
    expired = [pause for pause in awaiting(deployment) if pause.expires_at <= now]
    actions: list[Action] = []
    for pause in expired:
        actions.append(ExpirePause(deployment.id, pause.id))
        actions.append(wording.timed_out(snapshot.who, deployment.id, pause))
    if expired:
        gone = {pause.id for pause in expired}
        pauses = tuple(
            replace(pause, status=HookStatus.TIMED_OUT) if pause.id in gone else pause
            for pause in deployment.pauses
        )
        deployment = replace(deployment, pauses=pauses)
        rejected = next((pause for pause in expired if pause.action == "ROLLBACK"), None)
        if rejected is not None:
            return Walk(deployment, tuple(actions), rejected=rejected)
    if awaiting(deployment):
        return Walk(deployment, tuple(actions), held=True)
    while (stage := _next(snapshot, deployment, census)) is not None:
        hooks = tuple(hook for hook in deployment.hooks if hook.stage is stage)
        deployment = replace(deployment, stage=stage)
        actions.append(EnterStage(deployment.id, stage, hooks))
        if hooks:
            actions.append(wording.paused(snapshot.who, deployment.id, stage))
            return Walk(deployment, tuple(actions), held=True)
    return Walk(deployment, tuple(actions))


def spares_others(deployment: Deployment) -> bool:
    """Whether tasks of other revisions go only where their room is needed: they may be wanted again."""
    if deployment.status is not DeploymentStatus.IN_PROGRESS or deployment.stage is Stage.CLEAN_UP:
        return False
    stages = {hook.stage for hook in deployment.hooks} | {pause.stage for pause in awaiting(deployment)}
    return Stage.POST_SCALE_UP in stages


def told(deployment: Deployment) -> str:
    """What it waits for where it is held; after `walk` it stands at a stage with hooks only then."""
    stands = deployment.status is DeploymentStatus.IN_PROGRESS and deployment.stage in HOOKED
    return wording.held(deployment.stage) if stands and deployment.stage is not None else ""


def may_complete(deployment: Deployment) -> bool:
    """One that has no hooks, is through with them, or goes back."""
    return deployment.status is not DeploymentStatus.IN_PROGRESS or deployment.stage in (None, Stage.CLEAN_UP)


def _next(snapshot: Snapshot, deployment: Deployment, census: Census) -> Stage | None:
    """The stage that it may enter now; None where it stays."""
    match deployment.stage:
        case None if not deployment.hooks:
            return None
        case None:
            return Stage.RECONCILE_SERVICE if _is_mixed(snapshot) else Stage.PRE_SCALE_UP
        case Stage.SCALE_UP if not _is_scaled_up(snapshot, deployment, census):
            return None
        case Stage.CLEAN_UP:
            return None
        case stage:
            return tuple(Stage)[_ORDER[stage] + 1]


def _is_mixed(snapshot: Snapshot) -> bool:
    """Whether tasks of more than one service revision are to run."""
    return len({task.revision for task in snapshot.tasks if task.desired == "RUNNING"}) > 1


def _is_scaled_up(snapshot: Snapshot, deployment: Deployment, census: Census) -> bool:
    own = [task for task in census.active if task.revision == deployment.target]
    return sum(1 for task in own if census.is_healthy(task)) >= snapshot.desired_count
