"""Tags of users, roles and policies: what aws:PrincipalTag and aws:ResourceTag speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from access.authorization.request_tags import request_tags
from access.caller import Caller
from access.identities.names import find_policy, find_role, find_user, policy_arn_of, role_arn_of, user_arn_of
from access.identities.setup import keep_an_administrator
from access.models import Policy, Role, User
from access.registry import operation
from access.trail import audit
from base import tags as tag_rules
from base.errors import Conflict

Tags = Mapping[str, str]


@operation("iam:TagUser", resource=user_arn_of, context=request_tags, writes=True)
def tag_user(caller: Caller, *, username: str, tags: Tags) -> None:
    """Give a user tags; one of the same key is replaced."""
    _tag(find_user(username), tags)


@operation("iam:UntagUser", resource=user_arn_of, context=request_tags, writes=True)
def untag_user(caller: Caller, *, username: str, tag_keys: Sequence[str]) -> None:
    """Take tags from a user."""
    _untag(find_user(username), tag_keys)


@operation("iam:ListUserTags", resource=user_arn_of, writes=False)
def list_user_tags(caller: Caller, *, username: str) -> dict[str, str]:
    """The tags of a user."""
    return dict(find_user(username).tags)


@operation("iam:TagRole", resource=role_arn_of, context=request_tags, writes=True)
def tag_role(caller: Caller, *, role: str, tags: Tags) -> None:
    """Give a role tags; one of the same key is replaced."""
    _tag(find_role(role), tags)


@operation("iam:UntagRole", resource=role_arn_of, context=request_tags, writes=True)
def untag_role(caller: Caller, *, role: str, tag_keys: Sequence[str]) -> None:
    """Take tags from a role."""
    _untag(find_role(role), tag_keys)


@operation("iam:ListRoleTags", resource=role_arn_of, writes=False)
def list_role_tags(caller: Caller, *, role: str) -> dict[str, str]:
    """The tags of a role."""
    return dict(find_role(role).tags)


@operation("iam:TagPolicy", resource=policy_arn_of, context=request_tags, writes=True)
def tag_policy(caller: Caller, *, policy: str, tags: Tags) -> None:
    """Give a managed policy tags; one of the same key is replaced."""
    _tag(_own(policy), tags)


@operation("iam:UntagPolicy", resource=policy_arn_of, context=request_tags, writes=True)
def untag_policy(caller: Caller, *, policy: str, tag_keys: Sequence[str]) -> None:
    """Take tags from a managed policy."""
    _untag(_own(policy), tag_keys)


@operation("iam:ListPolicyTags", resource=policy_arn_of, writes=False)
def list_policy_tags(caller: Caller, *, policy: str) -> dict[str, str]:
    """The tags of a managed policy."""
    return dict(find_policy(policy).tags)


def _own(policy: str) -> Policy:
    row = find_policy(policy)
    if row.ready_made:
        raise Conflict(f"{policy} is ready-made and takes no tags.")
    return row


def _tag(row: User | Role | Policy, tags: Tags) -> None:
    _keep(row, tag_rules.checked({**row.tags, **tag_rules.checked(tags)}))


def _untag(row: User | Role | Policy, keys: Sequence[str]) -> None:
    _keep(row, {key: value for key, value in row.tags.items() if key not in keys})


def _keep(row: User | Role | Policy, tags: dict[str, str]) -> None:
    audit.note_change("tags", row.tags, tags)
    with keep_an_administrator():  # a policy may deny by aws:PrincipalTag
        row.tags = tags
        row.save(update_fields=["tags"])
