"""The page of one service: what is so, what is being deployed, its history, tasks, events, logs, configuration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from base import clock
from console.web import history, pauses, places, rollout, service_words, task_sets
from console.web.page import ListState, caller, may, page
from console.web.parts import Choice, Crumb, LogSource, May, Tab
from console.web.terms import term
from services import progress, queries
from services.changes import configuration_facts
from services.models import Deployment, Service, ServiceEvent, ServiceRevision, Task
from services.revisions import rollback_target
from services.scheduler.wording import PROTECTION
from services.task_sets.lookup import arn_of

TABS = ("deployments", "tasks", "events", "logs", "configuration")
_PER_HISTORY, _ASIDE_TASKS, _ASIDE_EVENTS, _LOG_TASKS = 10, 8, 6, 40
_MOST_PROTECTED = 8  # tasks named
_SORTS = {
    "started": ["-created_at", "id"],
    "instance": ["instance__name", "id"],
    "status": ["status", "-created_at"],
}


@page
def show(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    found = queries.describe_service(caller(request), service=service, cluster=cluster)
    tab = request.GET.get("tab", TABS[0])
    view = ServicePage(request, found, tab if tab in TABS else TABS[0])
    return render(request, "web/service.html", {"p": view, "service": found})


class ServicePage:
    """What the template asks for, computed when it does: a fragment that is not wanted costs nothing."""

    def __init__(self, request: HttpRequest, service: Service, tab: str) -> None:
        self.request = request
        self.service = service
        self.tab = tab
        self.cluster = service.cluster.name
        self.topics = f"service:{self.cluster}/{service.name}"
        self._complete()

    def _complete(self) -> None:
        """Give deployment and completed revision their revisions with task definitions: one query for all."""
        service, deployment = self.service, self.service.deployment
        wanted = {service.completed_revision_id}
        if deployment is not None:
            wanted |= {deployment.target_id, deployment.rollback_id, deployment.source_id}
        rows = ServiceRevision.objects.select_related("task_definition__family").in_bulk(
            [pk for pk in wanted if pk]
        )
        for row in rows.values():
            row.service = service
        if service.completed_revision_id:
            service.completed_revision = rows[service.completed_revision_id]
        if deployment is not None:
            deployment.service = service
            deployment.target = rows[deployment.target_id]
            deployment.rollback = rows.get(deployment.rollback_id)
            deployment.source = rows.get(deployment.source_id)

    # ---- the head ------------------------------------------------------------------------------

    @cached_property
    def crumbs(self) -> list[Crumb]:
        return places.to_service(self.cluster, self.service.name)

    @cached_property
    def crews(self) -> list[progress.Crew]:
        return progress.crews(self.service)

    @property
    def badge(self) -> service_words.Badge:
        return service_words.badge(self.service, self.crews)

    @property
    def sentence(self) -> str:
        return service_words.sentence(self.service, self.crews, self.service.completed_revision)

    @property
    def unheard(self) -> int:
        """Tasks on engines that do not answer."""
        return sum(crew.unheard for crew in self.crews)

    @cached_property
    def active(self) -> bool:
        return self.service.status == Service.Status.ACTIVE

    @cached_property
    def may_update(self) -> May:
        gone = "" if self.active else _("The service is being deleted.")
        return may(self.request, "ecs:UpdateService", self.service.arn, reason=gone)

    @cached_property
    def may_deploy(self) -> May:
        if self.active and self.service.is_external:
            return may(
                self.request, "ecs:UpdateService", self.service.arn, reason=str(task_sets.NO_DEPLOYMENTS)
            )
        return self.may_update

    @cached_property
    def may_scale(self) -> May:
        if self.active and self.service.scheduling_strategy == "DAEMON":
            reason = _("A daemon has one task on each instance that satisfies its constraints.")
            return may(self.request, "ecs:UpdateService", self.service.arn, reason=reason)
        return self.may_update

    @cached_property
    def may_delete(self) -> May:
        gone = "" if self.active else _("The service is being deleted already.")
        return may(self.request, "ecs:DeleteService", self.service.arn, reason=gone)

    @cached_property
    def may_roll_back(self) -> May:
        if not self.active or self.service.is_external:
            return self.may_deploy
        deployment, target = self.service.deployment, self.target
        if target is None:
            return May(
                False, reason=_("No other revision has completed yet: there is nothing to go back to.")
            )
        if deployment is not None and deployment.target_id != target.pk == self.service.completed_revision_id:
            return self.may_stop(
                _("It is rolling back already.") if deployment.status.startswith("ROLLBACK") else ""
            )
        return self.may_update

    def may_stop(self, reason: str = "") -> May:
        deployment = self.service.deployment
        arn = deployment.arn if deployment is not None else ""
        return may(self.request, "ecs:StopServiceDeployment", arn, [self.service.arn], reason)

    @cached_property
    def may_abort(self) -> May:
        deployment = self.service.deployment
        stopping = (
            deployment is not None and deployment.status != "PENDING" and deployment.status != "IN_PROGRESS"
        )
        return self.may_stop(_("It is ending already.") if stopping else "")

    @cached_property
    def may_continue(self) -> May:
        deployment = self.service.deployment
        arn = deployment.arn if deployment is not None else ""
        return may(self.request, "ecs:ContinueServiceDeployment", arn, [self.service.arn])

    @cached_property
    def held_by(self) -> Sequence[pauses.Waiting]:
        """What holds the deployment in progress."""
        return pauses.waiting(self.service.deployment) if self.service.deployment is not None else ()

    @property
    def stop_values(self) -> dict[str, str]:
        """What the dialog that stops the deployment sends: the one it spoke of, not whichever runs by then."""
        return {"deployment": self.service.deployment.arn} if self.service.deployment is not None else {}

    @cached_property
    def target(self) -> ServiceRevision | None:
        return rollback_target(self.service)

    @cached_property
    def tabs(self) -> list[Tab]:
        labels = {
            "deployments": _("Task sets") if self.service.is_external else _("Deployments"),
            "tasks": _("Tasks"),
            "events": _("Events"),
            "logs": _("Logs"),
            "configuration": _("Configuration"),
        }
        live = sum(crew.live for crew in self.crews)
        return [
            Tab(key, label, "?" if key == TABS[0] else f"?tab={key}", live if key == "tasks" else None)
            for key, label in labels.items()
        ]

    # ---- the deployment in progress ------------------------------------------------------------

    @cached_property
    def deployment(self) -> Deployment | None:
        return self.service.deployment

    @property
    def revision_name(self) -> str:
        assert self.deployment is not None
        return service_words.name_of(self.deployment.effective)

    @property
    def started_by(self) -> str:
        assert self.deployment is not None
        return service_words.person(self.deployment.created_by)

    @cached_property
    def sample(self) -> list[Task]:
        return progress.sample(self.service)

    @property
    def stages(self) -> list[Any]:
        assert self.deployment is not None
        return rollout.stages(self.service, self.deployment, self.crews)

    @property
    def lanes(self) -> list[Any]:
        assert self.deployment is not None
        failed = progress.failures([self.deployment]) if self.deployment.failed_tasks else {}
        self._failed_now = failed.get(self.deployment.pk)
        return rollout.lanes(self.service, self.deployment, self.crews, self.sample, failed)

    _failed_now: progress.Failures | None = None

    @property
    def failed_now(self) -> str:
        """What fails, in words; asked for after the lanes."""
        return history.in_words(self._failed_now) if self._failed_now is not None else ""

    @property
    def failed_line(self) -> str:
        return self._failed_now.last_line[:200] if self._failed_now is not None else ""

    @cached_property
    def health_check(self) -> str:
        """`GET /healthz` of the first essential container that has a check, as its command says it."""
        if self.deployment is None:
            return ""
        for container in self.deployment.effective.task_definition.containers:
            check = container.get("healthCheck")
            if check and container.get("essential", True):
                return " ".join(check["command"][1:])[:120]
        return ""

    @cached_property
    def health_every(self) -> dict[str, int]:
        assert self.deployment is not None
        containers = self.deployment.effective.task_definition.containers
        return next(
            (c["healthCheck"] for c in containers if c.get("healthCheck") and c.get("essential", True)), {}
        )

    @property
    def stage_is_health(self) -> bool:
        """Whether tasks run that do not count as healthy yet."""
        assert self.deployment is not None
        target = self.deployment.effective.pk
        return any(crew.revision.pk == target and crew.running > crew.healthy for crew in self.crews)

    @cached_property
    def protected(self) -> list[Task]:
        """The tasks that the deployment waits for because they are protected, the longest first."""
        if self.deployment is None or not self.service.waiting.startswith(PROTECTION):
            return []
        rows = progress.protected(self.service, self.deployment, clock.now())
        return list(rows.only("protected_until")[: _MOST_PROTECTED + 1])

    @property
    def some_protected(self) -> list[Task]:
        return self.protected[:_MOST_PROTECTED]

    @property
    def steady_seconds(self) -> str:
        return f"{settings.SLIPWAY_STEADY_SECONDS:g}"

    @cached_property
    def breaker(self) -> tuple[int, bool] | None:
        assert self.deployment is not None
        return progress.breaker_threshold(self.service, self.deployment)

    @property
    def breaker_target(self) -> str:
        completed = self.service.completed_revision
        return service_words.name_of(completed) if completed is not None else ""

    # ---- task sets, of a service that has these -------------------------------------------------

    @cached_property
    def task_sets(self) -> list[task_sets.Row]:
        return task_sets.rows(self.request, self.service) if self.may_see_task_sets else []

    @cached_property
    def may_see_task_sets(self) -> May:
        every = arn_of(self.cluster, self.service.name, "*")
        return may(self.request, "ecs:DescribeTaskSets", every, [self.service.arn])

    @property
    def create_task_set(self) -> str:
        """The command that gives it the first."""
        return (
            f"aws ecs create-task-set --cluster {self.cluster} --service {self.service.name} "
            "--task-definition FAMILY:REVISION --scale value=100,unit=PERCENT"
        )

    # ---- the tabs ------------------------------------------------------------------------------

    @cached_property
    def deployments(self) -> Page[Deployment]:
        rows = self.service.deployments.select_related(
            "target__task_definition__family", "source__task_definition__family"
        ).order_by("-number")
        number = self.request.GET.get("page", "1")
        return Paginator(rows, _PER_HISTORY).get_page(number if number.isdigit() else 1)

    @cached_property
    def history(self) -> list[history.Entry]:
        rows = list(self.deployments)
        return history.entries(self.request, self.service, rows, progress.failures(rows))

    @cached_property
    def some_tasks(self) -> list[dict[str, Any]]:
        """For the card beside the history: those that need looking at first."""
        rows = sorted(self.sample, key=lambda task: (progress.is_healthy(task), task.created_at))
        names = {crew.revision.pk: service_words.name_of(crew.revision) for crew in self.crews}
        current = self.deployment.effective.pk if self.deployment is not None else None
        return [
            {
                "row": task,
                "revision": names.get(task.revision_id or "", ""),
                "badge": task_badge(task, current),
            }
            for task in rows[:_ASIDE_TASKS]
        ]

    @cached_property
    def state(self) -> ListState:
        return ListState.of(self.request, _SORTS, "started")

    @cached_property
    def tasks(self) -> Page[Task]:
        return self.state.page_of(self._tasks())

    def _tasks(self) -> QuerySet[Task]:
        rows = queries.list_tasks(
            caller(self.request), cluster=self.cluster, service=self.service.name, desired_status=None
        )
        state, q, number = self.state.state, self.state.q, self.request.GET.get("deployment", "")
        if state == "stopped":
            rows = rows.filter(status="STOPPED")
        elif state == "failed":
            rows = rows.filter(status="STOPPED", failed=True)
        elif state != "all":
            rows = rows.exclude(status="STOPPED")
        if number.isdigit():
            rows = rows.filter(deployment__number=int(number))
        if q:
            rows = rows.filter(
                Q(id__startswith=q.lower()) | Q(instance__name__icontains=q) | Q(stopped_reason__icontains=q)
            )
        return rows

    @property
    def task_choices(self) -> list[Choice]:
        return [
            Choice("", _("Running")),
            Choice("stopped", _("Stopped")),
            Choice("failed", _("Failed")),
            Choice("all", _("All")),
        ]

    @cached_property
    def events(self) -> QuerySet[ServiceEvent]:
        return self.service.events.order_by("-created_at", "-id")

    @property
    def some_events(self) -> QuerySet[ServiceEvent]:
        return self.events[:_ASIDE_EVENTS]

    @cached_property
    def log(self) -> LogSource:
        rows = list(
            self.service.tasks.order_by("-created_at").values_list(
                "id", "status", "task_definition__revision"
            )[:_LOG_TASKS]
        )
        newest = (
            self.service.deployment.effective if self.service.deployment else self.service.completed_revision
        )
        names = [c["name"] for c in newest.task_definition.containers] if newest is not None else []
        return LogSource(
            reverse("service-log", args=[self.cluster, self.service.name]),
            f"logs:{self.topics}",
            tasks=[(pk, _task_label(pk, status, revision)) for pk, status, revision in rows],
            containers=[(name, name) for name in names] if len(names) > 1 else [],
            name=f"service-{self.service.name}",
        )

    @cached_property
    def current(self) -> ServiceRevision | None:
        """What it is to run now, with its task definition."""
        return self.deployment.effective if self.deployment is not None else self.service.completed_revision

    @property
    def facts(self) -> list[tuple[str, str]]:
        if self.current is None:
            return []
        return [(term(word), text) for word, text in configuration_facts(self.current.configuration).items()]

    @property
    def images(self) -> list[dict[str, str]]:
        if self.current is None:
            return []
        pinned = self.current.images
        return [
            {
                "name": c["name"],
                "image": c["image"],
                "digest": str(pinned.get(c["name"], {}).get("digest") or ""),
            }
            for c in self.current.task_definition.containers
        ]


def task_badge(task: Task, current: str | None = None) -> service_words.Badge:
    """`healthy`, `starting`, or for tasks of another revision than the one being deployed `serving`."""
    if task.desired_status == "STOPPED" and task.status != "STOPPED":
        return service_words.Badge("STOPPING", live=True)
    if task.deployment_health == "UNHEALTHY" and task.status == "RUNNING":
        return service_words.Badge("UNHEALTHY")
    if progress.is_healthy(task):
        if current is not None and task.revision_id != current:
            return service_words.Badge("SERVING")
        return service_words.Badge("HEALTHY")
    return service_words.Badge(
        "STARTING" if task.status == "RUNNING" else task.status, live=task.status != "STOPPED"
    )


def _task_label(pk: str, status: str, revision: int) -> str:
    label = _("%(id)s · revision %(revision)d") % {"id": pk[:8], "revision": revision}
    return f"{label} · {_('stopped')}" if status == "STOPPED" else label
