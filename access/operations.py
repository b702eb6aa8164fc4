"""Writes: users, groups, and which policies they have. Policies themselves: access.policies; tokens: access.tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from access import audit
from access.caller import Caller
from access.models import Group, User
from access.names import checked_name, find_group, find_policy, find_user, group_arn_of, user_arn_of
from access.passwords import give, remember
from access.policies import delete_policy, policy_context, put_policy
from access.registry import Need, Params, operation
from access.scope import checked_scope
from access.sessions import end_all
from access.setup import ensure_administrator, ensure_ready_made, keep_an_administrator
from access.tokens import create_token, revoke_token
from base import here
from base.errors import Conflict, EntityAlreadyExists, InvalidParameter, invalid

__all__ = [
    "activate_user",
    "add_user_to_group",
    "attach_policy",
    "change_password",
    "create_group",
    "create_token",
    "create_user",
    "deactivate_user",
    "delete_group",
    "delete_policy",
    "delete_user",
    "detach_policy",
    "ensure_administrator",
    "ensure_ready_made",
    "put_policy",
    "remove_user_from_group",
    "revoke_token",
    "set_password",
    "update_group",
    "update_user",
]


# --- users --------------------------------------------------------------------------------------------


def _needs_of_new_user(caller: Caller, params: Params) -> Iterable[Need]:
    if params["password"] is not None:
        yield Need("iam:CreateLoginProfile", user_arn_of(params))
    for group in params["groups"] or ():
        yield Need("iam:AddUserToGroup", here.group_arn(str(group)))


@operation("iam:CreateUser", resource=user_arn_of, extra=_needs_of_new_user, writes=True)
def create_user(
    caller: Caller,
    *,
    username: str,
    password: str | None = None,
    display_name: str = "",
    email: str = "",
    groups: Sequence[str] = (),
) -> User:
    """Create a user in the groups named. Without a password it can use tokens but not sign in."""
    checked_name("username", username, 64)
    if User.objects.filter(username__iexact=username).exists():
        raise EntityAlreadyExists(
            f"User with name {username} already exists.", fields={"username": "is taken"}
        )
    user = User(username=username, display_name=_text("display_name", display_name, 128), email=_email(email))
    give(user, password)
    user.save()
    if password is not None:
        remember(user)
    for name in groups:
        find_group(name).members.add(user)
    audit.note_change("groups", [], sorted(groups))
    return user


@operation("iam:UpdateUser", resource=user_arn_of, writes=True)
def update_user(
    caller: Caller, *, username: str, display_name: str | None = None, email: str | None = None
) -> User:
    """Change how a user is shown and reached; what is not given stays."""
    user = find_user(username)
    if display_name is not None:
        audit.note_change("display_name", user.display_name, display_name)
        user.display_name = _text("display_name", display_name, 128)
    if email is not None:
        audit.note_change("email", user.email, email)
        user.email = _email(email)
    user.save(update_fields=["display_name", "email"])
    return user


@operation("iam:UpdateUser", resource=user_arn_of, writes=True)
def deactivate_user(caller: Caller, *, username: str) -> User:
    """Shut a user out at once: no sign-in, no token; sessions end. Everything of theirs stays."""
    user = find_user(username)
    if user.pk == caller.user_id:
        raise Conflict("You cannot deactivate yourself.")
    return _set_active(user, False)


@operation("iam:UpdateUser", resource=user_arn_of, writes=True)
def activate_user(caller: Caller, *, username: str) -> User:
    """Let a deactivated user in again."""
    return _set_active(find_user(username), True)


@operation("iam:DeleteUser", resource=user_arn_of, writes=True)
def delete_user(caller: Caller, *, username: str) -> None:
    """Delete a user with its tokens. What it did stays in the audit trail under its name."""
    user = find_user(username)
    if user.pk == caller.user_id:
        raise Conflict("You cannot delete yourself.")
    with keep_an_administrator():
        user.delete()


@operation("iam:UpdateLoginProfile", resource=user_arn_of, writes=True)
def set_password(caller: Caller, *, username: str, password: str) -> User:
    """Give a user a new password; their sessions end."""
    user = find_user(username)
    give(user, password)
    user.save(update_fields=["password"])
    return user


def _own_password(caller: Caller, params: Params) -> Iterable[Need]:
    yield Need("iam:ChangePassword", caller.arn)


@operation("iam:ChangePassword", resource=lambda params: [], extra=_own_password, writes=True)
def change_password(caller: Caller, *, current_password: str, new_password: str) -> User:
    """Change one's own password, knowing the current one. Other sessions end."""
    user = None if caller.user_id is None else User.objects.filter(pk=caller.user_id).first()
    if user is None or not user.check_password(current_password):
        raise invalid("current_password", "is not your password")
    give(user, new_password, "new_password")
    user.save(update_fields=["password"])
    return user


def _set_active(user: User, active: bool) -> User:
    audit.note_change("is_active", user.is_active, active)
    with keep_an_administrator():
        user.is_active = active
        user.save(update_fields=["is_active"])
    if not active:
        end_all(user)
    return user


def _text(field: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(field, f"at most {longest} characters")
    return value.strip()


def _email(value: Any) -> str:
    text = _text("email", value, 254)
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise invalid("email", "is not an address") from None
    return text


# --- groups -------------------------------------------------------------------------------------------


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
        name=group, description=_text("description", description, 1000), scope=_scope(scope)
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
            row.description = _text("description", description, 1000)
        if scope is not None:
            checked = _scope(scope)
            audit.note_change("scope", row.scope, checked)
            row.scope = checked
        row.save(update_fields=["description", "scope"])
    return row


@operation("iam:DeleteGroup", resource=group_arn_of, writes=True)
def delete_group(caller: Caller, *, group: str) -> None:
    """Delete a group; its members lose what it allowed."""
    row = find_group(group)
    audit.note_change("members", sorted(row.members.values_list("username", flat=True)), [])
    with keep_an_administrator():
        row.delete()


@operation("iam:AddUserToGroup", resource=group_arn_of, writes=True)
def add_user_to_group(caller: Caller, *, group: str, username: str) -> None:
    """Make a user a member; nothing happens when it is one."""
    row, user = find_group(group), find_user(username)
    if not row.members.filter(pk=user.pk).exists():
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


@operation("iam:AttachGroupPolicy", resource=group_arn_of, context=policy_context, writes=True)
def attach_policy(caller: Caller, *, group: str, policy: str) -> None:
    """Give a group a policy; nothing happens when it has it."""
    row, found = find_group(group), find_policy(policy)
    if not row.policies.filter(pk=found.pk).exists():
        row.policies.add(found)
        audit.note_change("policy", None, policy)


@operation("iam:DetachGroupPolicy", resource=group_arn_of, context=policy_context, writes=True)
def detach_policy(caller: Caller, *, group: str, policy: str) -> None:
    """Take a policy from a group; nothing happens when it has it not."""
    row, found = find_group(group), find_policy(policy)
    if row.policies.filter(pk=found.pk).exists():
        with keep_an_administrator():
            row.policies.remove(found)
        audit.note_change("policy", policy, None)


def _scope(patterns: Any) -> list[str]:
    problems = checked_scope(patterns)
    if problems:
        text = "; ".join(f"{place}: {reason}" for place, reason in problems.items())
        raise InvalidParameter(text, fields=problems)
    return list(dict.fromkeys(patterns))
