"""Which images of a cluster something may still want to run, and what: these are never cleaned up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Min, Q

from clusters.models import ContainerInstance
from services.models import IN_PROGRESS, Deployment, Service, ServiceRevision, Task, TaskSet


def pins(instance: ContainerInstance) -> dict[str, str]:
    """Pin (digest reference, id or name) -> what needs it, in words. Of the whole cluster: what runs elsewhere now may
    be placed on this instance next."""
    found: dict[str, str] = {}
    for images, why in _all(instance.cluster_id):
        for item in images.values():
            for pin in (item.get("pin"), item.get("image")):
                if pin:
                    found.setdefault(pin, why)
    return found


def _all(cluster_id: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield from _tasks(cluster_id)
    yield from _deployments(cluster_id)
    yield from _task_sets(cluster_id)
    yield from _revisions(cluster_id)


def _tasks(cluster_id: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    rows = Task.objects.filter(cluster=cluster_id).exclude(status="STOPPED")
    alone = rows.filter(Q(revision=None) | Q(revision__images={}))
    for own, task in alone.values_list("images", "pk").iterator():
        yield own, f"task {task[:8]} has not ended"
    # Tasks of one revision need the same: it is read once, however many there are.
    groups = rows.exclude(revision=None).values("revision").annotate(task=Min("pk"))
    by_revision = dict(groups.values_list("revision", "task"))
    revisions = ServiceRevision.objects.filter(service__cluster=cluster_id)
    for key, images in revisions.values_list("pk", "images").iterator():
        if images and key in by_revision:
            yield images, f"task {by_revision[key][:8]} has not ended"
    # What is not pinned yet is asked for by its name.
    named = rows.filter(status="PROVISIONING").values_list("containers__image", "pk")
    for image, task in named.iterator():
        yield {"": {"image": image}}, f"task {task[:8]} has not started"


def _deployments(cluster_id: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    rows = Deployment.objects.filter(service__cluster=cluster_id, status__in=IN_PROGRESS)
    for name, *several in rows.values_list(
        "service__name", "target__images", "source__images", "rollback__images"
    ).iterator():
        for images in several:
            yield images or {}, f"a deployment of service {name} is in progress"


def _task_sets(cluster_id: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Also at a scale of 0: the next call may scale it up."""
    rows = TaskSet.objects.filter(service__cluster=cluster_id, status=TaskSet.Status.ACTIVE)
    for images, name in rows.values_list("revision__images", "service__name").iterator():
        yield images or {}, f"service {name} has a task set of it"


def _revisions(cluster_id: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Everything that completed once, of every service that is not deleted: a rollback may go to any of them."""
    kept = ~Q(completed_at=None) | Q(
        pk__in=Service.every.filter(cluster=cluster_id).values("completed_revision")
    )
    rows = ServiceRevision.objects.filter(kept, service__cluster=cluster_id)
    rows = rows.exclude(service__status=Service.Status.INACTIVE)
    for images, name, number in rows.values_list("images", "service__name", "number").iterator():
        yield images, f"service {name} can roll back to its revision {number}"
