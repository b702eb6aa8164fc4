"""Writes: groups and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from access.authorization.contexts import policy_context
from access.caller import Caller
from access.identities.names import (
    checked_name,
    checked_text,
    find_group,
    find_policy,
    find_user,
    group_arn_of,
)
from access.identities.setup import keep_an_administrator
from access.language.scope import checked_scope
from access.models import Group
from access.registry import Need, Params, operation
from access.trail import audit
from base.errors import Conflict, EntityAlreadyExists, InvalidParameter


def _needs_of_new_group(caller: Caller, params: Params) -> Iterable[Need]:
    for policy in params["policies"] or ():
        yield Need("iam:AttachGroupPolicy", group_arn_of(params), policy_context({"policy": policy}))


@operation("iam:CreateGroup", resource=group_arn_of, extra=_needs_of_new_group, writes=True)
def create_group(
    caller: Caller,
    *,
    group: str,
    description: str = "",
    scope: Sequence[str] = (),
    policies: Sequence[str] = (),
) -> Group:
    """Create a group with the policies named, held to the ARN patterns of `scope` (none: everywhere)."""
    checked_name("group", group, 128)
    if Group.objects.filter(name__iexact=group).exists():
        raise EntityAlreadyExists(f"Group with name {group} already exists.", fields={"group": "is taken"})
    row = Group.objects.create(
        name=group, description=checked_text("description", description, 1000), scope=_scope(scope)
    )
    row.policies.set([find_policy(name) for name in policies])
    audit.note_change("policies", [], sorted(policies))
    return row


@operation("iam:UpdateGroup", resource=group_arn_of, writes=True)
def update_group(
    caller: Caller, *, group: str, description: str | None = None, scope: Sequence[str] | None = None
) -> Group:
    """Change a group's description or what it is held to; what is not given stays."""
    row = find_group(group)
    with keep_an_administrator():
        if description is not None:
            audit.note_change("description", row.description, description)
            row.description = checked_text("description", description, 1000)
        if scope is not None:
            checked = _scope(scope)
            audit.note_change("scope", row.scope, checked)
            row.scope = checked
        row.save(update_fields=["description", "scope"])
    return row


def _needs_of_deleting_group(caller: Caller, params: Params) -> Iterable[Need]:
    row = Group.objects.filter(name=params["group"]).first() if params["force"] else None
    if row is None:
        return
    if row.members.exists():
        yield Need("iam:RemoveUserFromGroup", row.arn)
    for policy in row.policies.all():
        yield Need("iam:DetachGroupPolicy", row.arn, {"iam:PolicyARN": policy.arn})
    if row.inline_policies.exists():
        yield Need("iam:DeleteGroupPolicy", row.arn)


@operation("iam:DeleteGroup", resource=group_arn_of, extra=_needs_of_deleting_group, writes=True)
def delete_group(caller: Caller, *, group: str, force: bool = False) -> None:
    """Delete a group. With members or policies it is refused unless `force`: its members lose what it allowed."""
    row = find_group(group)
    if not force:
        for what, has in (
            ("remove users from group", row.members.exists()),
            ("detach all policies", row.policies.exists()),
            ("delete its inline policies", row.inline_policies.exists()),
        ):
            if has:
                raise Conflict(f"Cannot delete entity, must {what} first.", code="DeleteConflict")
    audit.note_change("members", sorted(row.members.values_list("username", flat=True)), [])
    with keep_an_administrator():
        row.delete()


@operation("iam:AddUserToGroup", resource=group_arn_of, writes=True)
def add_user_to_group(caller: Caller, *, group: str, username: str) -> None:
    """Make a user a member; nothing happens when it is one."""
    row, user = find_group(group), find_user(username)
    if not row.members.filter(pk=user.pk).exists():
        with keep_an_administrator():  # the group's policies may deny
            row.members.add(user)
        audit.note_change("member", None, username)


@operation("iam:RemoveUserFromGroup", resource=group_arn_of, writes=True)
def remove_user_from_group(caller: Caller, *, group: str, username: str) -> None:
    """Take a user out of a group; nothing happens when it is not in it."""
    row, user = find_group(group), find_user(username)
    if row.members.filter(pk=user.pk).exists():
        with keep_an_administrator():
            row.members.remove(user)
        audit.note_change("member", username, None)


def _scope(patterns: Any) -> list[str]:
    problems = checked_scope(patterns)
    if problems:
        text = "; ".join(f"{place}: {reason}" for place, reason in problems.items())
        raise InvalidParameter(text, fields=problems)
    return list(dict.fromkeys(patterns))
