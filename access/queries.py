"""Reads: users, groups, roles, policies. Those of the audit trail are in access/trail/search.py."""

from __future__ import annotations

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Concat

from access.authorization.visibility import visible
from access.caller import Caller
from access.identities.names import (
    find_group,
    find_policy,
    find_user,
    group_arn_of,
    policy_arn_of,
    user_arn_of,
)
from access.identities.roles import get_role as get_role
from access.identities.roles import list_roles as list_roles
from access.models import Group, Policy, User
from access.registry import operation
from access.trail.search import lookup_events as lookup_events
from base import here


@operation("iam:ListUsers", resource="*", writes=False)
def list_users(caller: Caller) -> QuerySet[User]:
    """The users this caller may see, by name, with their groups."""
    rows = (
        User.objects.annotate(row_arn=_arn(here.user_arn(""), "username"))
        .select_related("boundary")
        .prefetch_related("groups")
    )
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


def _arn(prefix: str, column: str) -> Concat:
    return Concat(Value(prefix), F(column), output_field=CharField())
