"""The preview of a rollback: what changes against what runs now, how long it will take, one button."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.web import parts, terms
from console.web.page import caller, may, page
from console.web.parts import Crumb, May
from console.web.places import to_service
from console.web.service_words import name_of
from console.web.words import duration
from services import deployment_operations, progress, queries, revisions
from services.changes import configuration_facts, revision_changes
from services.lookup import find_revision
from services.models import Service, ServiceRevision
from services.taskdef.diff import Change
from services.taskdef.facts import facts

# What an unchanged summary speaks of, and the terms that would have told of a change.
_SUBJECTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("image", frozenset({"Image", "Image digest"})),
    (
        "resources",
        frozenset({"CPU units", "Memory", "Memory reservation", "Task CPU", "Task memory", "Requires"}),
    ),
    ("environment", frozenset({"env"})),
    ("ports", frozenset({"Port"})),
    (
        "health check",
        frozenset({"Health check", "Health check interval", "Health check timeout", "Health check retries"}),
    ),
    ("volumes", frozenset({"Volume", "Mount"})),
    ("network", frozenset({"Network mode", "Subnets", "Security groups"})),
    ("placement", frozenset({"Placement", "Placement constraints", "Launch type", "Capacity providers"})),
)


@page
def preview(request: HttpRequest, cluster: str, service: str) -> HttpResponse:
    """GET shows what would happen; POST does it, unless what runs has changed since it was shown."""
    me = caller(request)
    found = queries.describe_service(me, service=service, cluster=cluster)
    target = _target(found, request.POST.get("to") or request.GET.get("to", ""))
    view = Preview(request, found, target) if target is not None else None
    if request.method == "POST" and view is not None:
        if request.POST.get("seen") == view.current.pk:
            deployment = deployment_operations.roll_back(
                me, service=service, cluster=cluster, to=view.target.pk
            )
            text = _("%(name)s goes back to revision %(revision)s: deployment %(number)d.")
            facts = {"name": service, "revision": view.name, "number": deployment.number}
            messages.success(request, text % facts)
            return redirect("service", cluster, service)
        messages.warning(
            request, _("What runs has changed meanwhile, so nothing was done. Look again, then roll back.")
        )
    values = {"service": found, "p": view, "crumbs": _crumbs(found), "cluster": cluster}
    return render(request, "web/rollback.html", values, status=409 if request.method == "POST" else 200)


def _target(service: Service, asked: str) -> ServiceRevision | None:
    found = find_revision(service, asked) if asked else revisions.rollback_target(service)
    return _whole(found) if found is not None else None


def _whole(revision: ServiceRevision) -> ServiceRevision:
    return ServiceRevision.objects.select_related("task_definition__family").get(pk=revision.pk)


def _crumbs(service: Service) -> list[Crumb]:
    return to_service(service.cluster.name, service.name, _("Roll back"))


@dataclass
class Preview:
    request: HttpRequest
    service: Service
    target: ServiceRevision

    @cached_property
    def current(self) -> ServiceRevision:
        return _whole(revisions.current_revision(self.service))

    @property
    def name(self) -> str:
        return name_of(self.target, self.current)

    @property
    def current_name(self) -> str:
        return name_of(self.current, self.target)

    @cached_property
    def stops_deployment(self) -> bool:
        """It ends the deployment in progress, rather than beginning another one."""
        deployment, target = self.service.deployment, self.target.pk
        return deployment is not None and self.service.completed_revision_id == target != deployment.target_id

    @cached_property
    def may(self) -> May:
        deployment = self.service.deployment
        if self.service.status != Service.Status.ACTIVE:
            return May(False, reason=_("The service is being deleted."))
        if self.current.pk == self.target.pk:
            rolling = deployment is not None and (
                deployment.is_rollback or deployment.status.startswith("ROLLBACK")
            )
            return May(
                False,
                reason=_("It is going back to this revision already.")
                if rolling
                else _("This is what runs now."),
            )
        if self.stops_deployment:
            assert deployment is not None
            return may(self.request, "ecs:StopServiceDeployment", deployment.arn, [self.service.arn])
        return may(self.request, "ecs:UpdateService", self.service.arn)

    # ---- what changes --------------------------------------------------------------------------

    @cached_property
    def _changes(self) -> list[Change]:
        return revision_changes(self.current, self.target)

    @property
    def changes(self) -> list[parts.Change]:
        return terms.drawn(self._changes)

    @property
    def unchanged(self) -> str:
        """`6 tasks desired, network, health check`: what a person might fear for, and need not."""
        desired = self.service.desired_count
        said = [ngettext("%(count)d task desired", "%(count)d tasks desired", desired) % {"count": desired}]
        changed = {change.term for change in self._changes}
        present = _told_of(self.target)
        said += [str(_subject(name)) for name, words in _SUBJECTS if words & present and not words & changed]
        return ", ".join(said)

    # ---- how it goes ---------------------------------------------------------------------------

    @property
    def standing(self) -> str:
        """What is known of the target: that it completed, and how long it held."""
        completed, deployment = self.target.completed_at, self.service.deployment
        if completed is None:
            return _("It never completed a deployment: look at its history before you go back to it.")
        if self.target.pk == self.service.completed_revision_id and deployment is not None:
            held = duration((deployment.created_at - completed).total_seconds())
            return _("The last completed deployment, in place for %(time)s before this one.") % {"time": held}
        return _("A completed deployment of this service.")

    @cached_property
    def estimate(self) -> progress.Estimate:
        return progress.estimate(self.service, self.target, progress.crews(self.service))

    @property
    def first(self) -> str:
        """What happens to the deployment in progress."""
        deployment = self.service.deployment
        return (
            _("Deployment %(number)d stops.") % {"number": deployment.number}
            if deployment is not None
            else ""
        )

    @property
    def course(self) -> str:
        """What has to start, up to the colon before the time."""
        found, desired = self.estimate, self.service.desired_count
        facts = {"ready": found.ready, "to_start": found.to_start, "name": self.name, "desired": desired}
        if not desired:
            return _("The service is scaled to zero, so nothing needs to start:")
        if not found.to_start:
            text = ngettext(
                "The %(ready)d task of revision %(name)s is still running, so nothing needs to start:",
                "The %(ready)d tasks of revision %(name)s are still running, so nothing needs to start:",
                found.ready,
            )
            return text % facts
        if found.ready:
            return (
                _(
                    "%(ready)d of %(desired)d tasks of revision %(name)s are still running, %(to_start)d have to start:"
                )
                % facts
            )
        text = ngettext(
            "A normal deployment starts %(to_start)d task of revision %(name)s and then stops the present one:",
            "A normal deployment starts %(to_start)d tasks of revision %(name)s "
            "and stops the present ones as they get healthy:",
            found.to_start,
        )
        return text % facts

    @property
    def time(self) -> str:
        """`about 38 s`."""
        seconds = self.estimate.seconds
        if seconds is None:
            return (
                _("as long as its tasks take to get healthy")
                if self.estimate.to_start
                else _("a few seconds")
            )
        return _("about %(time)s") % {"time": duration(max(1, round(seconds)))}

    @property
    def basis(self) -> str:
        if self.estimate.seconds is None or not self.estimate.to_start:
            return ""
        count = self.estimate.basis
        text = ngettext(
            "as its last completed deployment took",
            "the median of its last %(count)d completed deployments",
            count,
        )
        return text % {"count": count}

    @property
    def safety(self) -> str:
        """How few healthy tasks there will be at the least."""
        percent = self.service.deployment_configuration.get("minimumHealthyPercent", 100)
        least = -(-self.service.desired_count * percent // 100)
        if not self.service.desired_count:
            return ""
        text = ngettext(
            "never fewer than %(count)d healthy task", "never fewer than %(count)d healthy tasks", least
        )
        return text % {"count": least}

    @property
    def inactive(self) -> bool:
        return self.target.task_definition.status != "ACTIVE"

    @property
    def cli(self) -> str:
        """The same with the AWS CLI, which has no words for a frozen revision: what differs is written out."""
        if self.stops_deployment:
            assert self.service.deployment is not None
            arn = self.service.deployment.arn
            return f"aws ecs stop-service-deployment --stop-type ROLLBACK --service-deployment-arn {arn}"
        command = (
            f"aws ecs update-service --cluster {self.service.cluster.name} --service {self.service.name} "
            f"--task-definition {self.target.task_definition}"
        )
        if self.target.task_definition_id == self.current.task_definition_id:
            command += " --force-new-deployment"
        return command


def _told_of(revision: ServiceRevision) -> set[str]:
    """The terms that say something of this revision."""
    found: Iterable[str] = (fact.term for fact in facts(revision.task_definition.document))
    return {*found, *configuration_facts(revision.configuration), "Placement"}


def _subject(name: str) -> str:
    return {
        "image": _("image"),
        "resources": _("CPU and memory"),
        "environment": _("environment"),
        "ports": _("ports"),
        "health check": _("health check"),
        "volumes": _("volumes"),
        "network": _("network"),
        "placement": _("placement"),
    }[name]
