"""Roles: made, changed, listed and deleted; their sessions revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Concat

from access.authorization.contexts import all_of, boundary_of_role, needs_tags, new_boundary
from access.authorization.request_tags import request_tags
from access.authorization.visibility import visible
from access.caller import Caller
from access.identities.documents import TRUST, checked_document, checked_size
from access.identities.names import checked_name, checked_text, find_policy, find_role, role_arn_of
from access.identities.role_models import LONGEST_SESSION, SHORTEST_SESSION
from access.models import Role, TemporaryCredential
from access.registry import Need, Params, operation
from access.trail import audit
from base import here
from base import tags as tag_rules
from base.clock import now
from base.errors import Conflict, EntityAlreadyExists, invalid

Document = Mapping[str, Any]


@operation(
    "iam:CreateRole",
    resource=role_arn_of,
    context=all_of(new_boundary, request_tags),
    extra=needs_tags("iam:TagRole", role_arn_of),
    writes=True,
)
def create_role(
    caller: Caller,
    *,
    role: str,
    assume_role_policy_document: Document,
    description: str = "",
    max_session_seconds: int = 3600,
    boundary: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Role:
    """Create a role that those named by its trust policy may assume. It may do nothing until it gets policies."""
    checked_name("role", role, 64)
    if Role.objects.filter(name__iexact=role).exists():
        raise EntityAlreadyExists(f"Role with name {role} already exists.", fields={"role": "is taken"})
    _check_trust(assume_role_policy_document, "assume_role_policy_document")
    return Role.objects.create(
        name=role,
        description=checked_text("description", description, 1000),
        trust_policy=assume_role_policy_document,
        max_session_seconds=_seconds(max_session_seconds),
        boundary=None if boundary is None else find_policy(boundary),
        tags=tag_rules.checked(tags),
    )


@operation("iam:UpdateRole", resource=role_arn_of, writes=True)
def update_role(
    caller: Caller, *, role: str, description: str | None = None, max_session_seconds: int | None = None
) -> Role:
    """Change a role's description, or how long its sessions may last; what is not given stays."""
    row = find_role(role)
    if description is not None:
        audit.note_change("description", row.description, description)
        row.description = checked_text("description", description, 1000)
    if max_session_seconds is not None:
        audit.note_change("maxSessionSeconds", row.max_session_seconds, max_session_seconds)
        row.max_session_seconds = _seconds(max_session_seconds)
    row.save(update_fields=["description", "max_session_seconds"])
    return row


@operation("iam:UpdateAssumeRolePolicy", resource=role_arn_of, writes=True)
def update_assume_role_policy(caller: Caller, *, role: str, policy_document: Document) -> Role:
    """Replace a role's trust policy: who may assume it."""
    row = find_role(role)
    _check_trust(policy_document, "policy_document")
    audit.note_change("trustPolicy", row.trust_policy, policy_document)
    row.trust_policy = policy_document
    row.save(update_fields=["trust_policy"])
    return row


def _needs_of_deletion(caller: Caller, params: Params) -> Iterable[Need]:
    if not params["force"]:
        return
    row = Role.objects.filter(name=params["role"]).first()
    if row is None:
        return
    for policy in row.policies.all():
        yield Need("iam:DetachRolePolicy", row.arn, {"iam:PolicyARN": policy.arn})
    if row.inline_policies.exists():
        yield Need("iam:DeleteRolePolicy", row.arn)


@operation(
    "iam:DeleteRole",
    resource=role_arn_of,
    context=boundary_of_role,
    extra=_needs_of_deletion,
    writes=True,
)
def delete_role(caller: Caller, *, role: str, force: bool = False) -> None:
    """Delete a role; its sessions end. With policies it is refused unless `force`, which takes them away too."""
    row = find_role(role)
    if not force:
        if row.policies.exists():
            raise Conflict("Cannot delete entity, must detach all policies first.", code="DeleteConflict")
        if row.inline_policies.exists():
            raise Conflict("Cannot delete entity, must delete policies first.", code="DeleteConflict")
    audit.note_change("policies", sorted(row.policies.values_list("name", flat=True)), [])
    row.delete()


@operation("iam:GetRole", resource=role_arn_of, writes=False)
def get_role(caller: Caller, *, role: str) -> Role:
    """One role with its trust policy, by name."""
    return find_role(role)


@operation("iam:ListRoles", resource="*", writes=False)
def list_roles(caller: Caller) -> QuerySet[Role]:
    """The roles this caller may see, by name."""
    arn = Concat(Value(here.role_arn("")), F("name"), output_field=CharField())
    rows = Role.objects.annotate(row_arn=arn).select_related("boundary").prefetch_related("policies")
    return visible(rows, caller, "iam:GetRole", "row_arn")


@operation("slipway:ListRoleSessions", resource=role_arn_of, writes=False)
def list_role_sessions(caller: Caller, *, role: str) -> QuerySet[TemporaryCredential]:
    """The sessions of a role that still count, newest first; never their secrets."""
    return find_role(role).sessions.filter(revoked_at=None, expires_at__gt=now())


@operation("slipway:RevokeRoleSessions", resource=role_arn_of, writes=True)
def revoke_role_sessions(caller: Caller, *, role: str) -> Role:
    """End every session of a role that has begun before now, in the console too. New ones may begin at once."""
    row = find_role(role)
    moment = now()
    row.sessions_valid_from = moment
    row.save(update_fields=["sessions_valid_from"])
    ended = row.sessions.filter(revoked_at=None, expires_at__gt=moment).update(revoked_at=moment)
    audit.note_change("sessions", ended, 0)
    return row


def _check_trust(document: Any, field: str) -> None:
    checked_document(document, field=field, kind="trust")
    checked_size(document, TRUST, field=field)


def _seconds(value: Any) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not SHORTEST_SESSION <= value <= LONGEST_SESSION
    ):
        raise invalid("max_session_seconds", f"from {SHORTEST_SESSION} to {LONGEST_SESSION} seconds")
    return value
