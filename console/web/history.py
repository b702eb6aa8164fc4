"""The history of a service's deployments: what each changed, how it ended and why, and the way back to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.web.page import may
from console.web.parts import May
from console.web.service_words import Badge, deployment_badge, name_of, person, took
from console.web.terms import in_short
from services.changes import revision_changes
from services.models import Deployment, Service
from services.progress import Failures
from services.scheduler.wording import FAILED_HEALTH_CHECKS


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment. `reason`: why it did not complete; `said`: the last line of a task that failed."""

    row: Deployment
    title: str
    badge: Badge
    changes: str
    who: str
    took: str
    reason: str = ""
    said: str = ""
    back: str = ""  # address of the rollback's preview
    may_go_back: May | None = None
    why: str = ""  # address of the tasks that failed


def entries(
    request: HttpRequest,
    service: Service,
    deployments: Iterable[Deployment],
    failures: Mapping[str, Failures],
) -> list[Entry]:
    """`deployments` come with target and source and their task definitions. No query."""
    going_back = may(request, "ecs:UpdateService", service.arn)
    running = (
        service.deployment.effective.pk if service.deployment is not None else service.completed_revision_id
    )
    return [_entry(service, row, failures.get(row.pk), going_back, running) for row in deployments]


def _entry(
    service: Service, row: Deployment, failed: Failures | None, going_back: May, running: str | None
) -> Entry:
    address = reverse("service", args=[service.cluster.name, service.name])
    completed = row.status == "SUCCESSFUL" and row.target.completed_at is not None
    offered = completed and row.target_id != running
    ended_badly = failed is not None or row.status in ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
    return replace(
        told(row, failed),
        back=f"{reverse('rollback', args=[service.cluster.name, service.name])}?to={row.target_id}"
        if offered
        else "",
        may_go_back=going_back if offered else None,
        why=f"{address}?tab=tasks&state=failed&deployment={row.number}"
        if ended_badly and failed is not None
        else "",
    )


def told(row: Deployment, failed: Failures | None) -> Entry:
    """What became of it, without the ways that lead from there."""
    return Entry(
        row=row,
        title=_("Revision %(name)s") % {"name": name_of(row.target, row.source)},
        badge=deployment_badge(row),
        changes=_changes(row),
        who=person(row.created_by),
        took=took(row),
        reason=_reason(row, failed),
        said=failed.last_line[:200] if failed is not None else "",
    )


def _changes(row: Deployment) -> str:
    if row.source is None:
        return _("the first deployment")
    said = in_short(revision_changes(row.source, row.target))
    if said:
        return said
    return _("forced, nothing else changed") if row.force else _("the same configuration again")


def _reason(row: Deployment, failed: Failures | None) -> str:
    """Why it did not complete, in words. Empty for one that did."""
    if row.status in ("SUCCESSFUL", "PENDING", "IN_PROGRESS") and failed is None:
        return ""
    if row.image_error:
        return row.image_error
    if failed is not None:
        return in_words(failed)
    return row.rollback_reason or row.status_reason


def in_words(failed: Failures) -> str:
    """`3 tasks exited with code 1`, or the reason their tasks gave."""
    count = {"count": failed.count, "code": failed.exit_code, "reason": failed.reason.rstrip(".")}
    if failed.exit_code:
        text = ngettext(
            "%(count)d task exited with code %(code)d",
            "%(count)d tasks exited with code %(code)d",
            failed.count,
        )
        return text % count
    if failed.reason == FAILED_HEALTH_CHECKS:
        text = ngettext(
            "%(count)d task failed its health check",
            "%(count)d tasks failed their health checks",
            failed.count,
        )
        return text % count
    return (
        ngettext("%(count)d task failed: %(reason)s", "%(count)d tasks failed: %(reason)s", failed.count)
        % count
    )
