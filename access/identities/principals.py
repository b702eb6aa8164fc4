"""Callers that are roles, and the permission to give a role away.

A role's caller is a session: it has a name of its own, may be held by session policies, and knows who assumed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.http import HttpRequest

from access.caller import Caller, Face, request_context, session_context, tags_context, user_agent_of
from access.identities.attached import Statements, attached_to_role, attached_to_user
from access.models import Role, User
from access.policy import parse
from access.registry import Need
from base import here
from base.ids import hex_id

ECS_TASKS = "ecs-tasks.amazonaws.com"
LONGEST_SESSION_NAME = 64


def role_caller(
    role: Role,
    *,
    session_name: str,
    assumed_by: Caller | str | None,
    face: Face,
    request: HttpRequest | None = None,
    session_policies: Sequence[Statements] = (),
    tags: Mapping[str, str] | None = None,
    transitive_tags: Sequence[str] = (),
    started: datetime | None = None,
    mfa: datetime | None = None,
    source_identity: str = "",
) -> Caller:
    """A session of the role, with what the role may do now. One query. Does not ask the trust policy (see trust).

    `assumed_by`: who became the role, a Caller or its ARN; None for a service. `session_policies`: sets of statements
    each of which must allow too. `tags`: session tags, which win over the role's. `started`: when the session began.
    """
    attached = attached_to_role(role)
    boundary = () if attached.boundary is None else (attached.boundary,)
    whom = assumed_by.arn if isinstance(assumed_by, Caller) else assumed_by or ""
    arn = here.assumed_role_arn(role.name, session_name)
    return Caller(
        arn=arn,
        name=f"{role.name}/{session_name}"[:128],
        face=face,
        statements=(*attached.statements, *_OWN_SESSION),
        guards=(*boundary, *session_policies),
        source_ip=getattr(request, "source_ip", ""),
        request_id=getattr(request, "request_id", "") or hex_id(),
        user_agent=user_agent_of(request),
        role_id=role.pk,
        role_arn=role.arn,
        assumed_by=whom,
        mfa_at=mfa,
        transitive_tags=tuple(transitive_tags),
        context={
            "aws:userid": f"{role.unique_id}:{session_name}",
            "aws:PrincipalArn": role.arn,
            "aws:PrincipalType": "AssumedRole",
            **tags_context({**role.tags, **(tags or {})}),
            **({"aws:SourceIdentity": source_identity} if source_identity else {}),
            **session_context(True, mfa, started),
            **request_context(request),
        },
    )


def pass_role_need(role_arn: str, service: str = ECS_TASKS) -> Need:
    """What giving a role to a service takes: iam:PassRole on the role, with the service in iam:PassedToService."""
    return Need("iam:PassRole", role_arn, {"iam:PassedToService": service})


def statements_of_user(user: User) -> Statements:
    """What decides for a user, without its boundary."""
    return attached_to_user(user).statements


def statements_of_role(role: Role) -> Statements:
    """What decides for a role, without its boundary."""
    return attached_to_role(role).statements


# As on AWS, where it asks for no permission.
_OWN_SESSION = parse(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "OwnSession",
            "Effect": "Allow",
            "Action": "sts:GetCallerIdentity",
            "Resource": "*",
        },
    },
    source="self-service",
)
