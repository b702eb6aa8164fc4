"""The deployment circuit breaker: how many failures are too many. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.scheduler.census import Census
from services.scheduler.model import Breaker, Deployment, DeploymentStatus, Failure, Snapshot

LEAST, MOST = 3, 200  # of BOUNDED_PERCENT


def threshold(breaker: Breaker, desired: int) -> int:
    """How many failures trip it, on the latest desired count.

    BOUNDED_PERCENT 50 of 4 tasks: ceil(2) = 2, at least 3: 3. Of 25: ceil(12.5) = 13. Of 1,000: 500, at most 200.
    UNBOUNDED_PERCENT 50 of 4: 2; of 1,000: 500. COUNT 7: 7. Never less than 1.
    """
    if breaker.threshold_type == "COUNT":
        return max(1, breaker.threshold_value)
    share = -(-max(0, desired) * breaker.threshold_value // 100)
    if breaker.threshold_type == "UNBOUNDED_PERCENT":
        return max(1, share)
    return min(MOST, max(LEAST, share))


@dataclass(frozen=True, slots=True)
class Verdict:
    failed: int
    allowed: int  # the threshold
    newest: str  # reason of the newest failure

    @property
    def reason(self) -> str:
        """For the deployment's status reason, after ECS's own beginning."""
        count = f"{self.failed} failed, the threshold is {self.allowed}"
        return f"ECS deployment circuit breaker: tasks failed to start ({count}). Last failure: {self.newest}"


def tripped(snapshot: Snapshot, deployment: Deployment, census: Census, now: datetime) -> Verdict | None:
    """The verdict where the breaker ends this deployment (or its rollback) now, else None."""
    if not snapshot.breaker.enable:
        return None
    allowed = threshold(snapshot.breaker, snapshot.desired_count)
    counting = counted(snapshot, deployment, census, now)
    images = _image_failures(snapshot, deployment, allowed)
    failed = len(counting) + images
    if failed < allowed:
        return None
    newest = deployment.image_error or "its images could not be resolved" if images else counting[-1].reason
    return Verdict(failed, allowed, newest)


def counted(snapshot: Snapshot, deployment: Deployment, census: Census, now: datetime) -> tuple[Failure, ...]:
    """Failures since the deployment began, since its rollback began, and (resetOnHealthyTask) since a task of it
    last became healthy."""
    rolling_back = deployment.status is DeploymentStatus.ROLLBACK_IN_PROGRESS
    since = [deployment.created_at, deployment.rollback_started_at if rolling_back else None]
    if snapshot.breaker.reset_on_healthy:
        since.append(last_healthy(snapshot, deployment, census, now))
    after = max((at for at in since if at is not None), default=None)
    own = [f for f in snapshot.failures if f.deployment in (None, deployment.id)]
    return tuple(f for f in own if after is None or f.stopped_at > after)


def last_healthy(
    snapshot: Snapshot, deployment: Deployment, census: Census, now: datetime
) -> datetime | None:
    """When a task of the deployment last became healthy: now, where this plan finds one so."""
    new = set(census.newly_healthy)
    if any(task.id in new and task.deployment == deployment.id for task in census.active):
        return now
    return snapshot.last_healthy_at


def _image_failures(snapshot: Snapshot, deployment: Deployment, allowed: int) -> int:
    """Each failed attempt to resolve the images counts as a failed task; one that can only fail again counts as
    all of them."""
    if deployment.ready or deployment.status is DeploymentStatus.ROLLBACK_IN_PROGRESS:
        return 0
    return max(allowed, deployment.image_failures) if deployment.image_error else deployment.image_failures
