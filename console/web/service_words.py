"""A service and its deployments in words: the badge, the sentence under its name, the lines of its history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.web.parts import Tone
from console.web.words import absolute, duration
from services.hooks import awaiting
from services.models import Deployment, Service, ServiceRevision, TaskDefinition
from services.progress import Crew


class Badge(NamedTuple):
    """What {% state %} takes."""

    status: str
    label: str = ""
    tone: Tone = ""
    live: bool = False


def name_of(revision: ServiceRevision | TaskDefinition, beside: ServiceRevision | None = None) -> str:
    """`13`, the revision people know; `api:13` beside one of another family."""
    what = revision.task_definition if isinstance(revision, ServiceRevision) else revision
    if beside is not None and beside.task_definition.family_id != what.family_id:
        return str(what)
    return str(what.revision)


def person(arn: str) -> str:
    """`amina` of a user's ARN; what Slipway did itself is Slipway's."""
    if ":role/slipway/" in arn:
        return "Slipway"
    return arn.rpartition("/")[2] or arn


def short_image(image: str) -> str:
    """`web:4f1c9e2` of `registry.example/shop/web:4f1c9e2`; a digest is cut to what engines show."""
    name = image.rsplit("/", 1)[-1]
    plain, at, digest = name.partition("@")
    return f"{plain}@{digest.removeprefix('sha256:')[:12]}" if at else name


# ---- the service -------------------------------------------------------------------------------


def badge(service: Service, crews: Sequence[Crew]) -> Badge:
    return badge_of(service, running=sum(crew.running for crew in crews))


def badge_of(service: Service, *, running: int) -> Badge:
    """`running`: how many tasks of it run."""
    deployment = service.deployment
    if service.status != Service.Status.ACTIVE:
        return Badge(service.status, live=service.status == Service.Status.DRAINING)
    if deployment is not None:
        rolling_back = deployment.status.startswith("ROLLBACK")
        if awaiting(deployment):
            return Badge("PAUSED")
        return Badge("ROLLBACK_IN_PROGRESS" if rolling_back else "DEPLOYING", live=True)
    if service.steady_since is not None:
        return Badge("STEADY") if service.desired_count else Badge("STOPPED", nothing(service))
    if service.desired_count and not running:
        return Badge("FAILING", _("Not running"))
    if service.is_external:
        return Badge("STARTING", _("Catching up"), live=True)
    if service.completed_revision_id is None:
        return Badge("STOPPED", _("Stopped"), "bad")
    return Badge("STARTING", _("Catching up"), live=True)


def nothing(service: Service) -> str:
    """Why no task is wanted."""
    return _("No instance to run on") if service.scheduling_strategy == "DAEMON" else _("Scaled to zero")


def sentence(service: Service, crews: Sequence[Crew], current: ServiceRevision | None) -> SafeString:
    """What is so now, in one sentence or two. `current`: the last completed revision, with its task definition."""
    if service.status != Service.Status.ACTIVE:
        left = sum(crew.live for crew in crews)
        if left:
            return _counted(
                left,
                ngettext(
                    "Being deleted: {left} task is stopping.",
                    "Being deleted: {left} tasks are stopping.",
                    left,
                ),
            )
        return escape(_("Being deleted: nothing of it runs any more."))
    if service.deployment is not None:
        return _deploying(service, service.deployment, crews)
    if service.is_external:
        return _in_sets(service, crews, current)
    if current is None:
        return escape(_("No deployment has completed yet, and none is in progress."))
    return _standing(service, crews, current)


def _in_sets(service: Service, crews: Sequence[Crew], primary: ServiceRevision | None) -> SafeString:
    """Of a service with task sets. `primary`: that of the primary one."""
    running = sum(crew.running for crew in crews)
    if primary is None:
        return format_html(
            ngettext(
                "<b>{running}</b> task runs in its task sets. None of these is the primary one.",
                "<b>{running}</b> tasks run in its task sets. None of these is the primary one.",
                running,
            ),
            running=running,
        )
    return format_html(
        ngettext(
            "<b>{running}</b> task runs in its task sets; the primary one has revision <b>{revision}</b>.",
            "<b>{running}</b> tasks run in its task sets; the primary one has revision <b>{revision}</b>.",
            running,
        ),
        running=running,
        revision=name_of(primary),
    )


def _counted(left: int, text: str) -> SafeString:
    return format_html(text, left=left)


def _deploying(service: Service, deployment: Deployment, crews: Sequence[Crew]) -> SafeString:
    target = deployment.effective
    crew = next((c for c in crews if c.revision.pk == target.pk), Crew(target))
    others = [c for c in crews if c.revision.pk != target.pk and c.running]
    beside = others[0].revision if others else None
    facts = {"revision": name_of(target, beside), "healthy": crew.healthy, "desired": service.desired_count}
    if deployment.status.startswith("ROLLBACK"):
        return format_html(
            _("Rolling back to revision <b>{revision}</b>: <b>{healthy} of {desired}</b> healthy."), **facts
        )
    if deployment.is_rollback:
        return format_html(
            _("Going back to revision <b>{revision}</b>: <b>{healthy} of {desired}</b> healthy."), **facts
        )
    if beside is None:
        return format_html(
            _("Revision <b>{revision}</b> is starting: <b>{healthy} of {desired}</b> healthy."), **facts
        )
    if beside.task_definition_id == target.task_definition_id:
        text = _(
            "New tasks of revision <b>{revision}</b> are taking over: <b>{healthy} of {desired}</b> healthy. "
            "The earlier ones still serve."
        )
        return format_html(text, **facts)
    text = _(
        "Revision <b>{revision}</b> is taking over: <b>{healthy} of {desired}</b> healthy. Revision {old} still serves."
    )
    return format_html(text, **facts, old=name_of(beside, target))


def _standing(service: Service, crews: Sequence[Crew], current: ServiceRevision) -> SafeString:
    revision = name_of(current)
    if service.steady_since is not None and service.desired_count == 0:
        if service.scheduling_strategy == "DAEMON":
            text = _(
                "No instance may have a task: revision <b>{revision}</b> starts on the first that comes."
            )
            return format_html(text, revision=revision)
        return format_html(
            _("Scaled to zero: nothing runs. Revision <b>{revision}</b> starts when you scale up."),
            revision=revision,
        )
    running = sum(crew.running for crew in crews)
    unhealthy = sum(crew.unhealthy for crew in crews)
    facts = {"running": running, "desired": service.desired_count, "revision": revision}
    if service.steady_since is None:
        return format_html(_("<b>{running} of {desired}</b> running revision <b>{revision}</b>."), **facts)
    if unhealthy:
        return format_html(
            _("<b>{running} of {desired}</b> running revision <b>{revision}</b>, {unhealthy} unhealthy."),
            **facts,
            unhealthy=unhealthy,
        )
    return format_html(
        _("<b>{running} of {desired}</b> running revision <b>{revision}</b>, healthy, steady for {since}."),
        **facts,
        since=_since(service),
    )


def _since(service: Service) -> SafeString:
    """As `{% when %}` draws it, so that it stays live."""
    moment = service.steady_since
    assert moment is not None
    return format_html(
        '<time datetime="{}" title="{}" data-time="since">{}</time>',
        moment.isoformat(),
        absolute(moment),
        duration(int((timezone.now() - moment).total_seconds())),
    )


# ---- deployments -------------------------------------------------------------------------------


def deployment_badge(deployment: Deployment) -> Badge:
    """How it ended, or that it has not."""
    by_breaker = "circuit breaker" in (deployment.rollback_reason or deployment.status_reason)
    match deployment.status:
        case "IN_PROGRESS" if awaiting(deployment):
            return Badge("PAUSED", _("paused"))
        case "PENDING" | "IN_PROGRESS":
            return Badge("IN_PROGRESS", _("in progress"), live=True)
        case "STOP_REQUESTED":
            return Badge("STOP_REQUESTED", _("stopping"), live=True)
        case "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS":
            return Badge("ROLLBACK_IN_PROGRESS", _("rolling back"), live=True)
        case "SUCCESSFUL":
            return Badge("SUCCESSFUL", _("completed"))
        case "ROLLBACK_SUCCESSFUL":
            return Badge(
                "ROLLBACK_SUCCESSFUL", _("rolled back by circuit breaker") if by_breaker else _("rolled back")
            )
        case "ROLLBACK_FAILED":
            return Badge("ROLLBACK_FAILED", _("rollback failed"))
        case _ if by_breaker:
            return Badge("FAILED", _("stopped by circuit breaker"))
        case _ if deployment.status_reason.startswith("Superseded"):
            return Badge("STOPPED", _("superseded"))
        case _:
            return Badge("STOPPED", _("stopped"))


def took(deployment: Deployment) -> str:
    """How long it ran; "" while it does, or where it never began."""
    if deployment.finished_at is None:
        return ""
    began = deployment.started_at or deployment.created_at
    return duration((deployment.finished_at - began).total_seconds())
