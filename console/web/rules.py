"""/scheduled-tasks/: the rules that run tasks by the clock; one of them with what it runs and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access.registry import Caller
from console.web import links, rule_rows
from console.web.page import ListState, attempt, caller, may, page
from console.web.parts import Crumb, May
from console.web.rule_rows import target_of
from console.web.schedule_words import in_words
from services.models import Rule, RuleRun, Task
from services.queries import list_tasks
from services.schedules.expression import next_times, parse
from services.schedules.operations import (
    delete_rule,
    describe_rule,
    disable_rule,
    enable_rule,
    list_rule_runs,
    list_targets_by_rule,
    remove_targets,
)
from services.schedules.targets import MOST, overrides_of

SHOWN_TIMES = 5
_RUNS = 25


@page
def rules(request: HttpRequest) -> HttpResponseBase:
    return render(request, "web/rules.html", rule_rows.listed(request))


@dataclass(frozen=True, slots=True)
class Started:
    """A task that a run started; without an address one that is not there any more, or not the reader's to see."""

    id: str
    url: str = ""
    status: str = ""
    reason: str = ""


@page
def rule(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = describe_rule(me, name=name)
    may_see_targets = may(request, "events:ListTargetsByRule", row.arn)
    may_see_runs = may(request, "slipway:ListRuleRuns", row.arn)
    targets = [target_of(one) for one in list_targets_by_rule(me, rule=name)] if may_see_targets else []
    runs = _runs(request, name) if may_see_runs else None
    full = _("A rule has at most %(most)d targets.") % {"most": MOST} if len(targets) >= MOST else ""
    context = {
        "rule": row,
        "words": in_words(row.expression),
        "times": upcoming(row),
        "targets": [(one, overrides_of(one.document)) for one in targets],
        "page": runs,
        "runs": _with_tasks(me, list(runs)) if runs is not None else [],
        "may_see_targets": may_see_targets,
        "may_see_runs": may_see_runs,
        "may_put": may(request, "events:PutRule", row.arn),
        "may_target": may(request, "events:PutTargets", row.arn),
        "may_add": may(request, "events:PutTargets", row.arn, reason=full),
        "may_remove": may(request, "events:RemoveTargets", row.arn),
        "may_switch": _may_switch(request, row),
        "may_delete": may(request, "events:DeleteRule", row.arn),
        "crumbs": [Crumb(_("Scheduled tasks"), links.to("rules")), Crumb(row.name)],
    }
    return render(request, "web/rule.html", context)


def upcoming(row: Rule) -> list[datetime]:
    """When it fires next, the first of them as its row has it."""
    if row.next_at is None:
        return []
    later = next_times(parse(row.expression), row.next_at, since=row.since, count=SHOWN_TIMES - 1)
    return [row.next_at, *later]


def _may_switch(request: HttpRequest, row: Rule) -> May:
    return may(request, "events:DisableRule" if row.enabled else "events:EnableRule", row.arn)


def _runs(request: HttpRequest, name: str) -> Page[RuleRun]:
    state = ListState.of(request, {"time": ["scheduled_for", "id"]}, "-time")
    return state.page_of(list_rule_runs(caller(request), rule=name).defer("document"), _RUNS)


def _with_tasks(me: Caller, runs: Sequence[RuleRun]) -> list[tuple[RuleRun, list[Started]]]:
    """One query, for those who may see tasks."""
    wanted = {pk for run in runs for pk in run.tasks}
    found: dict[str, Task] = {}
    if wanted and me.may("ecs:ListTasks", "*").allowed:
        rows = list_tasks(me, desired_status=None).prefetch_related(None).select_related(None)
        found = {row.pk: row for row in rows.select_related("cluster").filter(pk__in=wanted)}
    return [(run, [_started(pk, found.get(pk)) for pk in run.tasks]) for run in runs]


def _started(pk: str, task: Task | None) -> Started:
    if task is None:
        return Started(pk)
    return Started(pk, links.task(task.cluster.name, pk), task.status, task.stopped_reason)


@require_POST
@page
def set_state(request: HttpRequest, name: str) -> HttpResponseBase:
    me, here = caller(request), links.rule(name)
    enable = request.POST.get("status") == "ENABLED"
    change = enable_rule if enable else disable_rule
    said = _("%(name)s fires again.") if enable else _("%(name)s does not fire until it is enabled.")
    return attempt(request, lambda: change(me, name=name), said % {"name": name}, done=here, failed=here)


@require_POST
@page
def remove_target(request: HttpRequest, name: str) -> HttpResponseBase:
    target = request.POST.get("target", "")
    return attempt(
        request,
        lambda: remove_targets(caller(request), rule=name, ids=[target]),
        _("The target %(target)s is removed.") % {"target": target},
        done=links.rule(name),
        failed=links.rule(name),
    )


@require_POST
@page
def delete(request: HttpRequest, name: str) -> HttpResponseBase:
    """With its targets: the dialog says so."""
    return attempt(
        request,
        lambda: delete_rule(caller(request), name=name, force=True),
        _("The scheduled task %(name)s was deleted.") % {"name": name},
        done=links.to("rules"),
        failed=links.rule(name),
    )
