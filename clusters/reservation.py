"""Room on an instance: taken and given back by guarded updates, so that two jobs never take the same.

Called by `services.control` in the transaction that creates or ends the task.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import F, IntegerField, QuerySet

from base.prepared import Given, PreparedUpdate
from clusters.models import ContainerInstance, HeldGpu, HostPort


class NoRoom(Exception):
    """The instance has no longer the room the plan counted on."""


def reserve(
    instance_id: str, *, cpu: int, memory: int, ports: Iterable[tuple[int, str]], holder: str, gpus: int = 0
) -> tuple[str, ...]:
    """Take CPU units, MiB, host ports and that many GPUs for the task `holder`; answers the GPUs' ids. Raises NoRoom,
    then nothing was taken."""
    try:
        with transaction.atomic():
            if not _TAKE.run(pk=instance_id, cpu=cpu, memory=memory):
                raise NoRoom(f"instance {instance_id} has no room left")
            HostPort.objects.bulk_create(
                HostPort(instance_id=instance_id, port=port, protocol=protocol, holder=holder)
                for port, protocol in ports
            )
            return _take_gpus(instance_id, gpus, holder)
    except IntegrityError:
        raise NoRoom(f"a host port or GPU of {holder} is taken on instance {instance_id}") from None


def _take_gpus(instance_id: str, count: int, holder: str) -> tuple[str, ...]:
    """The instance's row is locked by now: nobody else chooses among the same."""
    if not count:
        return ()
    free = ContainerInstance.objects.only("gpus").get(pk=instance_id).free_gpus[:count]
    if len(free) < count:
        raise NoRoom(f"instance {instance_id} has not enough GPUs left")
    HeldGpu.objects.bulk_create(HeldGpu(instance_id=instance_id, gpu=gpu, holder=holder) for gpu in free)
    return tuple(free)


def release(instance_id: str, *, cpu: int, memory: int, holder: str) -> None:
    """Give back what the task held. The caller guarantees once per task (it moves the task's status with it)."""
    _GIVE_BACK.run(pk=instance_id, cpu=cpu, memory=memory)
    HostPort.objects.filter(holder=holder).delete()
    HeldGpu.objects.filter(holder=holder).delete()


def count(instance_id: str, *, pending: int = 0, running: int = 0) -> None:
    """Move the instance's counters by these differences."""
    _COUNT.run(pk=instance_id, pending=pending, running=running)


def _row() -> QuerySet[ContainerInstance]:
    return ContainerInstance.objects.filter(pk=Given("pk"))


_CPU, _MEMORY = Given("cpu", IntegerField()), Given("memory", IntegerField())
_TAKE = PreparedUpdate(
    lambda: _row().filter(
        status="ACTIVE",
        lost_at=None,
        cpu__gte=F("cpu_reserved") + _CPU,
        memory__gte=F("memory_reserved") + _MEMORY,
    ),
    cpu_reserved=F("cpu_reserved") + _CPU,
    memory_reserved=F("memory_reserved") + _MEMORY,
    pending_tasks=F("pending_tasks") + 1,
)
_GIVE_BACK = PreparedUpdate(
    _row, cpu_reserved=F("cpu_reserved") - _CPU, memory_reserved=F("memory_reserved") - _MEMORY
)
_COUNT = PreparedUpdate(
    _row,
    pending_tasks=F("pending_tasks") + Given("pending", IntegerField()),
    running_tasks=F("running_tasks") + Given("running", IntegerField()),
)
