"""Writes and reads of rules, named and shaped after EventBridge's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.identities.principals import pass_role_need
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock, live
from base.errors import InvalidParameter, LimitExceeded, NotFound, invalid
from base.tags import checked
from services.roles import role_arn
from services.schedules.expression import ExpressionError, Schedule, parse
from services.schedules.models import Rule, RuleRun, RuleTarget, rule_arn
from services.schedules.targets import EVENTS, MOST, checked_targets

_NAME = re.compile(r"[.A-Za-z0-9_-]{1,64}")


def _of(member: str) -> Any:
    def arn(params: Params) -> str:
        given = params[member]
        return given if isinstance(given, str) and given.startswith("arn:") else rule_arn(str(given))

    return arn


def find_rule(name_or_arn: str) -> Rule:
    row = Rule.objects.filter(name=str(name_or_arn).rsplit("/", 1)[-1]).first()
    if row is None:
        raise NotFound(f"Rule {name_or_arn} does not exist.", fields={"rule": "does not exist"})
    return row


def _schedule(text: object) -> Schedule:
    try:
        return parse(text)
    except ExpressionError as error:
        raise invalid("scheduleExpression", str(error)) from None


def _plan(row: Rule) -> None:
    """From now on: its next time."""
    row.since = clock.now()
    row.next_at = _schedule(row.expression).next_after(row.since, since=row.since) if row.enabled else None


def _roles(params: Params) -> Iterator[Need]:
    """iam:PassRole on every role that it hands to EventBridge."""
    given = params["targets"]
    items = given if isinstance(given, list | tuple) else ()
    arns = [one.get("RoleArn") for one in items if isinstance(one, Mapping)]
    for arn in dict.fromkeys(role_arn(arn) for arn in arns if isinstance(arn, str) and arn):
        yield pass_role_need(arn, EVENTS)


def _with_targets(params: Params) -> Iterator[Need]:
    """What PutTargets needs, where it is asked to put them too."""
    if params["targets"] is not None:
        yield Need("events:PutTargets", _of("name")(params))
        yield from _roles(params)


@operation(
    "events:PutRule",
    resource=_of("name"),
    extra=lambda caller, params: _with_targets(params),
    writes=True,
)
def put_rule(
    caller: Caller,
    *,
    name: str,
    schedule_expression: str,
    state: str = "ENABLED",
    description: str = "",
    tags: Mapping[str, str] | None = None,
    targets: Sequence[Mapping[str, Any]] | None = None,
) -> Rule:
    """Make a rule that fires by a schedule, cron(…) or rate(…) in UTC, or change the one of that name.

    `targets`: put with it, all or nothing, as PutTargets does and with its permissions.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid("name", "1 to 64 letters, digits, dots, hyphens and underscores")
    if state not in ("ENABLED", "DISABLED"):
        raise invalid("state", "ENABLED or DISABLED")
    if not isinstance(description, str) or len(description) > 512:
        raise invalid("description", "at most 512 characters")
    schedule = _schedule(schedule_expression)
    if schedule.next_after(clock.now(), since=clock.now()) is None:
        raise invalid("scheduleExpression", "it never fires")
    row = Rule.objects.select_for_update().filter(name=name).first()
    if row is None:
        row = Rule(name=name, arn=rule_arn(name), created_by=caller.arn, tags=checked(tags))
    elif tags is not None:
        raise invalid("tags", "of a rule that exists are not changed here")
    before = (row.expression, row.enabled) if row.pk else None
    row.expression, row.enabled, row.description = (
        schedule_expression.strip(),
        state == "ENABLED",
        description,
    )
    if before != (row.expression, row.enabled):
        _plan(row)
        if before is not None:
            audit.note_change("scheduleExpression", before[0], row.expression)
    row.save()
    if targets is not None:
        _put(row, targets)
    live.publish("rules")
    return row


@operation("events:EnableRule", resource=_of("name"), writes=True)
def enable_rule(caller: Caller, *, name: str) -> Rule:
    """Let a rule fire again. What it would have fired meanwhile is not made up for."""
    return _set_enabled(name, True)


