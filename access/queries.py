"""Reads: users, groups, policies, the audit trail."""

from __future__ import annotations

from datetime import datetime

from django.db import connections
from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Concat

from access.caller import Caller
from access.models import AuditRecord, Group, Policy, User
from access.names import find_group, find_policy, find_user, group_arn_of, policy_arn_of, user_arn_of
from access.registry import operation
from access.visibility import visible
from base import here
from base.errors import invalid

_RESULTS = tuple(AuditRecord.Result.values)


@operation("iam:ListUsers", resource="*", writes=False)
def list_users(caller: Caller) -> QuerySet[User]:
    """The users this caller may see, by name, with their groups."""
    rows = User.objects.annotate(row_arn=_arn(here.user_arn(""), "username")).prefetch_related("groups")
    return visible(rows, caller, "iam:GetUser", "row_arn")


@operation("iam:GetUser", resource=user_arn_of, writes=False)
def get_user(caller: Caller, *, username: str) -> User:
    """One user by name."""
    return find_user(username)


@operation("iam:ListGroups", resource="*", writes=False)
def list_groups(caller: Caller) -> QuerySet[Group]:
    """The groups this caller may see, by name, with members and policies."""
    rows = Group.objects.annotate(row_arn=_arn(here.group_arn(""), "name")).prefetch_related(
        "members", "policies"
    )
    return visible(rows, caller, "iam:GetGroup", "row_arn")


@operation("iam:GetGroup", resource=group_arn_of, writes=False)
def get_group(caller: Caller, *, group: str) -> Group:
    """One group by name."""
    return find_group(group)


@operation("iam:ListPolicies", resource="*", writes=False)
def list_policies(caller: Caller) -> QuerySet[Policy]:
    """Every policy, by name, with the groups that have it."""
    return Policy.objects.prefetch_related("groups")


@operation("iam:GetPolicy", resource=policy_arn_of, writes=False)
def get_policy(caller: Caller, *, policy: str) -> Policy:
    """One policy with its document, by name."""
    return find_policy(policy)


@operation("cloudtrail:LookupEvents", resource="*", writes=False)
def lookup_events(
    caller: Caller,
    *,
    actor: str = "",
    action: str = "",
    resource_prefix: str = "",
    result: str = "",
    request_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
) -> QuerySet[AuditRecord]:
    """The audit trail, newest first, of what this caller may see. Slice it; `before_id` goes on from a last row.

    `actor` is a user's name or an ARN, `action` "ecs:UpdateService" (or all of a service: "ecs:*").
    """
    rows: QuerySet[AuditRecord] = AuditRecord.objects.all()
    if result:
        if result not in _RESULTS:
            raise invalid("result", f"one of {', '.join(_RESULTS)}")
        rows = rows.filter(result=result)
    if actor:
        rows = rows.filter(actor_arn=actor) if actor.startswith("arn:") else rows.filter(actor_name=actor)
    if action:
        rows = (
            rows.filter(action__startswith=action[:-1])
            if action.endswith("*")
            else rows.filter(action=action)
        )
    if resource_prefix:
        rows = _starting(rows, resource_prefix)
    if request_id:
        rows = rows.filter(request_id=request_id)
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return visible(rows, caller, "cloudtrail:LookupEvents", "resource")


def _starting(rows: QuerySet[AuditRecord], prefix: str) -> QuerySet[AuditRecord]:
    """By the index on both databases: SQLite's LIKE would not use it."""
    if connections[rows.db].vendor != "sqlite":
        return rows.filter(resource__startswith=prefix)
    return rows.filter(resource__gte=prefix, resource__lt=prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _arn(prefix: str, column: str) -> Concat:
    return Concat(Value(prefix), F(column), output_field=CharField())
