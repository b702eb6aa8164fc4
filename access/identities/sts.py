"""Sessions: assuming roles, temporary keys, and who one is. Names and limits are those of AWS STS."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from access.caller import Caller, Face
from access.identities.attached import Statements, compiled
from access.identities.documents import SESSION, checked_document, checked_size
from access.identities.keys import Credential, new_secret, token_digest
from access.identities.names import find_policy, find_role, role_arn_of
from access.identities.principals import LONGEST_SESSION_NAME, role_caller
from access.identities.role_models import SHORTEST_SESSION
from access.identities.trust import (
    ASSUME_ROLE,
    SET_SOURCE_IDENTITY,
    TAG_SESSION,
    role_context,
    trust_statements,
)
from access.identities.unique_ids import temporary_key_id
from access.models import Role, TemporaryCredential, User
from access.policy import parse
from access.registry import Need, Params, operation
from access.trail import audit
from base import cipher, here
from base import tags as tag_rules
from base.clock import now
from base.errors import AccessDenied, invalid

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_CHAINED = 3600
"""Seconds: a role assumed by a role's session lasts no longer, as on AWS."""
_LONGEST_TOKEN = 129_600
MOST_POLICIES = 10


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """Temporary keys with their secrets, which are never shown again. `arn`: what their bearer is."""

    credential: TemporaryCredential
    secret: str = field(repr=False)
    session_token: str = field(repr=False)
    arn: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """GetCallerIdentity's answer. `assumed_by` is ours: the ARN of who assumed the role, "" otherwise."""

    arn: str
    account: str
    user_id: str
    assumed_by: str


# --- assuming a role ------------------------------------------------------------------------------------


def _trust_need(caller: Caller, params: Params, action: str, context: Mapping[str, Any]) -> Need:
    """A role that is not there trusts nobody: that it does not exist cannot be told from being refused."""
    role = Role.objects.filter(name=params["role"]).first()
    trust = trust_statements(role.trust_policy) if role is not None else ()
    known = {**context, **(role_context(role) if role is not None else {})}
    return Need(action, role_arn_of(params), known, trust=trust)


def _needs_of_assuming(caller: Caller, params: Params) -> Iterable[Need]:
    tags = {**_inherited(caller), **_pairs(params["tags"])}
    context: dict[str, Any] = {"sts:RoleSessionName": str(params["session_name"])}
    if params["external_id"]:
        context["sts:ExternalId"] = str(params["external_id"])
    if params["source_identity"]:
        context["sts:SourceIdentity"] = str(params["source_identity"])
    context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        context["aws:TagKeys"] = tuple(tags)
    if params["transitive_tag_keys"]:
        context["sts:TransitiveTagKeys"] = tuple(str(key) for key in params["transitive_tag_keys"])
    yield _trust_need(caller, params, ASSUME_ROLE, context)
    if tags:
        yield _trust_need(caller, params, TAG_SESSION, context)
    if params["source_identity"]:
        yield _trust_need(caller, params, SET_SOURCE_IDENTITY, context)


@operation(ASSUME_ROLE, resource=lambda params: [], extra=_needs_of_assuming, writes=True)
def assume_role(
    caller: Caller,
    *,
    role: str,
    session_name: str,
    duration_seconds: int | None = None,
    session_policy: Mapping[str, Any] | None = None,
    policies: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    transitive_tag_keys: Sequence[str] = (),
    source_identity: str = "",
    external_id: str = "",
) -> IssuedSession:
    """Become a role for a while: temporary keys of a session. `session_policy` and `policies` hold it further."""
    row = find_role(role)
    _check_name("session_name", session_name)
    inherited = _inherited(caller)
    given = tag_rules.checked(tags)
    if clash := sorted(set(inherited) & set(given)):
        raise invalid(
            "tags", f"{', '.join(clash)}: a transitive tag of the calling session cannot be changed"
        )
    unknown = [key for key in transitive_tag_keys if key not in given]
    if unknown:
        raise invalid("transitive_tag_keys", f"{', '.join(unknown)}: not among the tags of this request")
    kept = str(caller.context.get("aws:SourceIdentity", ""))
    if source_identity:
        _check_name("source_identity", source_identity)
        if kept and source_identity != kept:
            raise invalid("source_identity", "the calling session has one, which cannot be changed")
    chained = caller.role_id is not None
    issued = _issue(
        role=row,
        session_name=session_name,
        assumed_by=caller.arn,
        seconds=_duration(duration_seconds, _CHAINED if chained else row.max_session_seconds),
        session_policies=_session_policies(session_policy, policies),
        tags={**inherited, **given},
        transitive_tags=sorted({*inherited, *transitive_tag_keys}),
        source_identity=source_identity or kept,
        mfa_at=caller.mfa_at,
    )
    arn = here.assumed_role_arn(row.name, session_name)
    audit.note_resource(arn)
    audit.note_change("session", None, arn)
    return IssuedSession(*issued, arn=arn, user_id=f"{row.unique_id}:{session_name}")


def _needs_of_switching(caller: Caller, params: Params) -> Iterable[Need]:
    yield _trust_need(caller, params, ASSUME_ROLE, {"sts:RoleSessionName": caller.name})


@operation(ASSUME_ROLE, resource=lambda params: [], extra=_needs_of_switching, writes=True)
def switch_role(caller: Caller, *, role: str) -> Role:
    """Become a role in the console, until one switches back or the role's longest session is over."""
    row = find_role(role)
    if caller.user_id is None:
        raise invalid("role", "switch back first: only a user switches roles in the console")
    arn = here.assumed_role_arn(row.name, caller.name[:LONGEST_SESSION_NAME])
    audit.note_resource(arn)
    audit.note_change("session", None, arn)
    Role.objects.filter(pk=row.pk).update(last_used_at=now())
    return row


