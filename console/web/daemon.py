"""The page of one daemon: where it runs, what is being deployed, its history and events."""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.web import history, links, service_words, task_rows
from console.web.page import attempt, caller, may, page
from console.web.parts import Crumb, May
from console.web.places import to_daemon
from console.web.service_words import Badge
from services import progress
from services.daemons.configuration import provider_names
from services.daemons.counts import counts
from services.daemons.lookup import wanted_revision
from services.daemons.operations import delete_daemon
from services.daemons.queries import describe_daemon, list_daemon_deployments, list_daemon_events
from services.models import Deployment, Service, ServiceEvent, ServiceRevision
from services.queries import list_tasks

_PER_HISTORY, _MOST_TASKS, _MOST_EVENTS = 10, 50, 30


@page
def show(request: HttpRequest, cluster: str, daemon: str) -> HttpResponseBase:
    found = describe_daemon(caller(request), daemon=daemon, cluster=cluster)
    return render(request, "web/daemon/show.html", {"p": DaemonPage(request, found), "daemon": found})


def may_update(request: HttpRequest, daemon: Service) -> May:
    return may(request, "ecs:UpdateDaemon", daemon.arn, reason=_going(daemon))


def _going(daemon: Service) -> str:
    return "" if daemon.status == Service.Status.ACTIVE else _("The daemon is being deleted.")


class DaemonPage:
    """What the template asks for, computed when it does: a fragment that is not wanted costs nothing."""

    def __init__(self, request: HttpRequest, daemon: Service) -> None:
        self.request = request
        self.daemon = daemon
        self.cluster = daemon.cluster.name
        self.topics = f"daemon:{self.cluster}/{daemon.name}"

    @property
    def crumbs(self) -> list[Crumb]:
        return to_daemon(self.cluster, Crumb(self.daemon.name))

    @cached_property
    def crews(self) -> list[progress.Crew]:
        return progress.crews(self.daemon)

    @property
    def badge(self) -> Badge:
        return service_words.badge(self.daemon, self.crews)

    @property
    def sentence(self) -> str:
        return service_words.sentence(self.daemon, self.crews, self.daemon.completed_revision)

    @cached_property
    def revision(self) -> ServiceRevision | None:
        return wanted_revision(self.daemon)

    @property
    def definition_url(self) -> str:
        return links.daemon_definition(self.revision.task_definition) if self.revision is not None else ""

    # ---- what may be done ----------------------------------------------------------------------

    @cached_property
    def may_update(self) -> May:
        return may_update(self.request, self.daemon)

    @cached_property
    def may_delete(self) -> May:
        return may(self.request, "ecs:DeleteDaemon", self.daemon.arn, reason=_going(self.daemon))

    @property
    def cli(self) -> str:
        return shlex.join(["aws", "ecs", "describe-daemon", "--daemon-arn", self.daemon.arn])

    # ---- where it runs -------------------------------------------------------------------------

    @cached_property
    def places(self) -> list[dict[str, Any]]:
        """By capacity provider: its instances, those where the daemon runs and those without it."""
        [of] = counts([self.daemon]).values()
        names = provider_names(self.revision.configuration) if self.revision is not None else []
        running = {name: sum(n for (_r, at), n in of.running.items() if at == name) for name in names}
        return [
            {
                "name": name,
                "url": links.capacity_provider(name),
                "running": running[name],
                "instances": of.instances[name],
                "without": of.without[name],
            }
            for name in names
        ]

    @cached_property
    def tasks(self) -> list[task_rows.Row]:
        found = list_tasks(caller(self.request), cluster=self.cluster, daemon=self.daemon.name)
        return task_rows.rows(found[:_MOST_TASKS])

    @property
    def may_see_tasks(self) -> bool:
        return caller(self.request).may("ecs:ListTasks", "*").allowed

    # ---- what became of it ---------------------------------------------------------------------

    @cached_property
    def may_see_deployments(self) -> May:
        return may(self.request, "ecs:ListDaemonDeployments", self.daemon.arn)

    @cached_property
    def deployments(self) -> Page[Deployment]:
        rows = list_daemon_deployments(
            caller(self.request), daemon=self.daemon.name, cluster=self.cluster
        ).select_related("source__task_definition__family")
        number = self.request.GET.get("page", "1")
        return Paginator(rows, _PER_HISTORY).get_page(number if number.isdigit() else 1)

    @cached_property
    def history(self) -> list[history.Entry]:
        rows = list(self.deployments)
        failures = progress.failures(rows)
        return [history.told(row, failures.get(row.pk)) for row in rows]

    @cached_property
    def events(self) -> list[ServiceEvent]:
        found = list_daemon_events(caller(self.request), daemon=self.daemon.name, cluster=self.cluster)
        return list(found[:_MOST_EVENTS])


@require_POST
@page
def delete(request: HttpRequest, cluster: str, daemon: str) -> HttpResponseBase:
    here = links.daemon(cluster, daemon)
    return attempt(
        request,
        lambda: delete_daemon(caller(request), daemon=daemon, cluster=cluster),
        _("The daemon %(name)s is being deleted. Its tasks stop now.") % {"name": daemon},
        done=here,
        failed=here,
    )
