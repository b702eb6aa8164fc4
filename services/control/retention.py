"""What is kept how long: stopped tasks, their logs, finished deployments. Nothing a rollback or a running
deployment could need is ever removed."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from base import clock
from services.execute import sessions
from services.models import (
    IN_PROGRESS,
    Deployment,
    RunRequest,
    Service,
    ServiceEvent,
    ServiceRevision,
    Task,
    TaskDefinition,
    TaskSet,
)
from services.task_requests import TOKENS_KEPT
from telemetry.models import LogStream

_BATCH = 1000


def apply() -> dict[str, int]:
    """Remove what is past its time; answers how many of each."""
    now = clock.now()
    tasks = _stopped_tasks(now - timedelta(hours=settings.SLIPWAY_KEEP_STOPPED_TASKS_HOURS))
    logs = _logs(now - timedelta(days=settings.SLIPWAY_KEEP_LOGS_DAYS))
    sessions.sweep()
    exec_sessions = sessions.forget(now - timedelta(days=settings.SLIPWAY_KEEP_LOGS_DAYS))
    deployments = _deployments(now - timedelta(days=settings.SLIPWAY_KEEP_DEPLOYMENTS_DAYS))
    services = _services(now - timedelta(days=settings.SLIPWAY_KEEP_DEPLOYMENTS_DAYS))
    RunRequest.objects.filter(created_at__lt=now - TOKENS_KEPT).delete()
    definitions = _deleted_definitions()
    return {
        "tasks": tasks,
        "logs": logs,
        "exec_sessions": exec_sessions,
        "deployments": deployments,
        "services": services,
        "definitions": definitions,
    }


def _deleted_definitions() -> int:
    """Task definitions that somebody deleted, once nothing needs them."""
    rows = TaskDefinition.every.filter(status=TaskDefinition.Status.DELETE_IN_PROGRESS).exclude(
        Exists(Task.objects.filter(task_definition=OuterRef("pk")))
        | Exists(ServiceRevision.objects.filter(task_definition=OuterRef("pk")))
    )
    found = list(rows.values_list("pk", flat=True)[:_BATCH])
    return TaskDefinition.every.filter(pk__in=found).delete()[1].get("services.TaskDefinition", 0)


def _stopped_tasks(before: object) -> int:
    """A deployment in progress keeps its tasks: its circuit breaker counts them."""
    rows = (
        Task.objects.filter(status="STOPPED", stopped_at__lt=before)
        .exclude(deployment__status__in=IN_PROGRESS)
        .values_list("pk", flat=True)[:_BATCH]
    )
    return Task.objects.filter(pk__in=list(rows)).delete()[1].get("services.Task", 0)


def _logs(before: object) -> int:
    rows = LogStream.objects.filter(complete=True, collected_until__lt=before).values_list("pk", flat=True)[
        :100
    ]
    return LogStream.objects.filter(pk__in=list(rows)).delete()[1].get("telemetry.LogStream", 0)


def _deployments(before: object) -> int:
    """Finished ones beyond the newest ten of their service, with revisions nothing refers to any more."""
    removed = 0
    for service in Service.every.filter(deployments__finished_at__lt=before).distinct()[:_BATCH]:
        newest = list(service.deployments.order_by("-number").values_list("pk", flat=True)[:10])
        old = service.deployments.filter(finished_at__lt=before).exclude(pk__in=newest)
        old = old.exclude(Exists(Task.objects.filter(deployment=OuterRef("pk"))))
        removed += old.delete()[1].get("services.Deployment", 0)
    return removed + _revisions(before)


def _revisions(before: object) -> int:
    used_by_deployment = Deployment.objects.filter(target=OuterRef("pk"))
    used_as_rollback = Deployment.objects.filter(rollback=OuterRef("pk"))
    used_as_source = Deployment.objects.filter(source=OuterRef("pk"))
    current = Service.every.filter(completed_revision=OuterRef("pk"))
    running = Task.objects.filter(revision=OuterRef("pk"))
    task_set = TaskSet.objects.filter(revision=OuterRef("pk"))
    rows = ServiceRevision.objects.filter(created_at__lt=before).exclude(
        Exists(used_by_deployment)
        | Exists(used_as_rollback)
        | Exists(used_as_source)
        | Exists(current)
        | Exists(running)
        | Exists(task_set)
    )
    return rows.delete()[1].get("services.ServiceRevision", 0)


def _services(before: object) -> int:
    """Services deleted long ago, with their history."""
    rows = Service.every.filter(status=Service.Status.INACTIVE, deleted_at__lt=before).exclude(
        Exists(Task.objects.filter(service=OuterRef("pk")))
    )
    removed = 0
    for service in rows[:_BATCH]:
        ServiceEvent.objects.filter(service=service).delete()
        Service.every.filter(pk=service.pk).update(completed_revision=None, deployment=None)
        Deployment.objects.filter(service=service).delete()
        service.revisions.all().delete()
        Service.every.filter(pk=service.pk).delete()
        removed += 1
    return removed
