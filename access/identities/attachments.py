"""Writes: managed policies attached to users, groups and roles, and permissions boundaries of users and roles."""

from __future__ import annotations

from access.authorization.contexts import (
    all_of,
    boundary_of_role,
    boundary_of_user,
    given_boundary,
    policy_context,
)
from access.caller import Caller
from access.identities.names import (
    find_group,
    find_policy,
    find_role,
    find_user,
    group_arn_of,
    role_arn_of,
    user_arn_of,
)
from access.identities.setup import keep_an_administrator
from access.models import Group, Role, User
from access.registry import operation
from access.trail import audit
from base.errors import LimitExceeded, NoSuchEntity

MOST_ATTACHED = 20
"""Managed policies of one identity: IAM's highest quota."""

Identity = User | Group | Role


@operation(
    "iam:AttachUserPolicy",
    resource=user_arn_of,
    context=all_of(policy_context, boundary_of_user),
    writes=True,
)
def attach_user_policy(caller: Caller, *, username: str, policy: str) -> None:
    """Give a user a managed policy; nothing happens when it has it."""
    _attach(find_user(username), policy)


@operation(
    "iam:DetachUserPolicy",
    resource=user_arn_of,
    context=all_of(policy_context, boundary_of_user),
    writes=True,
)
def detach_user_policy(caller: Caller, *, username: str, policy: str) -> None:
    """Take a managed policy from a user; nothing happens when it has it not."""
    _detach(find_user(username), policy)


@operation("iam:AttachGroupPolicy", resource=group_arn_of, context=policy_context, writes=True)
def attach_group_policy(caller: Caller, *, group: str, policy: str) -> None:
    """Give a group a managed policy; nothing happens when it has it."""
    _attach(find_group(group), policy)


@operation("iam:DetachGroupPolicy", resource=group_arn_of, context=policy_context, writes=True)
def detach_group_policy(caller: Caller, *, group: str, policy: str) -> None:
    """Take a managed policy from a group; nothing happens when it has it not."""
    _detach(find_group(group), policy)


@operation(
    "iam:AttachRolePolicy",
    resource=role_arn_of,
    context=all_of(policy_context, boundary_of_role),
    writes=True,
)
def attach_role_policy(caller: Caller, *, role: str, policy: str) -> None:
    """Give a role a managed policy; nothing happens when it has it."""
    _attach(find_role(role), policy)


@operation(
    "iam:DetachRolePolicy",
    resource=role_arn_of,
    context=all_of(policy_context, boundary_of_role),
    writes=True,
)
def detach_role_policy(caller: Caller, *, role: str, policy: str) -> None:
    """Take a managed policy from a role; nothing happens when it has it not."""
    _detach(find_role(role), policy)


def _attach(row: Identity, policy: str) -> None:
    found = find_policy(policy)
    if row.policies.filter(pk=found.pk).exists():
        return
    if row.policies.count() >= MOST_ATTACHED:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPerIdentity: {MOST_ATTACHED}.")
    with keep_an_administrator():  # a policy may deny
        row.policies.add(found)
    audit.note_change("policy", None, policy)


def _detach(row: Identity, policy: str) -> None:
    found = find_policy(policy)
    if row.policies.filter(pk=found.pk).exists():
        with keep_an_administrator():
            row.policies.remove(found)
        audit.note_change("policy", policy, None)


# --- permissions boundaries -----------------------------------------------------------------------------


@operation("iam:PutUserPermissionsBoundary", resource=user_arn_of, context=given_boundary, writes=True)
def put_user_permissions_boundary(caller: Caller, *, username: str, policy: str) -> None:
    """Hold a user to what a managed policy allows, whatever its other policies allow."""
    _bound(find_user(username), policy)


@operation("iam:DeleteUserPermissionsBoundary", resource=user_arn_of, context=boundary_of_user, writes=True)
def delete_user_permissions_boundary(caller: Caller, *, username: str) -> None:
    """Take a user's permissions boundary away."""
    _unbound(find_user(username))


@operation("iam:PutRolePermissionsBoundary", resource=role_arn_of, context=given_boundary, writes=True)
def put_role_permissions_boundary(caller: Caller, *, role: str, policy: str) -> None:
    """Hold a role to what a managed policy allows, whatever its other policies allow."""
    _bound(find_role(role), policy)


@operation("iam:DeleteRolePermissionsBoundary", resource=role_arn_of, context=boundary_of_role, writes=True)
def delete_role_permissions_boundary(caller: Caller, *, role: str) -> None:
    """Take a role's permissions boundary away."""
    _unbound(find_role(role))


def _bound(row: User | Role, policy: str) -> None:
    found = find_policy(policy)
    audit.note_change("permissionsBoundary", None if row.boundary is None else row.boundary.name, policy)
    with keep_an_administrator():
        row.boundary = found
        row.save(update_fields=["boundary"])


def _unbound(row: User | Role) -> None:
    if row.boundary is None:
        raise NoSuchEntity(f"{row} has no permissions boundary.")
    audit.note_change("permissionsBoundary", row.boundary.name, None)
    row.boundary = None
    row.save(update_fields=["boundary"])
