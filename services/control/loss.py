"""What becomes of the tasks of an instance that is lost: away for longer than SLIPWAY_INSTANCE_LOST_SECONDS.

A service's tasks are given up: stopped with InfrastructureHealth, and moved to DEPROVISIONING, where the scheduler no
longer counts them, so that it replaces them elsewhere. They are not STOPPED: their containers may well run on, and keep
their reservation. When the host answers again, the driver stops and removes what it finds, and only then they end.
Tasks that were run by themselves are nobody's to replace: they keep their last status until the host answers, or until
it is deregistered. Then, as nothing more is expected of it, all its tasks end at once.

Called when an instance is declared lost, and by every sweep, so that a kill at any moment costs latency only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from base.prepared import Prepared
from clusters.models import ContainerInstance
from services import events
from services.control.transitions import ask_to_stop, take_down
from services.models import Service, Task, TaskContainer
from services.scheduler.model import Status, StopCode

_DEREGISTERED = "Container instance was deregistered by user."


def settle() -> int:
    """All lost instances; answers how many tasks were given up."""
    return sum(settle_instance(instance) for instance in _LOST.all())


_LOST = Prepared(lambda: ContainerInstance.objects.filter(connected=False).exclude(lost_at=None))


def instance_lost(fact: Mapping[str, Any]) -> None:
    lost = ContainerInstance.objects.filter(pk=fact["instance"], connected=False).exclude(lost_at=None)
    for instance in lost:
        settle_instance(instance)


def settle_instance(instance: ContainerInstance) -> int:
    """Give up what this lost instance was running. Safe to repeat."""
    gone = instance.status == ContainerInstance.Status.INACTIVE
    rows = _all(instance) if gone else _services(instance)
    given_up: dict[int, list[Task]] = defaultdict(list)
    count = 0
    for task in rows.select_related("cluster", "instance__cluster", "service__cluster"):
        if ask_to_stop(task, *_why(instance, gone=gone)) and task.service is not None:
            given_up[task.service.pk].append(task)
        count += take_down(task, Status.STOPPED if gone else Status.DEPROVISIONING)
        if task.status == Status.STOPPED:
            TaskContainer.objects.filter(task=task).exclude(status="STOPPED").update(status="STOPPED")
    if not gone:
        _tell(instance, given_up)
    return count


def _all(instance: ContainerInstance) -> QuerySet[Task]:
    return Task.objects.filter(instance=instance).exclude(status=Status.STOPPED)


def _services(instance: ContainerInstance) -> QuerySet[Task]:
    """Those that are not given up yet."""
    done = Q(status=Status.DEPROVISIONING) & Q(desired_status="STOPPED")
    return _all(instance).exclude(service=None).exclude(done)


def _why(instance: ContainerInstance, *, gone: bool) -> tuple[StopCode, str]:
    if gone:
        return StopCode.USER_INITIATED, _DEREGISTERED
    return StopCode.INFRASTRUCTURE_HEALTH, f"Container instance {_named(instance)} was lost"


def _named(instance: ContainerInstance) -> str:
    return f"{instance.pk} ({instance.name})" if instance.name else instance.pk


def _tell(instance: ContainerInstance, given_up: Mapping[int, list[Task]]) -> None:
    since = f" since {instance.disconnected_at:%Y-%m-%d %H:%M:%S} UTC" if instance.disconnected_at else ""
    for service in Service.every.filter(pk__in=given_up):
        tasks = given_up[service.pk]
        count = f"{len(tasks)} tasks" if len(tasks) > 1 else "1 task"
        events.announce(
            service,
            f"({service.kind} {service.name}) is replacing {count}: container instance {_named(instance)} is lost. "
            f"It has not answered{since}.",
        )
