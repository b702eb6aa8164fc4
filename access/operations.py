"""Writes: users; and every write of access under one roof. In access.identities are groups, roles, managed policies,
what identities have attached and inline, keys, tokens and sessions (sts); in access.signon how people sign in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from access.authorization.contexts import all_of, boundary_of_user, needs_tags, new_boundary
from access.authorization.request_tags import request_tags
from access.caller import Caller
from access.identities.attachments import (
    attach_group_policy,
    attach_role_policy,
    attach_user_policy,
    delete_role_permissions_boundary,
    delete_user_permissions_boundary,
    detach_group_policy,
    detach_role_policy,
    detach_user_policy,
    put_role_permissions_boundary,
    put_user_permissions_boundary,
)
from access.identities.groups import (
    add_user_to_group,
    create_group,
    delete_group,
    remove_user_from_group,
    update_group,
)
from access.identities.identity_tags import (
    tag_policy,
    tag_role,
    tag_user,
    untag_policy,
    untag_role,
    untag_user,
)
from access.identities.inline_policies import (
    delete_group_policy,
    delete_role_policy,
    delete_user_policy,
    put_group_policy,
    put_role_policy,
    put_user_policy,
)
from access.identities.keys import create_access_key, delete_access_key, import_access_key, update_access_key
from access.identities.managed_policies import (
    create_policy,
    create_policy_version,
    delete_policy,
    delete_policy_version,
    put_policy,
    set_default_policy_version,
)
from access.identities.names import (
    checked_name,
    checked_text,
    find_group,
    find_policy,
    find_user,
    user_arn_of,
)
from access.identities.roles import (
    create_role,
    delete_role,
    revoke_role_sessions,
    update_assume_role_policy,
    update_role,
)
from access.identities.setup import ensure_administrator, ensure_ready_made, keep_an_administrator
from access.identities.sts import assume_role, get_session_token, switch_role
from access.identities.tokens import create_token, revoke_token
from access.models import User
from access.registry import Need, Params, operation
from access.signon.passwords import give, remember
from access.signon.sessions import end_all
from access.trail import audit
from base import here
from base import tags as tag_rules
from base.errors import Conflict, EntityAlreadyExists, invalid

__all__ = [
    "activate_user",
    "add_user_to_group",
    "assume_role",
    "attach_group_policy",
    "attach_role_policy",
    "attach_user_policy",
    "change_password",
    "create_access_key",
    "create_group",
    "create_policy",
    "create_policy_version",
    "create_role",
    "create_token",
    "create_user",
    "deactivate_user",
    "delete_access_key",
    "delete_group",
    "delete_group_policy",
    "delete_policy",
    "delete_policy_version",
    "delete_role",
    "delete_role_permissions_boundary",
    "delete_role_policy",
    "delete_user",
    "delete_user_permissions_boundary",
    "delete_user_policy",
    "detach_group_policy",
    "detach_role_policy",
    "detach_user_policy",
    "ensure_administrator",
    "ensure_ready_made",
    "get_session_token",
    "import_access_key",
    "put_group_policy",
    "put_policy",
    "put_role_permissions_boundary",
    "put_role_policy",
    "put_user_permissions_boundary",
    "put_user_policy",
    "remove_user_from_group",
    "revoke_role_sessions",
    "revoke_token",
    "set_default_policy_version",
    "set_password",
    "switch_role",
    "tag_policy",
    "tag_role",
    "tag_user",
    "untag_policy",
    "untag_role",
    "untag_user",
    "update_access_key",
    "update_assume_role_policy",
    "update_group",
    "update_role",
    "update_user",
]


# --- users --------------------------------------------------------------------------------------------


def _needs_of_new_user(caller: Caller, params: Params) -> Iterable[Need]:
    if params["password"] is not None:
        yield Need("iam:CreateLoginProfile", user_arn_of(params))
    for group in params["groups"] or ():
        yield Need("iam:AddUserToGroup", here.group_arn(str(group)))
    yield from _needs_of_tags(caller, params)


_needs_of_tags = needs_tags("iam:TagUser", user_arn_of)


@operation(
    "iam:CreateUser",
    resource=user_arn_of,
    context=all_of(new_boundary, request_tags),
    extra=_needs_of_new_user,
    writes=True,
)
def create_user(
    caller: Caller,
    *,
    username: str,
    password: str | None = None,
    display_name: str = "",
    email: str = "",
    groups: Sequence[str] = (),
    boundary: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> User:
    """Create a user in the groups named. Without a password it can use tokens and keys but not sign in."""
    checked_name("username", username, 64)
    if User.objects.filter(username__iexact=username).exists():
        raise EntityAlreadyExists(
            f"User with name {username} already exists.", fields={"username": "is taken"}
        )
    user = User(
        username=username,
        display_name=checked_text("display_name", display_name, 128),
        email=_email(email),
        boundary=None if boundary is None else find_policy(boundary),
        tags=tag_rules.checked(tags),
    )
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
        user.display_name = checked_text("display_name", display_name, 128)
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


def _needs_of_deleting_user(caller: Caller, params: Params) -> Iterable[Need]:
    user = User.objects.filter(username=params["username"]).first() if params["force"] else None
    if user is None:
        return
    for group in user.groups.all():
        yield Need("iam:RemoveUserFromGroup", group.arn)
    for policy in user.policies.all():
        yield Need("iam:DetachUserPolicy", user.arn, {"iam:PolicyARN": policy.arn})
    if user.inline_policies.exists():
        yield Need("iam:DeleteUserPolicy", user.arn)
    if user.access_keys.exists():
        yield Need("iam:DeleteAccessKey", user.arn)


@operation(
    "iam:DeleteUser",
    resource=user_arn_of,
    context=boundary_of_user,
    extra=_needs_of_deleting_user,
    writes=True,
)
def delete_user(caller: Caller, *, username: str, force: bool = False) -> None:
    """Delete a user with its password and tokens. With groups, policies or access keys it is refused unless `force`,
    which takes these away too. What it did stays in the audit trail under its name."""
    user = find_user(username)
    if user.pk == caller.user_id:
        raise Conflict("You cannot delete yourself.")
    if not force:
        for what, has in (
            ("remove it from its groups", user.groups.exists()),
            ("detach all policies", user.policies.exists()),
            ("delete its inline policies", user.inline_policies.exists()),
            ("delete its access keys", user.access_keys.exists()),
        ):
            if has:
                raise Conflict(f"Cannot delete entity, must {what} first.", code="DeleteConflict")
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


def _email(value: Any) -> str:
    text = checked_text("email", value, 254)
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise invalid("email", "is not an address") from None
    return text