def session_for_service(role: Role, *, session_name: str, seconds: int) -> IssuedSession:
    """Keys of the role for one of our services' own use: a task's. That it trusts the service is for the caller to ask.
    Not an operation: nobody calls it; AWS's trail shows such sessions by what is done in them."""
    issued = _issue(role=role, session_name=session_name, seconds=seconds)
    arn = here.assumed_role_arn(role.name, session_name)
    return IssuedSession(*issued, arn=arn, user_id=f"{role.unique_id}:{session_name}")


# --- one's own -------------------------------------------------------------------------------------------


@operation("sts:GetSessionToken", resource="*", writes=True)
def get_session_token(caller: Caller, *, duration_seconds: int = 43_200) -> IssuedSession:
    """Temporary keys of oneself, for programs: they may do what the user may, but for IAM without a second factor."""
    user = None if caller.user_id is None else User.objects.filter(pk=caller.user_id).first()
    if user is None:
        raise AccessDenied(
            "Cannot call GetSessionToken with session credentials.",
            action="sts:GetSessionToken",
            resource="*",
        )
    issued = _issue(user=user, seconds=_duration(duration_seconds, _LONGEST_TOKEN), mfa_at=caller.mfa_at)
    return IssuedSession(*issued, arn=user.arn, user_id=user.unique_id)


@operation("sts:GetCallerIdentity", resource="*", writes=False)
def get_caller_identity(caller: Caller) -> Identity:
    """Who one is to Slipway: a user, or a session of a role."""
    return Identity(
        caller.arn, here.names().account, str(caller.context.get("aws:userid", "")), caller.assumed_by
    )


# --- from keys to a caller ---------------------------------------------------------------------------------


def caller_of(credential: Credential, *, face: Face, request: HttpRequest | None = None) -> Caller:
    """The caller whose keys signed a request (access.identities.keys.find_key). One query."""
    row = credential.session
    if row is None:
        assert credential.user is not None
        return Caller.for_user(credential.user, face=face, request=request)
    guards = tuple(compiled(document, "session policy") for document in row.session_policies)
    if row.role is None:
        assert row.user is not None
        return Caller.for_user(
            row.user,
            face=face,
            request=request,
            mfa=row.mfa_at,
            session_started=row.created_at,
            guards=(*guards, _SESSION_OF_USER),
        )
    return role_caller(
        row.role,
        session_name=row.session_name,
        assumed_by=row.assumed_by,
        face=face,
        request=request,
        session_policies=guards,
        tags=row.tags,
        transitive_tags=row.transitive_tags,
        started=row.created_at,
        mfa=row.mfa_at,
        source_identity=row.source_identity,
    )


def forget_expired() -> int:
    """Delete temporary credentials that expired a day ago or earlier; returns how many."""
    count, _ = TemporaryCredential.objects.filter(expires_at__lt=now() - timedelta(days=1)).delete()
    return count


# What keys of GetSessionToken cannot do, as on AWS: IAM without a second factor, and STS but for these two.
_SESSION_OF_USER: Statements = parse(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {
                "Sid": "NoIamWithoutSecondFactor",
                "Effect": "Deny",
                "Action": "iam:*",
                "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            },
            {
                "Sid": "NoFurtherTokens",
                "Effect": "Deny",
                "Action": "sts:GetSessionToken",
                "Resource": "*",
            },
        ],
    },
    source="session token",
)


def _issue(*, seconds: int, **fields: Any) -> tuple[TemporaryCredential, str, str]:
    secret, token = new_secret(), secrets.token_urlsafe(96)
    moment = now()
    row = TemporaryCredential.objects.create(
        key_id=temporary_key_id(),
        encrypted_secret=cipher.encrypt(secret),
        token_digest=token_digest(token),
        created_at=moment,
        expires_at=moment + timedelta(seconds=seconds),
        **fields,
    )
    if row.role_id is not None:
        Role.objects.filter(pk=row.role_id).update(last_used_at=moment)
    return row, secret, token


def _session_policies(document: Mapping[str, Any] | None, names: Sequence[str]) -> list[Any]:
    """The documents that hold a session: the one given, and those of the policies named as one set, since they are
    asked together: what any of them allows, the session may."""
    if len(names) > MOST_POLICIES:
        raise invalid("policies", f"at most {MOST_POLICIES}")
    found: list[Any] = []
    if document is not None:
        checked_document(document, field="session_policy")
        checked_size(document, SESSION, field="session_policy")
    statements = [] if document is None else _statements(document)
    for name in names:
        statements += _statements(find_policy(name).document)
    if statements:
        version = (document or {}).get("Version", "2012-10-17") if not names else "2012-10-17"
        found.append({"Version": version, "Statement": statements})
    return found


def _statements(document: Mapping[str, Any]) -> list[Any]:
    raw = document["Statement"]
    return list(raw) if isinstance(raw, list) else [raw]


def _inherited(caller: Caller) -> dict[str, str]:
    """The transitive tags of the session that calls."""
    prefix = "aws:PrincipalTag/"
    return {
        key: str(caller.context[prefix + key])
        for key in caller.transitive_tags
        if prefix + key in caller.context
    }


def _pairs(tags: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, Mapping) else {}


def _check_name(field_name: str, value: Any) -> None:
    if not isinstance(value, str) or _SESSION_NAME.fullmatch(value) is None:
        raise invalid(field_name, "2 to 64 letters, digits and _ + = , . @ -")


def _duration(seconds: Any, longest: int) -> int:
    if seconds is None:
        return min(3600, longest)
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int)
        or not SHORTEST_SESSION <= seconds <= longest
    ):
        raise invalid("duration_seconds", f"from {SHORTEST_SESSION} to {longest} seconds")
    return seconds
