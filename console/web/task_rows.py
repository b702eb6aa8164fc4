"""Tasks as lists show them: the task list, a cluster's, an instance's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.web import links
from console.web.page import ListState
from console.web.parts import Choice
from services.models import Task

STATES: Mapping[str, Q] = {
    "running": Q(status="RUNNING", desired_status="RUNNING"),
    "pending": Q(status__in=["PROVISIONING", "PENDING", "ACTIVATING"], desired_status="RUNNING"),
    "unhealthy": Q(status="RUNNING", desired_status="RUNNING", health="UNHEALTHY"),
    "stopping": Q(desired_status="STOPPED") & ~Q(status="STOPPED"),
    "stopped": Q(status="STOPPED"),
}
ALIVE = ~Q(status="STOPPED")
SORTS: Mapping[str, Sequence[str]] = {
    "started": ("created_at", "id"),
    "status": ("status", "-created_at", "id"),
    "service": ("group", "-created_at", "id"),
    "instance": ("instance__name", "-created_at", "id"),
    "stopped": ("stopped_at", "id"),
}


@dataclass(frozen=True, slots=True)
class Row:
    task: Task
    url: str
    owner: str
    """The service's name; else who started it."""
    owner_url: str
    definition: str
    definition_url: str
    instance_url: str
    status: str
    """The status that says most: UNHEALTHY rather than RUNNING, HEALTHY where a check passes."""
    reason: str


def listed(request: HttpRequest, tasks: QuerySet[Task], default_state: str = "") -> dict[str, object]:
    """The context of templates/web/_tasks_table.html: page, rows, chips. Five queries, whatever the number of tasks.

    Without `?state=` those that are not stopped; `?service=` and `?instance=` narrow it (links from the map)."""
    state = ListState.of(request, SORTS, "-stopped" if request.GET.get("state") == "stopped" else "-started")
    if service := request.GET.get("service", ""):
        tasks = tasks.filter(service__name=service, service__daemon=False)
    if instance := request.GET.get("instance", ""):
        tasks = tasks.filter(instance_id=instance)
    found = searched(tasks, state.q)
    shown = state.page_of(found.filter(STATES.get(state.state, ALIVE)))
    return {
        "page": shown,
        "rows": rows(shown),
        "choices": choices(found),
        "filtered": bool(state.q or state.state or service or instance),
        "stopped": state.state == "stopped",
    }


def searched(tasks: QuerySet[Task], q: str) -> QuerySet[Task]:
    """By the beginning of an id, by service, family, instance or who started it."""
    if not q:
        return tasks
    return tasks.filter(
        Q(pk__startswith=q.lower())
        | Q(group__icontains=q)
        | Q(task_definition__family__name__icontains=q)
        | Q(instance__name__icontains=q)
        | Q(started_by__icontains=q)
        | Q(address=q)
    )


def choices(tasks: QuerySet[Task]) -> list[Choice]:
    """One query."""
    amounts = tasks.order_by().aggregate(
        alive=Count("pk", filter=ALIVE),
        **{name: Count("pk", filter=condition) for name, condition in STATES.items()},
    )
    labels = {
        "running": _("Running"),
        "pending": _("Pending"),
        "unhealthy": _("Unhealthy"),
        "stopping": _("Stopping"),
        "stopped": _("Stopped"),
    }
    always = {"running", "stopped"}
    shown = [
        Choice(name, label, amounts[name])
        for name, label in labels.items()
        if amounts[name] or name in always
    ]
    return [Choice("", _("All not stopped"), amounts["alive"]), *shown]


def rows(tasks: Iterable[Task]) -> list[Row]:
    """Of tasks with their cluster, instance, service and definition loaded, as services.queries.list_tasks has them."""
    return [_row(task) for task in tasks]


def _owner_url(task: Task) -> str:
    if task.service is None:
        return ""
    to = links.daemon if task.service.daemon else links.service
    return to(task.cluster.name, task.service.name)


def _row(task: Task) -> Row:
    definition = task.task_definition
    service = task.service
    status = task.status
    if status == "RUNNING" and task.desired_status == "STOPPED":
        status = "STOPPING"
    elif status == "RUNNING" and task.health in {"HEALTHY", "UNHEALTHY"}:
        status = task.health
    return Row(
        task=task,
        url=links.task(task.cluster.name, task.pk),
        owner=service.name if service is not None else task.started_by or task.group,
        owner_url=_owner_url(task),
        definition=str(definition),
        definition_url=links.daemon_definition(definition)
        if definition.daemon
        else links.revision(definition.family.name, definition.revision),
        instance_url=links.instance(task.cluster.name, task.instance_id) if task.instance_id else "",
        status=status,
        reason=task.stopped_reason or task.pull_progress if task.status != "RUNNING" else "",
    )
