"""Scheduled tasks as lists show them: one row a rule, with its targets and what became of it last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext as _

from access.authorization.visibility import visible
from access.registry import Caller
from clusters.models import Cluster
from clusters.queries import cluster_name
from console.web import links
from console.web.page import ListState, address, caller, may
from console.web.parts import Choice, May
from console.web.schedule_words import in_words
from services.lookup import split_definition
from services.models import Rule, RuleRun, RuleTarget
from services.schedules.models import rule_arn
from services.schedules.operations import list_rules

SORTS: Mapping[str, Sequence[str]] = {"name": ("name",), "next": ("next_at", "name")}
_STATES = {"enabled": Q(enabled=True), "disabled": Q(enabled=False)}
_TROUBLE = (RuleRun.Status.FAILED, RuleRun.Status.MISSED)


@dataclass(frozen=True, slots=True)
class Target:
    """One target in short. `capacity`: its launch type or its strategy's providers; empty for the cluster's default."""

    id: str
    document: Mapping[str, Any]
    cluster: str
    cluster_url: str
    definition: str
    definition_url: str
    count: int
    capacity: str


@dataclass(frozen=True, slots=True)
class Row:
    rule: Rule
    url: str
    words: str
    targets: list[Target] = field(default_factory=list)
    last: RuleRun | None = None
    started: RuleRun | None = None
    """The last run that started tasks, where it is not the last of all."""
    failed: RuleRun | None = None
    """The last one that did not, where it is not the last of all."""


def target_of(row: RuleTarget) -> Target:
    ecs = row.document["EcsParameters"]
    cluster = cluster_name(row.document["Arn"])
    family, revision = split_definition(ecs["TaskDefinitionArn"])
    shares = [share["capacityProvider"] for share in ecs.get("CapacityProviderStrategy", ())]
    return Target(
        id=row.target_id,
        document=row.document,
        cluster=cluster,
        cluster_url=links.cluster(cluster),
        definition=f"{family}:{revision}" if revision is not None else family,
        definition_url=links.revision(family, revision) if revision is not None else links.family(family),
        count=ecs.get("TaskCount", 1),
        capacity=", ".join(shares) or ecs.get("LaunchType", ""),
    )


def listed(request: HttpRequest, cluster: Cluster | None = None) -> dict[str, object]:
    """The context of templates/web/_rules.html: all the reader's rules, or those with a target in `cluster`. Five
    queries, whatever their number."""
    me = caller(request)
    state = ListState.of(request, SORTS, "name")
    found = list_rules(me).prefetch_related(None)
    if cluster is not None:
        inside = _targets(me).filter(rule=OuterRef("pk"), document__Arn=cluster.arn)
        found = found.filter(Exists(inside))
    if state.q:
        found = found.filter(
            Q(name__icontains=state.q) | Q(description__icontains=state.q) | Q(expression__icontains=state.q)
        )
    shown = state.page_of(_with_runs(found.filter(_STATES.get(state.state, Q()))))
    return {
        "page": shown,
        "rows": rows(me, list(shown), cluster),
        "choices": _choices(found),
        "filtered": bool(state.q or state.state),
        "show_cluster": cluster is None,
        "may_create": may_create(request),
        "create_url": address(links.to("rule-new"), cluster=cluster.name if cluster is not None else ""),
    }


def may_create(request: HttpRequest) -> May:
    """Whether the person may make rules and give them targets, or the first of both that they may not."""
    asked = [may(request, action, rule_arn("*")) for action in ("events:PutRule", "events:PutTargets")]
    return next((one for one in asked if not one.allowed), asked[0])


def _targets(me: Caller) -> QuerySet[RuleTarget]:
    return visible(RuleTarget.objects.all(), me, "events:ListTargetsByRule", "rule__arn")


def _with_runs(found: QuerySet[Rule]) -> QuerySet[Any]:
    """With the ids of their last run, of the last that started tasks and the last that did not."""
    runs = RuleRun.objects.filter(rule=OuterRef("pk")).order_by("-scheduled_for", "id").values("pk")
    return found.annotate(
        last_run=Subquery(runs[:1]),
        last_started=Subquery(runs.filter(status=RuleRun.Status.STARTED)[:1]),
        last_failed=Subquery(runs.filter(status__in=_TROUBLE)[:1]),
    )


def rows(me: Caller, shown: Sequence[Any], cluster: Cluster | None = None) -> list[Row]:
    """Two queries: their targets (those in `cluster`, where one is given) and their runs, as far as `me` may see."""
    targets: dict[int, list[Target]] = defaultdict(list)
    of_these = _targets(me).filter(rule__in=[row.pk for row in shown])
    if cluster is not None:
        of_these = of_these.filter(document__Arn=cluster.arn)
    for target in of_these:
        targets[target.rule_id].append(target_of(target))
    wanted = {pk for row in shown for pk in (row.last_run, row.last_started, row.last_failed) if pk}
    seen = visible(RuleRun.objects.filter(pk__in=wanted), me, "slipway:ListRuleRuns", "rule__arn")
    runs = {run.pk: run for run in seen.defer("document")}
    return [_row(row, targets[row.pk], runs) for row in shown]


def _row(row: Any, targets: list[Target], runs: Mapping[str, RuleRun]) -> Row:
    def other(pk: str | None) -> RuleRun | None:
        return runs.get(pk) if pk and pk != row.last_run else None

    return Row(
        rule=row,
        url=links.rule(row.name),
        words=in_words(row.expression),
        targets=targets,
        last=runs.get(row.last_run),
        started=other(row.last_started),
        failed=other(row.last_failed),
    )


def _choices(found: QuerySet[Rule]) -> list[Choice]:
    amounts = found.order_by().aggregate(total=Count("pk"), on=Count("pk", filter=_STATES["enabled"]))
    return [
        Choice("", _("All"), amounts["total"]),
        Choice("enabled", _("Enabled"), amounts["on"]),
        Choice("disabled", _("Disabled"), amounts["total"] - amounts["on"]),
    ]
