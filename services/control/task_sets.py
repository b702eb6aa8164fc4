"""The loop for a service of the controller EXTERNAL: each of its task sets is planned and applied by itself, one after
the other, so that each sees the room that those before it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from base import clock, live
from services.control import resolving, snapshot
from services.control.apply import Outdated, apply
from services.models import Service, TaskSet
from services.rollout import service_topics
from services.scheduler import model
from services.scheduler.plan import plan

NONE_YET = "Waiting for a task set: there is none yet, so there is nothing to start tasks from."


def plan_each(service: Service, owner: str) -> datetime | None:
    """One round. Answers when to look again at the latest."""
    times: list[datetime | None] = []
    for task_set in _task_sets(service):
        if resolving.is_due(task_set):
            times.append(resolving.resolve_at_hand(task_set))
            task_set.refresh_from_db(fields=["image_error"])
            task_set.revision.refresh_from_db(fields=["images"])
        decided = plan(facts(service, task_set), clock.now())
        try:
            times.append(apply(service, decided, owner, task_set))
        except Outdated:
            return clock.now()
    _tell_the_service(service, owner, _task_sets(service))
    return min(filter(None, times), default=None)


def _task_sets(service: Service) -> list[TaskSet]:
    rows = list(TaskSet.objects.filter(service=service).select_related("revision__task_definition__family"))
    for row in rows:
        row.service = service
        row.revision.service = service
    return rows


def facts(service: Service, task_set: TaskSet) -> model.Snapshot:
    """The task set's own snapshot: as if it were a service, in its steady state."""
    whole = snapshot.snapshot(service, task_set.revision)
    own = tuple(task for task in whole.tasks if task.revision == task_set.pk)
    others = (task.instance for task in whole.tasks if task.revision != task_set.pk)
    draining = task_set.status == TaskSet.Status.DRAINING
    return replace(
        whole,
        status="DRAINING" if draining else "ACTIVE",
        desired_count=task_set.desired_count,
        tasks=own,
        steady=task_set.stability == TaskSet.Stability.STEADY_STATE,
        task_set=model.TaskSet(
            task_set.id, ready=bool(task_set.revision.images), image_error=task_set.image_error or None
        ),
        neighbours=Counter(instance for instance in others if instance is not None),
    )


def _tell_the_service(service: Service, owner: str, task_sets: Sequence[TaskSet]) -> None:
    """The service is steady while all of its task sets are, and waits for what the first of them waits for."""
    unsteady = any(one.stability != TaskSet.Stability.STEADY_STATE for one in task_sets) or not task_sets
    waiting = next((one.waiting for one in task_sets if one.waiting), "")
    if not task_sets and service.desired_count:
        waiting = NONE_YET
    fields: dict[str, object] = {"waiting": waiting} if waiting != service.waiting else {}
    if unsteady == (service.steady_since is not None):
        fields["steady_since"] = None if unsteady else clock.now()
    if fields and Service.objects.filter(pk=service.pk, lease_owner=owner).update(**fields):
        live.publish(*service_topics(service))
