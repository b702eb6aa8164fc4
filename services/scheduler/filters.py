"""Placement filters: may a task run on this instance, and if not, why. Standard library only.

A filter is a function `(slot, request) -> str`: "" where the instance passes, else the rest of the sentence
"The closest matching (container-instance ID) …". To add one, write it and name it in `FILTERS`; the order is the
order in which reasons are told (docs/scheduler.md shows it step by step). Where few requests give it anything to do,
say which in `_ONLY_FOR`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.scheduler.model import AUTO_SCALING_GROUP, Demand, Instance, Port, Query, Revision


@dataclass(frozen=True, slots=True)
class Request:
    """What one task needs of the instance it is placed on."""

    demand: Demand
    distinct_instance: bool = False
    required_attributes: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Query, ...] = ()
    group: str = ""  # the task group it will be of
    # Of a capacity provider: the Auto Scaling group its instances are members of ("" = any), and its name.
    group_of_instances: str = ""
    provider: str = ""

    @classmethod
    def of(cls, revision: Revision, group: str = "") -> Request:
        return cls(
            revision.demand,
            revision.distinct_instance,
            revision.required_attributes,
            revision.constraints,
            group,
        )


@dataclass(slots=True)
class Slot:
    """A working copy of one instance, changed as tasks are placed on it or thought away from it.

    It is also what cluster queries are asked about: tasks placed a moment ago in the same plan count as if they ran
    already, so placing five at once is the same as placing one after the other.
    """

    id: str
    instance: Instance
    cpu: int  # free CPU units
    memory: int  # free MiB
    # Host ports in use, and further down tasks by group: replaced, never changed, so most are the instance's own.
    ports: frozenset[Port]
    gpus: int  # free ones
    taken: int  # tasks of the service on it, also those being replaced or stopped: what distinctInstance sees
    count: int  # tasks of the service that are to stay: what spread sees
    group: str  # of the tasks that are placed and thought away
    group_counts: Mapping[str, int]
    running_tasks: int

    @classmethod
    def of(cls, instance: Instance, taken: int, count: int, group: str = "") -> Slot:
        free_cpu = instance.cpu - instance.cpu_reserved
        free_memory = instance.memory - instance.memory_reserved
        gpus = instance.gpus - instance.gpus_reserved
        return cls(
            instance.id, instance, free_cpu, free_memory, instance.ports, gpus, taken, count, group,
            instance.groups, instance.running_tasks,
        )  # fmt: skip

    def copy(self) -> Slot:
        return replace(self)

    def reserve(self, demand: Demand) -> None:
        self.cpu -= demand.cpu
        self.memory -= demand.memory
        self.ports |= demand.ports
        self.gpus -= demand.gpus
        self._count(1)

    def release(self, demand: Demand) -> None:
        self.cpu += demand.cpu
        self.memory += demand.memory
        self.ports -= demand.ports
        self.gpus += demand.gpus
        self._count(-1)

    def _count(self, change: int) -> None:
        self.taken += change
        self.running_tasks += change
        self.group_counts = {**self.group_counts, self.group: self.group_counts.get(self.group, 0) + change}

    # ---- facts of cluster queries --------------------------------------------------------------

    @property
    def attributes(self) -> Mapping[str, str]:
        return self.instance.attributes

    @property
    def connected(self) -> bool:
        return self.instance.connected

    @property
    def agent_version(self) -> str:
        return self.instance.agent_version

    @property
    def ec2_instance_id(self) -> str:
        return self.instance.ec2_instance_id

    @property
    def registered_at(self) -> datetime | None:
        return self.instance.registered_at

    @property
    def groups(self) -> Collection[str]:
        return [group for group, count in self.group_counts.items() if count > 0]


def enough_cpu(slot: Slot, request: Request) -> str:
    return "" if request.demand.cpu <= slot.cpu else "has insufficient CPU units available."


def enough_memory(slot: Slot, request: Request) -> str:
    return "" if request.demand.memory <= slot.memory else "has insufficient memory available."


def free_ports(slot: Slot, request: Request) -> str:
    if slot.ports.isdisjoint(request.demand.ports):
        return ""
    return "is already using a port required by your task."


def enough_gpus(slot: Slot, request: Request) -> str:
    return "" if request.demand.gpus <= slot.gpus else "has insufficient GPU resource available."


def has_its_daemons(slot: Slot, request: Request) -> str:
    """Critical daemons come before all other tasks."""
    return f"waits for the critical daemon {slot.instance.closed}." if slot.instance.closed else ""


def has_attributes(slot: Slot, request: Request) -> str:
    own = slot.instance.attributes
    if all(own.get(name) == value for name, value in request.required_attributes.items()):
        return ""
    return "is missing an attribute required by your task."


def distinct_instance(slot: Slot, request: Request) -> str:
    if slot.taken <= 0 or not request.distinct_instance:
        return ""
    return f"{_UNSATISFIED}: distinctInstance, and it runs such a task already."


def of_provider(slot: Slot, request: Request) -> str:
    wanted = request.group_of_instances
    if not wanted or slot.instance.attributes.get(AUTO_SCALING_GROUP) == wanted:
        return ""
    return f"is not of the capacity provider {request.provider}."


def member_of(slot: Slot, request: Request) -> str:
    """Constraints on what the instance is."""
    return _outside(slot, (query for query in request.constraints if not query.asks_tasks))


def member_of_by_tasks(slot: Slot, request: Request) -> str:
    """Constraints on what runs there: they may hold when tasks have come or gone."""
    return _outside(slot, (query for query in request.constraints if query.asks_tasks))


_UNSATISFIED = "did not satisfy the placement constraints"


def _outside(slot: Slot, queries: Iterable[Query]) -> str:
    broken = next((query for query in queries if not query.matches(slot)), None)
    return "" if broken is None else f"{_UNSATISFIED}: memberOf {broken.text}."


Filter = Callable[[Slot, Request], str]

# Those that stopping tasks could satisfy …
PASSING: tuple[Filter, ...] = (
    enough_cpu,
    enough_memory,
    free_ports,
    enough_gpus,
    distinct_instance,
    member_of_by_tasks,
)
# … and those that only another instance could.
SUITABLE: tuple[Filter, ...] = (of_provider, has_attributes, member_of)
LASTING: tuple[Filter, ...] = (*SUITABLE, has_its_daemons)
FILTERS: tuple[Filter, ...] = LASTING + PASSING


# What a request must have for a filter to have anything against any instance. Those that are not here always may.
_ONLY_FOR: Mapping[Filter, Callable[[Request], object]] = {
    of_provider: lambda request: request.group_of_instances,
    has_attributes: lambda request: request.required_attributes,
    member_of: lambda request: request.constraints,
    free_ports: lambda request: request.demand.ports,
    enough_gpus: lambda request: request.demand.gpus,
    distinct_instance: lambda request: request.distinct_instance,
    member_of_by_tasks: lambda request: request.constraints,
}


def filters_for(request: Request) -> tuple[Filter, ...]:
    """Those of FILTERS that matter to this request: most of them do not, and a fleet has hundreds of instances."""
    return tuple(one for one in FILTERS if one not in _ONLY_FOR or _ONLY_FOR[one](request))


def fits(slot: Slot, request: Request, filters: Iterable[Filter] = FILTERS) -> bool:
    """Whether none of the filters refuses. `filters`: those for the request, where it is asked of many slots; or some,
    where they alone are in question."""
    for check in filters:  # noqa: SIM110 - a generator takes longer than most filters
        if check(slot, request):
            return False
    return True


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


def _distance(slot: Slot, request: Request) -> tuple[int, bool, int, int, int, str]:
    """What an instance is weighs more than what it waits for, and that more than what runs there; then how much is
    missing (CPU, memory).
    """
    unsuitable = sum(1 for check in SUITABLE if check(slot, request))
    waiting = bool(has_its_daemons(slot, request))
    passing = sum(1 for check in PASSING if check(slot, request))
    missing_cpu = max(0, request.demand.cpu - slot.cpu)
    missing_memory = max(0, request.demand.memory - slot.memory)
    return unsuitable, waiting, passing, missing_cpu, missing_memory, slot.id
