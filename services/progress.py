"""What a service's tasks are doing, counted for its pages: a constant number of queries, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet

from services.models import Deployment, Service, ServiceRevision, Task, TaskContainer
from services.scheduler.breaker import threshold
from services.scheduler.model import Breaker, StopCode
from telemetry.queries import last_lines

SAMPLE = 200  # tasks looked at one by one, to be drawn one by one
_RECENT = 5  # deployments a guess rests on
_TOLD_TO_STOP = str(StopCode.SERVICE_SCHEDULER_INITIATED)

_TO_RUN = Q(desired_status="RUNNING")
_HEALTHY = Q(status="RUNNING", healthy_at__isnull=False) & ~Q(deployment_health="UNHEALTHY")


@dataclass(frozen=True, slots=True)
class Crew:
    """The live tasks of one service revision, counted. Those that are to stop count in `stopping` only.

    `healthy` counts as deployments count it; `unheard` are on engines that do not answer, in the state last known.
    `pull` and `start`: how long these took on the average, where known.
    """

    revision: ServiceRevision
    to_run: int = 0
    pulled: int = 0
    running: int = 0
    healthy: int = 0
    unhealthy: int = 0
    stopping: int = 0
    unheard: int = 0
    pull: timedelta | None = None
    start: timedelta | None = None

    @property
    def starting(self) -> int:
        return self.to_run - self.healthy - self.unhealthy

    @property
    def live(self) -> int:
        return self.to_run + self.stopping


def crews(service: Service) -> list[Crew]:
    """One for each service revision that has live tasks, newest revision first. Two queries."""
    counted: Any = list(  # of dicts, from which the key is taken out below
        Task.objects.filter(service=service, revision__isnull=False)
        .exclude(status="STOPPED")
        .order_by()
        .values("revision_id")
        .annotate(
            to_run=Count("pk", filter=_TO_RUN),
            pulled=Count("pk", filter=_TO_RUN & Q(pull_stopped_at__isnull=False)),
            running=Count("pk", filter=_TO_RUN & Q(status="RUNNING")),
            healthy=Count("pk", filter=_TO_RUN & _HEALTHY),
            unhealthy=Count("pk", filter=_TO_RUN & Q(deployment_health="UNHEALTHY")),
            stopping=Count("pk", filter=~_TO_RUN),
            unheard=Count("pk", filter=Q(instance__connected=False)),
            pull=_average("pull_started_at", "pull_stopped_at"),
            start=_average("pull_stopped_at", "started_at"),
        )
    )
    rows = {row.pop("revision_id"): row for row in counted}
    revisions = ServiceRevision.objects.filter(pk__in=rows).select_related("task_definition__family")
    return [Crew(revision, **rows[revision.pk]) for revision in revisions.order_by("-number")]


def _average(start: str, end: str) -> Avg:
    return Avg(ExpressionWrapper(F(end) - F(start), output_field=DurationField()))


def sample(service: Service) -> list[Task]:
    """Up to SAMPLE live tasks with their instances, the healthy ones of each revision first. One query."""
    return list(
        Task.objects.filter(service=service)
        .exclude(status="STOPPED")
        .select_related("instance")
        .only(
            "id", "revision_id", "status", "desired_status", "deployment_health", "healthy_at", "started_at",
            "created_at", "pull_progress", "instance__name",
        )
        .order_by("-revision__number", F("healthy_at").asc(nulls_last=True), "created_at", "id")[:SAMPLE]
    )  # fmt: skip


def is_healthy(task: Task) -> bool:
    """As deployments count it."""
    return task.status == "RUNNING" and task.healthy_at is not None and task.deployment_health != "UNHEALTHY"


def protected(service: Service, deployment: Deployment, now: datetime) -> QuerySet[Task]:
    """The tasks whose protection keeps a deployment from stopping them; the one that it lasts longest for first."""
    rows = Task.objects.filter(service=service, desired_status="RUNNING", protected_until__gt=now)
    return rows.exclude(revision=deployment.effective).order_by("-protected_until", "pk")


def breaker_threshold(service: Service, deployment: Deployment) -> tuple[int, bool] | None:
    """(failures that end the deployment, whether it then rolls back); None where no circuit breaker watches it."""
    configured = deployment.configuration.get("deploymentCircuitBreaker") or {}
    if not configured.get("enable"):
        return None
    kind = configured["thresholdConfiguration"]
    breaker = Breaker(enable=True, threshold_type=kind["type"], threshold_value=kind["value"])
    return threshold(breaker, service.desired_count), bool(configured.get("rollback"))


# ---- why a deployment failed -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed tasks of one deployment that ended the same way. `last_line`: the last thing one of them said.

    One that was told to stop (for its health, that is) has the code of the signal it got, which explains nothing: of
    these `exit_code` is None, and the last line is what the health check said.
    """

    count: int
    reason: str
    exit_code: int | None
    last_line: str
    task_id: str


