"""One service: claim, observe, plan, apply, and again while somebody woke it meanwhile."""

from __future__ import annotations

from datetime import datetime

from base import clock
from services import wakeup
from services.control import resolving, snapshot, task_sets
from services.control.apply import Outdated, apply
from services.control.claim import again, claim_due, drop, release
from services.models import Service
from services.scheduler.model import EnterStage, ExpirePause, SetDeployment
from services.scheduler.plan import plan


def reconcile(service_id: int) -> None:
    """Bring what runs nearer to what should run."""
    owner = claim_due(Service, service_id)
    if owner is None:
        return
    try:
        while True:
            wake_at = _round(service_id, owner)
            if release(Service, service_id, owner, wake_at):
                wakeup.send_later(wakeup.RECONCILE, service_id, wake_at)
                return
            if not again(Service, service_id, owner):
                return
    except BaseException:
        drop(Service, service_id, owner)
        raise


def _round(service_id: int, owner: str) -> datetime | None:
    service = snapshot.load(service_id)
    if service.status == Service.Status.INACTIVE:
        return None
    if service.is_external and service.status == Service.Status.ACTIVE:
        return task_sets.plan_each(service, owner)
    look_again: datetime | None = None
    if service.deployment is not None and resolving.is_due(service.deployment):
        look_again = resolving.resolve_at_hand(service.deployment)
        service = snapshot.load(service_id)
    decided = plan(snapshot.snapshot(service), clock.now())
    try:
        wake_at = apply(service, decided, owner)
    except Outdated:
        return clock.now()
    if any(map(decided.of, (SetDeployment, EnterStage, ExpirePause))):
        # What follows from its new state may need nothing else to happen first.
        return clock.now()
    return min(filter(None, (wake_at, look_again)), default=None)
