"""Writes on managed policies and their versions: documents are checked whole before they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from access.authorization.contexts import needs_tags, policy_context
from access.authorization.request_tags import request_tags
from access.caller import Caller
from access.identities.documents import MANAGED, checked_document, checked_size
from access.identities.names import checked_name, checked_text, find_policy, policy_arn_named, policy_arn_of
from access.identities.setup import add_version, keep_an_administrator
from access.models import Policy, PolicyVersion
from access.registry import Need, Params, operation
from access.trail import audit
from base import tags as tag_rules
from base.errors import Conflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity

__all__ = [
    "checked_document",
    "create_policy",
    "create_policy_version",
    "delete_policy",
    "delete_policy_version",
    "policy_arn_named",
    "policy_context",
    "put_policy",
    "set_default_policy_version",
]

MOST_VERSIONS = 5


def _needs_of_change(caller: Caller, params: Params) -> Iterable[Need]:
    if Policy.objects.filter(name=params["policy"]).exists():
        yield Need("iam:CreatePolicyVersion", policy_arn_of(params))


@operation("iam:CreatePolicy", resource=policy_arn_of, extra=_needs_of_change, writes=True)
def put_policy(
    caller: Caller, *, policy: str, document: Mapping[str, Any], description: str | None = None
) -> Policy:
    """Create a policy, or give it a new document as its default version. Of five versions the oldest makes room."""
    row = Policy.objects.filter(name=policy).first()
    if row is None:
        return _create(policy, document, description or "", {})
    _not_ready_made(row)
    _checked(document)
    audit.note_change("document", row.document, document)
    with keep_an_administrator():
        if row.versions.count() >= MOST_VERSIONS:
            _oldest(row).delete()
        add_version(row, document)
        if description is not None:
            row.description = checked_text("description", description, 1000)
            row.save(update_fields=["description"])
    return row


@operation(
    "iam:CreatePolicy",
    resource=policy_arn_of,
    context=request_tags,
    extra=needs_tags("iam:TagPolicy", policy_arn_of),
    writes=True,
)
def create_policy(
    caller: Caller,
    *,
    policy: str,
    document: Mapping[str, Any],
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> Policy:
    """Create a managed policy; its document becomes version v1."""
    if Policy.objects.filter(name__iexact=policy).exists():
        raise EntityAlreadyExists(f"A policy called {policy} already exists.", fields={"policy": "is taken"})
    return _create(policy, document, description, tags or {})


@operation("iam:CreatePolicyVersion", resource=policy_arn_of, writes=True)
def create_policy_version(
    caller: Caller, *, policy: str, document: Mapping[str, Any], set_as_default: bool = False
) -> PolicyVersion:
    """Add a version of a policy, in force at once when it is made the default. Five versions are kept at most."""
    row = find_policy(policy)
    _not_ready_made(row)
    _checked(document)
    if row.versions.count() >= MOST_VERSIONS:
        raise LimitExceeded(
            f"A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must "
            "delete an existing version."
        )
    with keep_an_administrator():
        version = add_version(row, document, default=set_as_default)
    audit.note_change("version", None, version.version_id)
    return version


@operation("iam:SetDefaultPolicyVersion", resource=policy_arn_of, writes=True)
def set_default_policy_version(caller: Caller, *, policy: str, version: str) -> Policy:
    """Put another version of a policy in force."""
    row = find_policy(policy)
    _not_ready_made(row)
    wanted = find_version(row, version)
    audit.note_change("defaultVersion", row.default_version_id, wanted.version_id)
    with keep_an_administrator():
        row.default_version, row.document = wanted.number, wanted.document
        row.save(update_fields=["default_version", "document"])
    return row


@operation("iam:DeletePolicyVersion", resource=policy_arn_of, writes=True)
def delete_policy_version(caller: Caller, *, policy: str, version: str) -> None:
    """Delete a version that is not the default one."""
    row = find_policy(policy)
    _not_ready_made(row)
    found = find_version(row, version)
    if found.is_default:
        raise Conflict("Cannot delete the default version of a policy.", code="DeleteConflict")
    audit.note_change("version", found.version_id, None)
    found.delete()


@operation("iam:DeletePolicy", resource=policy_arn_of, writes=True)
def delete_policy(caller: Caller, *, policy: str) -> None:
    """Delete a policy that nobody has, with its versions."""
    row = find_policy(policy)
    _not_ready_made(row)
    held = _holders(row)
    if held:
        raise Conflict(
            f"Cannot delete a policy attached to entities: {', '.join(held)}.", code="DeleteConflict"
        )
    audit.note_change("document", row.document, None)
    row.delete()


def find_version(row: Policy, version: str) -> PolicyVersion:
    """Version "v3" of a policy. Raises NoSuchEntity."""
    number = version[1:] if isinstance(version, str) and version[:1] == "v" else ""
    found = (
        row.versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    )
    if found is None:
        raise NoSuchEntity(
            f"Policy {row.arn} version {version} does not exist or is not attachable.",
            fields={"version": "not found"},
        )
    return found


def _create(policy: str, document: Any, description: str, tags: Mapping[str, str]) -> Policy:
    checked_name("policy", policy, 128)
    _checked(document)
    row = Policy(
        name=policy,
        document=document,
        description=checked_text("description", description, 1000),
        tags=tag_rules.checked(tags),
    )
    audit.note_change("document", None, document)
    row.save()
    return row


def _checked(document: Any) -> None:
    checked_document(document)
    checked_size(document, MANAGED)


def _not_ready_made(row: Policy) -> None:
    if row.ready_made:
        raise Conflict(f"{row.name} is ready-made: copy it under another name to change it.")


def _oldest(row: Policy) -> PolicyVersion:
    found = row.versions.exclude(number=row.default_version).order_by("number").first()
    assert found is not None
    return found


def _holders(row: Policy) -> list[str]:
    """Whoever has the policy, or is bounded by it: "group web-team", "user ana"."""
    found = [f"group {name}" for name in row.groups.values_list("name", flat=True)]
    found += [f"user {name}" for name in row.users.values_list("username", flat=True)]
    found += [f"role {name}" for name in row.roles.values_list("name", flat=True)]
    found += [f"boundary of user {name}" for name in row.bounded_users.values_list("username", flat=True)]
    found += [f"boundary of role {name}" for name in row.bounded_roles.values_list("name", flat=True)]
    return sorted(found)