@operation("events:DisableRule", resource=_of("name"), writes=True)
def disable_rule(caller: Caller, *, name: str) -> Rule:
    """Keep a rule from firing. Tasks it started go on."""
    return _set_enabled(name, False)


def _set_enabled(name: str, enabled: bool) -> Rule:
    found = find_rule(name)
    row = Rule.objects.select_for_update().get(pk=found.pk)
    if row.enabled != enabled:
        audit.note_change("state", row.state, "ENABLED" if enabled else "DISABLED")
        row.enabled = enabled
        _plan(row)
        row.save(update_fields=["enabled", "since", "next_at"])
        live.publish("rules")
    return row


@operation("events:DeleteRule", resource=_of("name"), writes=True)
def delete_rule(caller: Caller, *, name: str, force: bool = False) -> None:
    """Delete a rule and its history. `force`: although it has targets; otherwise they are removed first."""
    row = find_rule(name)
    if row.targets.exists() and not force:
        raise InvalidParameter(
            "Rule can't be deleted since it has targets.",
            fields={"force": "remove its targets first, or use force"},
        )
    row.delete()
    live.publish("rules")


@operation(
    "events:PutTargets",
    resource=_of("rule"),
    extra=lambda caller, params: _roles(params),
    writes=True,
)
def put_targets(caller: Caller, *, rule: str, targets: Sequence[Mapping[str, Any]]) -> Rule:
    """Add ECS targets to a rule, or replace those of the same Id. Each runs tasks as the role it names, which must
    trust events.amazonaws.com and be allowed ecs:RunTask (and iam:PassRole on the tasks' own roles)."""
    row = Rule.objects.select_for_update().get(pk=find_rule(rule).pk)
    _put(row, targets)
    live.publish("rules")
    return row


def _put(row: Rule, targets: Sequence[Mapping[str, Any]]) -> None:
    """`row` is locked or new."""
    found = checked_targets(targets)
    others = row.targets.exclude(target_id__in=[one["Id"] for one in found]).count()
    if others + len(found) > MOST:
        raise LimitExceeded(f"A rule has at most {MOST} targets.", fields={"targets": f"at most {MOST}"})
    for one in found:
        RuleTarget.objects.update_or_create(rule=row, target_id=one["Id"], defaults={"document": one})


@operation("events:RemoveTargets", resource=_of("rule"), writes=True)
def remove_targets(caller: Caller, *, rule: str, ids: Sequence[str]) -> Rule:
    """Remove targets of a rule, by their Ids."""
    row = find_rule(rule)
    if (
        not isinstance(ids, list | tuple)
        or not 1 <= len(ids) <= 100
        or not all(isinstance(x, str) for x in ids)
    ):
        raise invalid("ids", "1 to 100 Ids of targets")
    missing = set(ids) - set(row.targets.values_list("target_id", flat=True))
    if missing:
        raise invalid("ids", f"there is no target {', '.join(sorted(missing))}")
    row.targets.filter(target_id__in=ids).delete()
    live.publish("rules")
    return row


# ---- reads -------------------------------------------------------------------------------------


@operation("events:DescribeRule", resource=_of("name"), writes=False)
def describe_rule(caller: Caller, *, name: str) -> Rule:
    """One rule, by name or ARN."""
    return find_rule(name)


@operation("events:ListRules", resource="*", writes=False)
def list_rules(caller: Caller, *, name_prefix: str = "") -> QuerySet[Rule]:
    """The rules, by name."""
    rows = Rule.objects.filter(name__startswith=name_prefix).prefetch_related("targets").order_by("name")
    return visible(rows, caller, "events:DescribeRule")


@operation("events:ListTargetsByRule", resource=_of("rule"), writes=False)
def list_targets_by_rule(caller: Caller, *, rule: str) -> QuerySet[RuleTarget]:
    """The targets of a rule, in AWS's form."""
    return find_rule(rule).targets.order_by("target_id")


@operation("slipway:ListRuleRuns", resource=_of("rule"), writes=False)
def list_rule_runs(caller: Caller, *, rule: str) -> QuerySet[RuleRun]:
    """When a rule fired and what became of it, newest first."""
    return find_rule(rule).runs.order_by("-scheduled_for", "id")
