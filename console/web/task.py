"""The page of one task: its containers, its life with durations, its address, its logs, why it stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from base import clock
from console.web.exec import may_execute
from console.web.page import caller, may, page
from console.web.parts import Crumb, LogSource, May, Tone
from console.web.places import to_task
from console.web.service import task_badge
from console.web.service_words import Badge
from console.web.words import duration
from services import queries
from services.log_names import group_arn, group_of
from services.models import Task, TaskContainer
from services.progress import is_healthy
from services.task_operations import stop_task

# ECS's words with ours: "Essential container in task exited: web (exit code 1)".
_NAMED = re.compile(r"\((exit code|the container was removed)")


@page
def show(request: HttpRequest, cluster: str, task: str) -> HttpResponse:
    found = queries.describe_task(caller(request), task=task, cluster=cluster)
    return render(request, "web/task.html", {"p": TaskPage(request, found), "task": found})


@page
@require_POST
def stop(request: HttpRequest, cluster: str, task: str) -> HttpResponse:
    stop_task(caller(request), task=task, cluster=cluster, reason=request.POST.get("reason", "").strip())
    messages.success(request, _("Task %(id)s stops.") % {"id": task[:8]})
    return redirect("task", cluster, task)


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of the life. `took`: until then from the step before, or so far."""

    title: str
    tone: Tone
    at: datetime | None
    took: str = ""
    detail: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a port can be reached. `url` is empty for what no browser opens (udp)."""

    container: str
    port: str
    shown: str
    url: str


class TaskPage:
    """What the template asks for, computed when it does."""

    def __init__(self, request: HttpRequest, task: Task) -> None:
        self.request = request
        self.task = task
        self.cluster = task.cluster.name
        self.topics = f"task:{task.id}"

    @cached_property
    def crumbs(self) -> list[Crumb]:
        return to_task(self.cluster, self.task.id, self.service)

    @property
    def service(self) -> str:
        """The name of the service it is of; "" for tasks of daemons, and those of nobody."""
        service = self.task.service
        return service.name if service is not None and not service.daemon else ""

    @cached_property
    def containers(self) -> list[TaskContainer]:
        return list(self.task.containers.all())

    @property
    def badge(self) -> Badge:
        if self.task.status == "STOPPED":
            return Badge("FAILED" if self.task.failed else "STOPPED", _("Stopped"))
        return task_badge(self.task) if self.checked else self._unchecked()

    def _unchecked(self) -> Badge:
        """Without a health check there is no health to speak of."""
        if self.task.desired_status == "STOPPED" or self.task.status != "RUNNING":
            return task_badge(self.task)
        return Badge("RUNNING")

    @cached_property
    def checked(self) -> bool:
        containers = self.task.task_definition.containers
        return any(c.get("healthCheck") and c.get("essential", True) for c in containers)

    @cached_property
    def may_stop(self) -> May:
        owners = [self.task.service.arn] if self.task.service is not None else []
        ending = _("It has stopped.") if self.task.status == "STOPPED" else ""
        if not ending and self.task.desired_status == "STOPPED":
            ending = _("It is stopping already.")
        return may(self.request, "ecs:StopTask", self.task.arn, owners, ending)

    @cached_property
    def protected(self) -> bool:
        return self.task.is_protected(clock.now())

    @cached_property
    def may_protect(self) -> May:
        """Of tasks of services only: nothing else stops the others."""
        if self.task.service is None or self.task.of_daemon:
            return may(self.request, "", "", reason=_("Only tasks of services can be protected."))
        ending = "" if self.task.desired_status == "RUNNING" else _("It is stopping or has stopped.")
        return may(self.request, "ecs:UpdateTaskProtection", self.task.arn, [self.task.service.arn], ending)

    @cached_property
    def may_execute(self) -> May:
        return may_execute(self.request, self.task)

    @property
    def sentence(self) -> SafeString:
        task, where = self.task, str(self.task.instance or "–")
        if task.status == "STOPPED":
            ran = (
                duration((task.stopped_at - task.started_at).total_seconds())
                if task.stopped_at and task.started_at
                else ""
            )
            if ran:
                return format_html(
                    _("Ran for <b>{ran}</b> on {where}. {reason}"), ran=ran, where=where, reason=self.reason
                )
            return format_html(_("Never ran. {reason}"), reason=self.reason)
        if task.desired_status == "STOPPED":
            return format_html(_("Stopping on <b>{where}</b>. {reason}"), where=where, reason=self.reason)
        if task.status != "RUNNING":
            return format_html(
                _("Starting on <b>{where}</b>. {progress}"), where=where, progress=task.pull_progress
            )
        if not self.checked:
            return format_html(_("Running on <b>{where}</b>."), where=where)
        if task.health == "UNHEALTHY":
            return format_html(_("Running on <b>{where}</b>, but <b>unhealthy</b>."), where=where)
        if is_healthy(task):
            return format_html(_("Running on <b>{where}</b>, healthy."), where=where)
        return format_html(_("Running on <b>{where}</b>, not healthy yet."), where=where)

    @cached_property
    def reason(self) -> str:
        """Why it stopped, with the container to blame: `Essential container in task exited (web: exit code 1).`"""
        text = self.task.stopped_reason.rstrip(".")
        blamed = [self._ended(row) for row in self.containers if row.exit_code or row.oom_killed]
        if blamed and not _NAMED.search(text):
            text = f"{text} ({', '.join(blamed)})" if text else ", ".join(blamed)
        return f"{text}." if text else ""

    @staticmethod
    def _ended(row: TaskContainer) -> str:
        if row.oom_killed:
            return _("%(name)s: out of memory") % {"name": row.name}
        return _("%(name)s: exit code %(code)s") % {"name": row.name, "code": row.exit_code}

    # ---- life ----------------------------------------------------------------------------------

    @property
    def life(self) -> list[Moment]:
        task = self.task
        ended = task.desired_status == "STOPPED"
        where = str(task.instance) if task.instance is not None else ""
        found = [
            Moment(
                _("Placed on %(name)s") % {"name": where} if where else _("Asked for"), "ok", task.created_at
            )
        ]
        found += self._step(
            _("Image pulled"),
            _("Pulling the image"),
            task.pull_started_at,
            task.pull_stopped_at,
            task.pull_progress,
        )
        found += self._step(_("Started"), _("Starting"), task.pull_stopped_at, task.started_at)
        if self.checked or task.healthy_at:
            waiting = (
                _("Waiting for its health check") if self.checked else _("Counts as healthy after a while")
            )
            found += self._step(_("Healthy"), waiting, task.started_at, task.healthy_at)
        if task.stopping_at is not None or ended:
            bad: Tone = "bad" if task.failed else "old"
            at = task.stopping_at or task.execution_stopped_at or task.stopped_at
            if task.status == "STOPPED":
                took = self._between(task.stopping_at, task.stopped_at)
                found.append(Moment(_("Stopped"), bad, task.stopped_at, took, self.reason))
            else:
                found.append(
                    Moment(_("Stopping"), "wait", at, self._between(at, None), self.reason, live=True)
                )
        return found

    def _step(
        self, done: str, doing: str, start: datetime | None, end: datetime | None, detail: str = ""
    ) -> list[Moment]:
        """The step finished, in progress, or (where its beginning is not known) nothing yet."""
        if end is not None:
            return [Moment(done, "ok", end, self._between(start, end))]
        if start is None or self.task.desired_status == "STOPPED":
            return []
        return [Moment(doing, "wait", None, self._between(start, None), detail, live=True)]

    @staticmethod
    def _between(start: datetime | None, end: datetime | None) -> str:
        return duration(((end or timezone.now()) - start).total_seconds()) if start is not None else ""

    # ---- where it can be reached ---------------------------------------------------------------

    @cached_property
    def addresses(self) -> list[Address]:
        if self.task.status == "STOPPED":
            return []
        documents = {c["name"]: c for c in self.task.task_definition.containers}
        mode = self.task.task_definition.document.get("networkMode", "bridge")
        found: list[Address] = []
        for row in self.containers:
            mappings: list[dict[str, Any]] = documents.get(row.name, {}).get("portMappings", [])
            if mode == "awsvpc" and self.task.address:
                found += [_address(row.name, self.task.address, m["containerPort"], m) for m in mappings]
            elif mode == "host":
                found += [_address(row.name, self._host, m["containerPort"], m) for m in mappings]
            else:
                found += [
                    _address(row.name, self._host, m["hostPort"], m)
                    for m in row.network_bindings
                    if m.get("hostPort")
                ]
        return found

    @cached_property
    def _host(self) -> str:
        """The instance's host as this reader reaches it: an engine on a socket is on the console's own machine."""
        url = urlsplit(self.task.instance.url if self.task.instance is not None else "")
        return url.hostname or urlsplit(f"//{self.request.get_host()}").hostname or "127.0.0.1"

    # ---- logs ----------------------------------------------------------------------------------

    @cached_property
    def log(self) -> LogSource:
        names = [row.name for row in self.containers]
        return LogSource(
            reverse("task-log", args=[self.cluster, self.task.id]),
            f"logs:task:{self.task.id}",
            containers=[(name, name) for name in names] if len(names) > 1 else [],
            name=f"task-{self.task.id[:8]}",
        )

    @cached_property
    def may_read_logs(self) -> May:
        owners = [self.task.arn, *([self.task.service.arn] if self.task.service is not None else [])]
        definition = self.task.task_definition
        groups = [
            group_arn(group_of(container, definition.family.name)) for container in definition.containers
        ]
        refused = [
            one for group in groups if not (one := may(self.request, "logs:GetLogEvents", group, owners))
        ]
        return refused[0] if refused else May(True)


def _address(container: str, host: str, port: int, mapping: dict[str, Any]) -> Address:
    protocol = mapping.get("protocol", "tcp")
    named = f"[{host}]" if ":" in host else host
    shown = f"{named}:{port}"
    return Address(
        container,
        f"{mapping['containerPort']}/{protocol}",
        shown,
        f"http://{shown}" if protocol == "tcp" else "",
    )
