"""Inline policies of users, groups and roles: written and read. They belong to one identity and go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from access.authorization.contexts import boundary_of_role, boundary_of_user
from access.caller import Caller
from access.identities.documents import OF_GROUP, OF_ROLE, OF_USER, checked_document, checked_size, size_of
from access.identities.names import (
    checked_name,
    find_group,
    find_role,
    find_user,
    group_arn_of,
    role_arn_of,
    user_arn_of,
)
from access.identities.setup import keep_an_administrator
from access.models import Group, InlinePolicy, Role, User
from access.registry import operation
from access.trail import audit
from base.clock import now
from base.errors import NoSuchEntity

Document = Mapping[str, Any]


@operation("iam:PutUserPolicy", resource=user_arn_of, context=boundary_of_user, writes=True)
def put_user_policy(caller: Caller, *, username: str, policy_name: str, document: Document) -> InlinePolicy:
    """Create or replace an inline policy of a user."""
    return _put(find_user(username), policy_name, document)


@operation("iam:DeleteUserPolicy", resource=user_arn_of, context=boundary_of_user, writes=True)
def delete_user_policy(caller: Caller, *, username: str, policy_name: str) -> None:
    """Delete an inline policy of a user."""
    _delete(find_user(username), policy_name)


@operation("iam:GetUserPolicy", resource=user_arn_of, writes=False)
def get_user_policy(caller: Caller, *, username: str, policy_name: str) -> InlinePolicy:
    """One inline policy of a user with its document."""
    return _find(find_user(username), policy_name)


@operation("iam:ListUserPolicies", resource=user_arn_of, writes=False)
def list_user_policies(caller: Caller, *, username: str) -> QuerySet[InlinePolicy]:
    """The inline policies of a user, by name."""
    return find_user(username).inline_policies.all()


@operation("iam:PutGroupPolicy", resource=group_arn_of, writes=True)
def put_group_policy(caller: Caller, *, group: str, policy_name: str, document: Document) -> InlinePolicy:
    """Create or replace an inline policy of a group; what it allows is held to the group's scope."""
    return _put(find_group(group), policy_name, document)


@operation("iam:DeleteGroupPolicy", resource=group_arn_of, writes=True)
def delete_group_policy(caller: Caller, *, group: str, policy_name: str) -> None:
    """Delete an inline policy of a group."""
    _delete(find_group(group), policy_name)


@operation("iam:GetGroupPolicy", resource=group_arn_of, writes=False)
def get_group_policy(caller: Caller, *, group: str, policy_name: str) -> InlinePolicy:
    """One inline policy of a group with its document."""
    return _find(find_group(group), policy_name)


@operation("iam:ListGroupPolicies", resource=group_arn_of, writes=False)
def list_group_policies(caller: Caller, *, group: str) -> QuerySet[InlinePolicy]:
    """The inline policies of a group, by name."""
    return find_group(group).inline_policies.all()


@operation("iam:PutRolePolicy", resource=role_arn_of, context=boundary_of_role, writes=True)
def put_role_policy(caller: Caller, *, role: str, policy_name: str, document: Document) -> InlinePolicy:
    """Create or replace an inline policy of a role."""
    return _put(find_role(role), policy_name, document)


@operation("iam:DeleteRolePolicy", resource=role_arn_of, context=boundary_of_role, writes=True)
def delete_role_policy(caller: Caller, *, role: str, policy_name: str) -> None:
    """Delete an inline policy of a role."""
    _delete(find_role(role), policy_name)


@operation("iam:GetRolePolicy", resource=role_arn_of, writes=False)
def get_role_policy(caller: Caller, *, role: str, policy_name: str) -> InlinePolicy:
    """One inline policy of a role with its document."""
    return _find(find_role(role), policy_name)


@operation("iam:ListRolePolicies", resource=role_arn_of, writes=False)
def list_role_policies(caller: Caller, *, role: str) -> QuerySet[InlinePolicy]:
    """The inline policies of a role, by name."""
    return find_role(role).inline_policies.all()


Identity = User | Group | Role
_MOST = {User: OF_USER, Group: OF_GROUP, Role: OF_ROLE}


def _put(row: Identity, name: str, document: Document) -> InlinePolicy:
    checked_name("policy_name", name, 128)
    checked_document(document)
    others = row.inline_policies.exclude(name__iexact=name).values_list("document", flat=True)
    checked_size(document, _MOST[type(row)], besides=sum(size_of(other) for other in others))
    found = row.inline_policies.filter(name__iexact=name).first()
    audit.note_change(f"policy {name}", None if found is None else found.document, document)
    with keep_an_administrator():
        if found is None:
            return row.inline_policies.create(name=name, document=document)
        found.document, found.updated_at = document, now()
        found.save(update_fields=["document", "updated_at"])
    return found


def _delete(row: Identity, name: str) -> None:
    found = _find(row, name)
    audit.note_change(f"policy {found.name}", found.document, None)
    with keep_an_administrator():
        found.delete()


def _find(row: Identity, name: str) -> InlinePolicy:
    found = row.inline_policies.filter(name__iexact=str(name)).first()
    if found is None:
        raise NoSuchEntity(
            f"The policy with name {name} cannot be found on {row}.", fields={"policy_name": "not found"}
        )
    return found
