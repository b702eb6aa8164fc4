"""Firing rules: each due time once, however many beats and workers there are, and whoever dies in between.

The guarded UPDATE of `next_at` decides who fires; the runs are written in the same transaction. A run is then carried
out under a lease, by RunTask with the run's id as its client token: done twice, it answers the tasks of the first time.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, Q, QuerySet

from access.identities.principals import role_caller
from access.identities.trust import trusts_service
from base import clock, ids, jobs_by_name, live
from base.errors import OperationError
from base.prepared import Given, Prepared
from services.control.claim import claim, drop, unclaimed
from services.roles import find_role
from services.schedules.expression import parse
from services.schedules.models import Rule, RuleRun
from services.schedules.targets import EVENTS, run_parameters
from services.task_operations import run_task

log = logging.getLogger(__name__)
RUN = "services.run_rule"
LATE = timedelta(minutes=15)  # a time missed by no more is made up for, once
_MOST = 200
_MOST_ATTEMPTS = 10
_PATIENCE = timedelta(seconds=10)  # for the message of a run
KEPT = 100  # runs of a rule


def fire_due() -> int:
    """Fire every rule that is due, and send again the runs whose message was lost. Answers how many fired."""
    now = clock.now()
    fired = sum(_fire(rule, now) for rule in _DUE.all(now=now))
    for pk in _LEFT.all(now=now, patient=now - _PATIENCE):
        jobs_by_name.send(RUN, pk)
    return fired


def _left() -> QuerySet[RuleRun, str]:
    now = Given("now", DateTimeField())
    due = Q(wake_at__lte=Given("patient", DateTimeField())) | Q(wake_at=None, lease_until__lt=now)
    return RuleRun.objects.filter(unclaimed(now), due, status=RuleRun.Status.PENDING).values_list(
        "pk", flat=True
    )[:_MOST]


_DUE = Prepared(lambda: Rule.objects.filter(enabled=True, next_at__lte=Given("now", DateTimeField()))[:_MOST])
_LEFT = Prepared(_left)


def _fire(rule: Rule, now: datetime) -> bool:
    assert rule.next_at is not None
    schedule = parse(rule.expression)
    due: datetime | None = rule.next_at
    if rule.next_at < now - LATE:
        due = schedule.next_after(now - LATE, since=rule.since)
    following = due
    while following is not None and following <= now:
        due, following = following, schedule.next_after(following, since=rule.since)
    missed = rule.next_at if rule.next_at < now - LATE else None
    with transaction.atomic():
        mine = Rule.objects.filter(pk=rule.pk, enabled=True, next_at=rule.next_at).update(next_at=following)
        if not mine:
            return False
        if missed is not None:
            _write(rule, missed, RuleRun.Status.MISSED, "Slipway did not run at this time.", now)
        on_time = due is not None and due <= now and due != missed
        if on_time:
            assert due is not None
            for pk in _write(rule, due, RuleRun.Status.PENDING, "", now):
                jobs_by_name.send_on_commit(RUN, pk)
        _forget(rule)
    live.publish("rules")
    return on_time


def _write(rule: Rule, at: datetime, status: str, reason: str, now: datetime) -> list[str]:
    pending = status == RuleRun.Status.PENDING
    rows = [
        RuleRun(
            id=ids.hex_id(),
            rule=rule,
            target_id=target.target_id,
            document=target.document,
            scheduled_for=at,
            status=status,
            reason=reason,
            wake_at=now if pending else None,
            finished_at=None if pending else now,
        )
        for target in rule.targets.all()
    ]
    RuleRun.objects.bulk_create(rows, ignore_conflicts=True)
    return [row.pk for row in rows]


def _forget(rule: Rule) -> None:
    old = rule.runs.exclude(status=RuleRun.Status.PENDING).order_by("-scheduled_for", "id")
    RuleRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)[KEPT:])).delete()


def run(run_id: str) -> None:
    """Carry out one run."""
    owner = claim(RuleRun, run_id)
    if owner is None:
        return
    row = RuleRun.objects.select_related("rule").get(pk=run_id)
    if row.status != RuleRun.Status.PENDING:
        _end(row, owner, row.status)
        return
    RuleRun.objects.filter(pk=row.pk).update(attempts=row.attempts + 1)
    try:
        status, reason, tasks = _carry_out(row)
    except Exception as error:
        if row.attempts + 1 < _MOST_ATTEMPTS:
            drop(RuleRun, run_id, owner)
            raise
        log.exception("run %s of rule %s is given up", run_id, row.rule)
        status, reason, tasks = RuleRun.Status.FAILED, f"Given up: {error}", []
    _end(row, owner, status, reason=reason, tasks=tasks, finished_at=clock.now())
    live.publish("rules")


def _end(row: RuleRun, owner: str, status: str, **fields: object) -> None:
    RuleRun.objects.filter(pk=row.pk, lease_owner=owner).update(
        status=status, lease_owner="", lease_until=None, wake_at=None, **fields
    )


def _carry_out(row: RuleRun) -> tuple[str, str, list[str]]:
    arn = row.document["RoleArn"]
    role = find_role(arn)
    if role is None or not trusts_service(role, EVENTS):
        return RuleRun.Status.FAILED, f"The role {arn} is gone, or does not trust {EVENTS} any more.", []
    me = role_caller(role, session_name=f"rule-{row.rule.name}"[:64], assumed_by=None, face="system")
    try:
        result = run_task(
            me,
            **run_parameters(row.document),
            started_by=f"events-rule/{row.rule.name}".replace(".", "_"),
            client_token=row.pk,
        )
    except OperationError as error:
        return RuleRun.Status.FAILED, str(error), []
    said = " ".join(dict.fromkeys(one.detail for one in result.failures))
    status = RuleRun.Status.STARTED if result.tasks else RuleRun.Status.FAILED
    return status, said, [task.pk for task in result.tasks]