def failures(deployments: Iterable[Deployment]) -> dict[str, Failures]:
    """For each deployment with failed tasks, the most frequent way they ended, by its id. Three queries."""
    rows = (
        Task.objects.filter(deployment__in=[row.pk for row in deployments], failed=True, status="STOPPED")
        .order_by("stopped_at")
        .values_list(
            "deployment_id",
            "id",
            "stopped_reason",
            "stop_code",
            "containers__exit_code",
            "containers__essential",
        )
    )
    grouped: dict[tuple[str, str, int | None], dict[str, None]] = {}
    told: set[str] = set()  # tasks that were told to stop
    for deployment, task, reason, stop_code, exit_code, essential in rows[: 10 * SAMPLE]:
        if stop_code == _TOLD_TO_STOP:
            told.add(task)
        if essential is not False:
            code = None if task in told else exit_code
            grouped.setdefault((deployment, reason, code), {})[task] = None
    most: dict[str, tuple[str, int | None, list[str]]] = {}
    for (deployment, reason, code), tasks in grouped.items():
        known = most.get(deployment)
        # Of several containers of a task the one that failed is to blame, not those that were stopped with it.
        if known is None or (len(tasks), bool(code)) > (len(known[2]), bool(known[1])):
            most[deployment] = (reason, code, list(tasks))
    samples = {tasks[-1] for _, _, tasks in most.values()}
    said = last_lines(list(samples - told)) if samples - told else {}
    said |= _health_said(samples & told) if samples & told else {}
    return {
        deployment: Failures(len(tasks), reason, code, said.get(tasks[-1], ""), tasks[-1])
        for deployment, (reason, code, tasks) in most.items()
    }


def _health_said(tasks: Collection[str]) -> dict[str, str]:
    """The last line that a task's health check wrote, by the task's id. One query."""
    found = TaskContainer.objects.filter(task__in=tasks, essential=True).exclude(health_output="")
    lines = found.values_list("task_id", "health_output")
    return {task: text.strip().rpartition("\n")[2] for task, text in lines}


# ---- how long a rollback will take -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """`ready`: healthy tasks of the target that are there already; `to_start`: those still missing.

    `seconds`: roughly how long it will take, from what this service's last `basis` deployments (or stops, where
    nothing needs to start) took; None where there is nothing to go by.
    """

    ready: int
    to_start: int
    seconds: float | None
    basis: int


def estimate(service: Service, target: ServiceRevision, present: Iterable[Crew]) -> Estimate:
    """How long until every task is one of `target`. One query."""
    ready = sum(crew.healthy for crew in present if crew.revision.pk == target.pk)
    to_start = max(0, service.desired_count - ready)
    spans = _deployments_took(service) if to_start else _stops_took(service)
    return Estimate(ready, to_start, median(spans) if spans else None, len(spans))


def _deployments_took(service: Service) -> list[float]:
    rows = service.deployments.filter(status="SUCCESSFUL").order_by("-number")
    return _spans(rows.values_list("started_at", "finished_at")[:_RECENT])


def _stops_took(service: Service) -> list[float]:
    rows = service.tasks.filter(status="STOPPED", stopping_at__isnull=False).order_by("-stopped_at")
    return _spans(rows.values_list("stopping_at", "stopped_at")[: 4 * _RECENT])


def _spans(rows: Iterable[tuple[datetime | None, datetime | None]]) -> list[float]:
    return [(end - start).total_seconds() for start, end in rows if start is not None and end is not None]
