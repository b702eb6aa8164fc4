"""Which instances are closed to tasks because a critical daemon does not run there as it should.

    no task of the daemon is RUNNING (and HEALTHY, where it has a health check)  ─▶ nothing else is placed
    … because it failed, was stopped by somebody, or is UNHEALTHY                ─▶ services see it DRAINING as well

After a failure the instance is open again once the next task counts as healthy, as in a deployment: one that crashes
over and over is RUNNING again and again. What a deployment of the daemon replaces closes the instance for that moment.

One query where the cluster has no critical daemon, two and two more for each daemon where it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from base.prepared import Given, Prepared
from clusters.models import CapacityProvider
from services.control.observe import checks_health
from services.models import Service, ServiceRevision, Task
from services.scheduler import model
from services.scheduler.model import AUTO_SCALING_GROUP, Health, Status, StopCode


@dataclass(frozen=True, slots=True)
class Closed:
    daemon: str  # its name
    drains: bool = False


def with_closed(
    fleet: tuple[model.Instance, ...], closed: Mapping[str, Closed]
) -> tuple[model.Instance, ...]:
    """The same instances, as other tasks than daemons see them."""
    if not closed:
        return fleet
    return tuple(_as_seen(one, closed[one.id]) if one.id in closed else one for one in fleet)


def _as_seen(instance: model.Instance, why: Closed) -> model.Instance:
    return replace(instance, closed=why.daemon, status="DRAINING" if why.drains else instance.status)


def closed_instances(cluster_id: int, fleet: Iterable[model.Instance]) -> dict[str, Closed]:
    """By the instance's id."""
    critical = [
        (row, revision)
        for row in _DAEMONS.all(cluster=cluster_id)
        if (revision := _standing(row)) is not None and revision.configuration["critical"]
    ]
    if not critical:
        return {}
    groups = dict(CapacityProvider.objects.filter(status="ACTIVE").values_list("name", "group"))
    found: dict[str, Closed] = {}
    active = [one for one in fleet if one.status == "ACTIVE"]
    for row, revision in critical:
        strategy = revision.configuration["capacityProviderStrategy"]
        own = {groups.get(item["capacityProvider"]) for item in strategy} - {None}
        served = {one.id for one in active if one.attributes.get(AUTO_SCALING_GROUP) in own}
        running, proven = _manned(row)
        doubtful = served - proven
        failed = _failed(row, doubtful) if doubtful else set()
        for key in (doubtful - running) | failed:
            if key not in found or key in failed:
                found[key] = Closed(row.name, drains=key in failed)
    return found


_DAEMONS = Prepared(
    lambda: Service.every.filter(
        cluster=Given("cluster"), daemon=True, status=Service.Status.ACTIVE
    ).select_related("deployment__target", "deployment__rollback", "completed_revision")
)


def _standing(row: Service) -> ServiceRevision | None:
    """The revision that the planner goes by: a new one once its images are resolved. None where the first deployment
    was given up: such a daemon closes nothing."""
    if row.deployment is None:
        return row.completed_revision
    effective = row.deployment.effective
    return effective if effective.images else row.completed_revision or effective


def _manned(row: Service) -> tuple[set[str], set[str]]:
    """The instances where a task of it runs and passes its checks; those of them where it counts as healthy."""
    rows = Task.objects.filter(service=row, status=Status.RUNNING, desired_status="RUNNING")
    tasks = rows.exclude(deployment_health=Health.UNHEALTHY).select_related("task_definition")
    running: set[str] = set()
    proven: set[str] = set()
    for task in tasks.only("instance_id", "deployment_health", "healthy_at", "task_definition__document"):
        if task.deployment_health == Health.HEALTHY or not checks_health(task.task_definition.document):
            running.add(str(task.instance_id))
        if task.healthy_at is not None:
            proven.add(str(task.instance_id))
    return running, proven


def _failed(row: Service, lacking: Iterable[str]) -> set[str]:
    """Those where the last task that ended, or is ending, was not just replaced, or where one is UNHEALTHY."""
    found: dict[str, bool] = {}
    rows = Task.objects.filter(service=row, instance__in=list(lacking)).order_by("created_at")
    for instance, desired, health, code, failed in rows.values_list(
        "instance_id", "desired_status", "deployment_health", "stop_code", "failed"
    ):
        if desired == "STOPPED":
            found[str(instance)] = failed or code != StopCode.SERVICE_SCHEDULER_INITIATED
        elif health == Health.UNHEALTHY:
            found[str(instance)] = True
    return {key for key, failing in found.items() if failing}
