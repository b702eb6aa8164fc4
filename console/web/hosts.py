"""Instances as cards and rows, with their tasks drawn in proportion to what they reserve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from clusters.models import ContainerInstance, HeldGpu
from console.web import links
from console.web.page import ListState, address
from console.web.parts import Block, Choice, Host, Tone
from console.web.words import ago
from services.models import Task

ONE_BY_ONE = 400  # tasks on one page of the map; above, a block stands for all tasks of a service
PER_PAGE = 12
COLOURS = 8
MOST_BLOCKS = 240  # on all instances of a page together, so that it stays under 100 KB
_REST_COLOUR = 5
_LEGEND = 12
_Found = list[tuple[str, str, str, int, int, int]]

SORTS = {
    "name": ("name", "id"),
    "status": ("status", "connected", "name"),
    "cluster": ("cluster__name", "name"),
    "cpu": ("cpu_reserved", "name"),
    "memory": ("memory_reserved", "name"),
    "tasks": ("running_tasks", "name"),
    "seen": ("last_seen_at", "name"),
}
STATES = {
    "active": Q(status="ACTIVE", connected=True),
    "draining": Q(status="DRAINING"),
    "unreachable": Q(connected=False),
    "lost": Q(connected=False, lost_at__isnull=False),
}


def status_of(instance: ContainerInstance) -> tuple[str, Tone]:
    """What matters most: lost before being away before draining before active. REGISTERING until the first answer."""
    if instance.status == ContainerInstance.Status.INACTIVE:
        return "INACTIVE", "old"
    if not instance.connected and instance.lost_at is not None:
        return "LOST", "bad"
    if not instance.connected:
        return (
            ("UNREACHABLE", "bad")
            if instance.connected_at or instance.disconnected_at
            else ("REGISTERING", "wait")
        )
    return ("DRAINING", "wait") if instance.status == ContainerInstance.Status.DRAINING else ("ACTIVE", "ok")


def searched(instances: QuerySet[ContainerInstance], state: ListState) -> QuerySet[ContainerInstance]:
    if state.q:
        instances = instances.filter(
            Q(name__icontains=state.q)
            | Q(pk__startswith=state.q.lower())
            | Q(url__icontains=state.q)
            | Q(cluster__name__icontains=state.q)
        )
    return instances.filter(STATES[state.state]) if state.state in STATES else instances


def choices(instances: QuerySet[ContainerInstance]) -> list[Choice]:
    amounts = instances.order_by().aggregate(
        all=Count("pk"), **{name: Count("pk", filter=condition) for name, condition in STATES.items()}
    )
    return [
        Choice("", _("All"), amounts["all"]),
        Choice("active", _("Active"), amounts["active"]),
        Choice("draining", _("Draining"), amounts["draining"]),
        Choice("unreachable", _("Unreachable"), amounts["unreachable"]),
        Choice("lost", _("Lost"), amounts["lost"]),
    ]


def map_of(request: HttpRequest, instances: QuerySet[ContainerInstance]) -> dict[str, object]:
    """One page of the map, its legend and its chips. Four queries; six where an instance has GPUs."""
    state = ListState.of(request, SORTS, "name")
    shown = state.page_of(searched(instances, state), PER_PAGE)
    drawn, legend = hosts(list(shown))
    return {
        "page": shown,
        "hosts": drawn,
        "legend": legend,
        "choices": choices(instances),
        "filtered": bool(state.q or state.state),
    }


def hosts(instances: Sequence[ContainerInstance]) -> tuple[list[Host], list[tuple[str, int]]]:
    """The instances as Hosts, and (service, colour) for the legend. One query for their tasks."""
    total = sum(instance.running_tasks + instance.pending_tasks for instance in instances)
    tasks = Task.objects.filter(instance__in=instances).exclude(status="STOPPED").order_by()
    found = _single(tasks) if total <= ONE_BY_ONE else _grouped(tasks)
    names = sorted({name for _, name, *_rest in found})
    colour = {name: index % COLOURS for index, name in enumerate(names)}
    clusters = {instance.pk: instance.cluster.name for instance in instances}
    blocks: dict[str, list[Block]] = defaultdict(list)
    for instance_id, name, task_id, count, cpu, memory in _bounded(
        found, MOST_BLOCKS // max(1, len(instances))
    ):
        if task_id:
            url = links.task(clusters[instance_id], task_id)
        else:
            url = address(links.to("tasks"), instance=instance_id, service=name)
        title = _title(name, task_id, count, cpu, memory)
        blocks[instance_id].append(Block(title, url, cpu, memory, colour.get(name, _REST_COLOUR)))
    gpus = _gpu_blocks(instances, clusters, colour)
    return [_host(instance, blocks[instance.pk], gpus[instance.pk]) for instance in instances], [
        (name, colour[name]) for name in names[:_LEGEND]
    ]


def _gpu_blocks(
    instances: Sequence[ContainerInstance], clusters: dict[str, str], colour: dict[str, int]
) -> dict[str, list[Block]]:
    """A block for each GPU that is taken, of its task. Two queries where an instance has any, else none."""
    blocks: dict[str, list[Block]] = defaultdict(list)
    having = [instance.pk for instance in instances if instance.gpus]
    if not having:
        return blocks
    held = list(
        HeldGpu.objects.filter(instance__in=having)
        .order_by("gpu")
        .values_list("instance_id", "gpu", "holder")
    )
    holders = {holder for _instance, _gpu, holder in held}
    groups = dict(Task.objects.filter(arn__in=holders).values_list("arn", "group"))
    for instance_id, gpu, holder in held:
        name, task_id = _bare(groups.get(holder, "")), holder.rpartition("/")[2]
        url = links.task(clusters[instance_id], task_id)
        title = f"{gpu}: {name} {task_id[:8]}"
        blocks[instance_id].append(Block(title, url, 0, 0, colour.get(name, _REST_COLOUR)))
    return blocks


def gpus_of(instances: QuerySet[ContainerInstance]) -> dict[str, int]:
    """How many GPUs they have, and how many of those are taken. One query."""
    rows = list(
        instances.exclude(gpus=[]).order_by().annotate(held=Count("held_gpus")).values_list("gpus", "held")
    )
    return {"total": sum(len(gpus) for gpus, _held in rows), "used": sum(held for _gpus, held in rows)}


def _bounded(found: _Found, most: int) -> _Found:
    """By name, at most `most` on an instance: the largest ones, and one block for all the rest."""
    by_instance: dict[str, _Found] = defaultdict(list)
    for row in found:
        by_instance[row[0]].append(row)
    kept: _Found = []
    for instance_id, mine in by_instance.items():
        mine.sort(key=lambda row: (-row[4], -row[5], row[1], row[2]))
        shown, rest = mine[:most], mine[most:]
        kept += sorted(shown, key=lambda row: (row[1], row[2]))
        if rest:
            count, cpu, memory = (sum(amounts) for amounts in zip(*(row[3:] for row in rest), strict=True))
            kept.append((instance_id, "", "", count, cpu, memory))
    return kept


def _single(tasks: QuerySet[Task]) -> _Found:
    rows = tasks.values_list("instance_id", "group", "pk", "cpu", "memory")
    return [(instance, _bare(group), pk, 1, cpu, memory) for instance, group, pk, cpu, memory in rows]


def _grouped(tasks: QuerySet[Task]) -> _Found:
    rows = tasks.values_list("instance_id", "group").annotate(Count("pk"), Sum("cpu"), Sum("memory"))
    return [(instance, _bare(group), "", count, cpu, memory) for instance, group, count, cpu, memory in rows]


def _bare(group: str) -> str:
    """`web` of `service:web`; `family:job` stays, as it is no service."""
    return group.removeprefix("service:")


def _title(name: str, task_id: str, count: int, cpu: int, memory: int) -> str:
    what = (
        f"{name} {task_id[:8]}"
        if task_id
        else _("%(name)s, %(count)d tasks") % {"name": name or _("others"), "count": count}
    )
    return _("%(what)s: %(cpu)d CPU units, %(memory)d MiB") % {"what": what, "cpu": cpu, "memory": memory}


def _host(instance: ContainerInstance, blocks: Iterable[Block], gpus: Sequence[Block]) -> Host:
    status, tone = status_of(instance)
    return Host(
        name=str(instance),
        url=links.instance(instance.cluster.name, instance.pk),
        status=status,
        tone=tone,
        cpu_total=instance.cpu,
        cpu_reserved=instance.cpu_reserved,
        memory_total=instance.memory,
        memory_reserved=instance.memory_reserved,
        note=note_of(instance),
        blocks=list(blocks),
        gpus=len(instance.gpus),
        gpu_blocks=gpus,
    )


def note_of(instance: ContainerInstance) -> str:
    """Why it is away and since when; else its engine and how many tasks it has."""
    if not instance.connected:
        since = f" · {ago(instance.disconnected_at)}" if instance.disconnected_at else ""
        return f"{instance.connection_error}{since}"
    tasks = instance.running_tasks + instance.pending_tasks
    return _("Docker %(version)s · %(count)d tasks") % {
        "version": instance.info.get("version", "?"),
        "count": tasks,
    }
