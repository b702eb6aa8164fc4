"""Room on an instance: taken and given back by guarded updates, so that two jobs never take the same.

Called by `services.control` in the transaction that creates or ends the task.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import F

from clusters.models import ContainerInstance, HostPort


class NoRoom(Exception):
    """The instance has no longer the room the plan counted on."""


def reserve(
    instance_id: str, *, cpu: int, memory: int, ports: Iterable[tuple[int, str]], holder: str
) -> None:
    """Take CPU units, MiB and host ports for the task `holder`. Raises NoRoom, then nothing was taken."""
    try:
        with transaction.atomic():
            taken = ContainerInstance.objects.filter(
                pk=instance_id,
                status="ACTIVE",
                lost_at=None,
                cpu__gte=F("cpu_reserved") + cpu,
                memory__gte=F("memory_reserved") + memory,
            ).update(
                cpu_reserved=F("cpu_reserved") + cpu,
                memory_reserved=F("memory_reserved") + memory,
                pending_tasks=F("pending_tasks") + 1,
            )
            if not taken:
                raise NoRoom(f"instance {instance_id} has no room left")
            HostPort.objects.bulk_create(
                HostPort(instance_id=instance_id, port=port, protocol=protocol, holder=holder)
                for port, protocol in ports
            )
    except IntegrityError:
        raise NoRoom(f"a host port of {holder} is taken on instance {instance_id}") from None


def release(instance_id: str, *, cpu: int, memory: int, holder: str) -> None:
    """Give back what the task held. The caller guarantees once per task (it moves the task's status with it)."""
    ContainerInstance.objects.filter(pk=instance_id).update(
        cpu_reserved=F("cpu_reserved") - cpu, memory_reserved=F("memory_reserved") - memory
    )
    HostPort.objects.filter(holder=holder).delete()


def count(instance_id: str, *, pending: int = 0, running: int = 0) -> None:
    """Move the instance's counters by these differences."""
    ContainerInstance.objects.filter(pk=instance_id).update(
        pending_tasks=F("pending_tasks") + pending, running_tasks=F("running_tasks") + running
    )
