"""A role's trust policy: who may become the role, asked for people, programs and services."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from access.caller import Caller, request_context
from access.identities.attached import Statements
from access.models import Role
from access.policy import Context, Decision, Principal, evaluate, parse
from base.clock import now

ASSUME_ROLE = "sts:AssumeRole"
TAG_SESSION = "sts:TagSession"
SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"


def trust_statements(document: Any) -> Statements:
    """The statements of a stored trust policy, compiled once per process for each distinct text."""
    return _compiled(json.dumps(document, sort_keys=True, separators=(",", ":")))


@lru_cache(maxsize=512)
def _compiled(text: str) -> Statements:
    return parse(json.loads(text), source="trust policy", kind="trust")


def may_assume(
    caller: Caller, role: Role, action: str = ASSUME_ROLE, context: Context | None = None
) -> Decision:
    """Whether the caller may become the role now, by its trust policy and by its own policies. Asks no database."""
    known = {**role_context(role), **(context or {})}
    return caller.may_become(action, role.arn, trust_statements(role.trust_policy), known)


def trusts_service(role: Role, service: str, context: Context | None = None) -> bool:
    """Whether a service ("ecs-tasks.amazonaws.com") may become the role."""
    moment = now()
    full = {
        **request_context(None),
        **(context or {}),
        "aws:CurrentTime": moment.isoformat(timespec="seconds"),
        "aws:EpochTime": str(int(moment.timestamp())),
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": service,
    }
    return evaluate(
        (),
        ASSUME_ROLE,
        role.arn,
        full,
        resource_policy=trust_statements(role.trust_policy),
        principal=Principal(service=service),
    ).allowed


def role_context(role: Role) -> dict[str, str]:
    """The condition keys of a request that acts on a role."""
    return {f"{kind}:ResourceTag/{key}": value for key, value in role.tags.items() for kind in ("aws", "iam")}
