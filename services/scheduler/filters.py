"""Placement filters: may a task run on this instance, and if not, why. Standard library only.

A filter is a function `(slot, request) -> str`: "" where the instance passes, else the rest of the sentence
"The closest matching (container-instance ID) …". To add one, write it and name it in `FILTERS`; the order is the
order in which reasons are told (docs/scheduler.md shows it step by step).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.scheduler.model import Demand, Instance, Port, Revision


@dataclass(frozen=True, slots=True)
class Request:
    """What one task needs of the instance it is placed on."""

    demand: Demand
    distinct_instance: bool = False
    required_attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, revision: Revision) -> Request:
        return cls(revision.demand, revision.distinct_instance, revision.required_attributes)


@dataclass(slots=True)
class Slot:
    """A working copy of one instance, changed as tasks are placed on it or thought away from it."""

    id: str
    instance: Instance
    cpu: int  # free CPU units
    memory: int  # free MiB
    ports: set[Port]  # host ports in use
    taken: int  # tasks of the service on it, also those being replaced or stopped: what distinctInstance sees
    count: int  # tasks of the service that are to stay: what spread sees

    @classmethod
    def of(cls, instance: Instance, taken: int, count: int) -> Slot:
        free_cpu = instance.cpu - instance.cpu_reserved
        free_memory = instance.memory - instance.memory_reserved
        return cls(instance.id, instance, free_cpu, free_memory, set(instance.ports), taken, count)

    def reserve(self, demand: Demand) -> None:
        self.cpu -= demand.cpu
        self.memory -= demand.memory
        self.ports |= demand.ports
        self.taken += 1

    def release(self, demand: Demand) -> None:
        self.cpu += demand.cpu
        self.memory += demand.memory
        self.ports -= demand.ports
        self.taken -= 1


def enough_cpu(slot: Slot, request: Request) -> str:
    return "" if request.demand.cpu <= slot.cpu else "has insufficient CPU units available."


def enough_memory(slot: Slot, request: Request) -> str:
    return "" if request.demand.memory <= slot.memory else "has insufficient memory available."


def free_ports(slot: Slot, request: Request) -> str:
    if slot.ports.isdisjoint(request.demand.ports):
        return ""
    return "is already using a port required by your task."


def has_attributes(slot: Slot, request: Request) -> str:
    own = slot.instance.attributes
    if all(own.get(name) == value for name, value in request.required_attributes.items()):
        return ""
    return "is missing an attribute required by your task."


def distinct_instance(slot: Slot, request: Request) -> str:
    if slot.taken <= 0 or not request.distinct_instance:
        return ""
    return "already runs a task of this service, and its placement constraint is distinctInstance."


Filter = Callable[[Slot, Request], str]

# Those that stopping tasks could satisfy …
PASSING: tuple[Filter, ...] = (enough_cpu, enough_memory, free_ports, distinct_instance)
# … and those that only another instance could.
LASTING: tuple[Filter, ...] = (has_attributes,)
FILTERS: tuple[Filter, ...] = LASTING + PASSING


def fits(slot: Slot, request: Request) -> bool:
    return not any(check(slot, request) for check in FILTERS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a task could not be placed. `reason` is a whole sentence in ECS's words."""

    reason: str
    instance: str | None = None  # the closest match


def refusal(instances: Sequence[Instance], slots: Iterable[Slot], request: Request) -> Refusal:
    """Name the instance that came closest and what it lacked. `slots`: those of placeable instances."""
    closest = min(slots, key=lambda slot: _distance(slot, request), default=None)
    if closest is not None:
        reasons = [reason for check in FILTERS if (reason := check(closest, request))]
        return _refuse(closest.id, reasons[0] if reasons else "could not be used.")
    if not instances:
        return Refusal("No Container Instances were found in your cluster.")
    # Nothing is placeable; one that drains still answers, so it is nearer than one that does not.
    nearest = min(instances, key=lambda instance: (not instance.connected, instance.id))
    return _refuse(nearest.id, "is draining." if nearest.connected else "is disconnected.")


def _refuse(instance: str, what: str) -> Refusal:
    return Refusal(f"The closest matching (container-instance {instance}) {what}", instance)


def _distance(slot: Slot, request: Request) -> tuple[int, int, int, int, str]:
    """Lasting lacks weigh more than passing ones; then how many; then how much is missing (CPU, memory)."""
    lasting = sum(1 for check in LASTING if check(slot, request))
    passing = sum(1 for check in PASSING if check(slot, request))
    missing_cpu = max(0, request.demand.cpu - slot.cpu)
    missing_memory = max(0, request.demand.memory - slot.memory)
    return lasting, passing, missing_cpu, missing_memory, slot.id
