"""Services as lists show them: one row each, from columns alone, whatever the number of their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils.translation import gettext as _

from console.web import links
from console.web.parts import Choice
from console.web.service_words import Badge, nothing, person
from services.models import Deployment, Service
from services.scheduler.wording import NO_ROOM

_WANTED = Q(desired_count__gt=0)
DEPLOYING = Q(deployment__isnull=False)
FAILING = Q(deployment__isnull=True, steady_since__isnull=True, running_count=0, status="ACTIVE") & _WANTED
CATCHING_UP = Q(deployment__isnull=True, steady_since__isnull=True, status="ACTIVE") & ~FAILING
STEADY = Q(deployment__isnull=True, steady_since__isnull=False, status="ACTIVE")
# What somebody has to look at: tasks that fail, that find no room, an image that cannot be found.
STRUGGLING = (
    Q(deployment__failed_tasks__gt=0)
    | Q(deployment__status__startswith="ROLLBACK")
    | Q(waiting__startswith=NO_ROOM)
    | ~Q(deployment__image_error="")
)
NOT_WELL = FAILING | CATCHING_UP | (DEPLOYING & STRUGGLING)
STATES: Mapping[str, Q] = {
    "attention": NOT_WELL,
    "deploying": DEPLOYING,
    "steady": STEADY,
    "draining": Q(status="DRAINING"),
}
SORTS: Mapping[str, Sequence[str]] = {
    "name": ("name", "cluster__name"),
    "cluster": ("cluster__name", "name"),
    "state": ("rank", "name"),
    "tasks": ("running_count", "name"),
    "changed": ("changed_at", "name"),
}


@dataclass(frozen=True, slots=True)
class Row:
    service: Service
    url: str
    badge: Badge
    revision: str
    revision_url: str
    changed_at: datetime | None
    changed_by: str
    note: str


def prepared(services: QuerySet[Service]) -> QuerySet[Any]:
    """With `rank` (what is not well first), and when and by whom the newest deployment was begun."""
    newest = Deployment.objects.filter(service=OuterRef("pk")).order_by("-number")
    rank = Case(
        When(FAILING, then=Value(0)),
        When(DEPLOYING & STRUGGLING, then=Value(1)),
        When(CATCHING_UP, then=Value(2)),
        When(DEPLOYING, then=Value(3)),
        When(STEADY, then=Value(5)),
        default=Value(4),
        output_field=IntegerField(),
    )
    return services.annotate(
        rank=rank,
        changed_at=Subquery(newest.values("created_at")[:1]),
        changed_by=Subquery(newest.values("created_by")[:1]),
    ).defer(
        "deployment__target__task_definition__document",
        "deployment__rollback__task_definition__document",
        "completed_revision__task_definition__document",
        "deployment__target__configuration",
        "deployment__rollback__configuration",
        "completed_revision__configuration",
    )


def searched(services: QuerySet[Service], q: str, state: str) -> QuerySet[Service]:
    if q:
        services = services.filter(
            Q(name__icontains=q)
            | Q(cluster__name__icontains=q)
            | Q(completed_revision__task_definition__family__name__icontains=q)
        )
    return services.filter(STATES[state]) if state in STATES else services


def choices(services: QuerySet[Service]) -> list[Choice]:
    """The filter chips with their counts. One query."""
    amounts = services.order_by().aggregate(
        all=Count("pk"), **{name: Count("pk", filter=condition) for name, condition in STATES.items()}
    )
    return [
        Choice("", _("All"), amounts["all"]),
        Choice("attention", _("Needs attention"), amounts["attention"]),
        Choice("deploying", _("Deploying"), amounts["deploying"]),
        Choice("steady", _("Steady"), amounts["steady"]),
        *([Choice("draining", _("Being deleted"), amounts["draining"])] if amounts["draining"] else []),
    ]


def rows(services: Iterable[Service]) -> list[Row]:
    """Asks nothing more of the database."""
    return [_row(service) for service in services]


def _row(service: Service) -> Row:
    deployment = service.deployment
    revision = deployment.effective if deployment is not None else service.completed_revision
    definition = revision.task_definition if revision is not None else None
    return Row(
        service=service,
        url=links.service(service.cluster.name, service.name),
        badge=badge(service),
        revision=str(definition) if definition is not None else "",
        revision_url=links.revision(definition.family.name, definition.revision)
        if definition is not None
        else "",
        changed_at=getattr(service, "changed_at", None),
        changed_by=person(getattr(service, "changed_by", "") or ""),
        note=service.waiting if service.steady_since is None else "",
    )


def badge(service: Service) -> Badge:
    """As on the service's own page, from its columns."""
    if service.status != Service.Status.ACTIVE:
        return Badge(service.status, live=True)
    if service.deployment is not None:
        rolling_back = service.deployment.status.startswith("ROLLBACK")
        return Badge("ROLLBACK_IN_PROGRESS" if rolling_back else "DEPLOYING", live=True)
    if service.steady_since is not None:
        return Badge("STEADY") if service.desired_count else Badge("STOPPED", nothing(service))
    if service.desired_count and not service.running_count:
        return Badge("FAILING", _("Not running"))
    return Badge("STARTING", _("Catching up"), live=True)


__all__ = ["NOT_WELL", "SORTS", "STATES", "Row", "badge", "choices", "prepared", "rows", "searched"]
