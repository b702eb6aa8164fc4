"""A terminal in a container of a task, and its sessions. The terminal itself is a WebSocket: console/live."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from base.errors import OperationError
from console.streams import Stream
from console.web.page import caller, may, page
from console.web.parts import Crumb, May
from console.web.places import to_task
from console.web.words import duration
from services import queries
from services.execute.models import ExecSession
from services.execute.operations import (
    READ_TRANSCRIPT,
    end_exec_session,
    execute_command,
    get_exec_transcript,
    list_exec_sessions,
)
from services.log_names import group_arn
from services.models import Task, TaskContainer

DEFAULT_COMMAND = "/bin/sh"
MOST_SESSIONS = 20


def may_execute(request: HttpRequest, task: Task, container: str = "") -> May:
    """Whether the person may have a terminal in the task now; if not, the first thing in the way."""
    owners = [task.service.arn] if task.service is not None else []
    context = {"ecs:cluster": task.cluster.arn, "ecs:task": task.arn}
    if container:
        context["ecs:container-name"] = container
    for arn in (task.arn, task.cluster.arn):
        if not caller(request).may("ecs:ExecuteCommand", arn, context, owners).allowed:
            return May(False, "ecs:ExecuteCommand", arn)
    reason = _in_the_way(task)
    return May(not reason, "ecs:ExecuteCommand", task.arn, reason)


def _in_the_way(task: Task) -> str:
    if task.status == "STOPPED":
        return _("It has stopped.")
    if task.desired_status == "STOPPED":
        return _("It is stopping already.")
    if not task.enable_execute_command:
        return _(
            "It was started without enableExecuteCommand. Turn that on for its service, and new tasks allow it."
        )
    return "" if task.status == "RUNNING" else _("It does not run yet.")


@page
def show(request: HttpRequest, cluster: str, task: str) -> HttpResponse:
    found = queries.describe_task(caller(request), task=task, cluster=cluster)
    return render(request, "web/exec.html", {"p": ExecPage(request, found), "task": found})


@page
@require_POST
def begin(request: HttpRequest, cluster: str, task: str) -> HttpResponse:
    """For the page's script: a session and the token that opens it, or why not."""
    try:
        answer = execute_command(
            caller(request),
            task=task,
            cluster=cluster,
            container=request.POST.get("container", ""),
            command=request.POST.get("command", ""),
            interactive=True,
        )
    except OperationError as error:
        return JsonResponse({"message": str(error), "fields": error.fields}, status=error.status)
    found = {"path": f"/live/exec/{answer.session.pk}/", "tokenValue": answer.token_value}
    response = JsonResponse(found)
    response["Cache-Control"] = "no-store"
    return response


@page
@require_POST
def end(request: HttpRequest, session: str) -> HttpResponse:
    row = end_exec_session(caller(request), session_id=session)
    messages.success(request, _("The session ends."))
    _arn, cluster, task = row.task_arn.split("/")
    return redirect("task-exec", cluster, task)


@page
def transcript(request: HttpRequest, session: str) -> HttpResponseBase:
    """As a file, control sequences and all: `cat` shows it as it was."""
    pieces = get_exec_transcript(caller(request), session_id=session)
    return Stream(pieces, content_type="text/plain; charset=utf-8", filename=f"{session}.txt")


@dataclass(frozen=True, slots=True)
class Row:
    """One session as the list shows it."""

    session: ExecSession
    who: str
    took: str
    may_end: May
    may_read: May


class ExecPage:
    """What the template asks for, computed when it does."""

    def __init__(self, request: HttpRequest, task: Task) -> None:
        self.request = request
        self.task = task
        self.cluster = task.cluster.name
        self.topics = f"task:{task.pk}"
        self.command = request.GET.get("command", "").strip() or DEFAULT_COMMAND
        self.begin_url = reverse("task-exec-begin", args=[self.cluster, task.pk])

    @property
    def crumbs(self) -> list[Crumb]:
        *above, last = to_task(
            self.cluster,
            self.task.pk,
            self.task.service.name if self.task.service and not self.task.of_daemon else "",
        )
        task = Crumb(last.label, reverse("task", args=[self.cluster, self.task.pk]))
        return [*above, task, Crumb(_("Terminal"))]

    @cached_property
    def containers(self) -> list[TaskContainer]:
        return list(self.task.containers.all())

    @property
    def container(self) -> str:
        """The one asked for, or the first that is essential."""
        names = [row.name for row in self.containers]
        asked = self.request.GET.get("container", "")
        essential = [row.name for row in self.containers if row.essential]
        return asked if asked in names else (essential or names)[0]

    @cached_property
    def may_begin(self) -> May:
        return may_execute(self.request, self.task, self.container)

    @cached_property
    def may_list(self) -> May:
        return may(self.request, "slipway:ListExecSessions", "*")

    @cached_property
    def sessions(self) -> list[Row]:
        if not self.may_list:
            return []
        rows = list_exec_sessions(caller(self.request), task=self.task.pk, cluster=self.cluster)
        return [self._row(row) for row in rows[:MOST_SESSIONS]]

    def _row(self, row: ExecSession) -> Row:
        owners = [arn for arn in (row.owner_arn,) if arn]
        over = _("It has ended.") if row.status == "ENDED" else ""
        none = "" if row.log_group else _("The cluster keeps no transcripts.")
        group = group_arn(row.log_group or "*")
        seconds = row.duration_seconds
        return Row(
            row,
            row.actor.rpartition("/")[2],
            duration(seconds) if seconds is not None else "",
            may(self.request, "slipway:EndExecSession", row.task_arn, owners, over),
            may(self.request, READ_TRANSCRIPT, group, [row.task_arn, *owners], none),
        )
