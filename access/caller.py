"""Who is calling, with what they may do compiled in: a value passed to every operation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest

from access.models import Group
from access.policy import Context, Decision, Statement, evaluate, parse
from access.scope import compile_scope
from base import here
from base.clock import now
from base.ids import hex_id

if TYPE_CHECKING:
    from access.models import User

Face = Literal["console", "rest", "aws", "system"]


@dataclass(frozen=True, slots=True)
class Caller:
    """One identity in one request. `statements` are those of all its groups, each held to its group's scope."""

    arn: str
    name: str
    face: Face
    user_id: int | None = None
    statements: tuple[Statement, ...] = field(default=(), repr=False)
    source_ip: str = ""
    request_id: str = ""
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict, repr=False)
    system: bool = False

    @classmethod
    def for_user(cls, user: User, *, face: Face, request: HttpRequest | None = None) -> Caller:
        """Two queries: the user's groups and their policies. A deactivated user may do nothing.

        `request` gives the source address and request id that access.middleware found.
        """
        source_ip: str = getattr(request, "source_ip", "")
        return cls(
            arn=user.arn,
            name=user.username,
            face=face,
            user_id=user.pk,
            statements=(*statements_of(user), *SELF_SERVICE) if user.is_active else (),
            source_ip=source_ip,
            request_id=getattr(request, "request_id", "") or hex_id(),
            context={
                "aws:username": user.username,
                "aws:userid": str(user.pk),
                "aws:PrincipalArn": user.arn,
                "aws:PrincipalType": "User",
                **({"aws:SourceIp": source_ip} if source_ip else {}),
                **({"aws:SecureTransport": str(request.is_secure()).lower()} if request is not None else {}),
            },
        )

    def may(
        self, action: str, resource: str, context: Context | None = None, owners: Sequence[str] = ()
    ) -> Decision:
        """Whether the caller may do `action` on the ARN `resource` ("*": an action that has none). Asks no database.

        `owners`: ARNs of what the resource belongs to beyond its own ARN (a task's service), for group scopes.
        """
        if self.system:
            return _SYSTEM
        return evaluate(self.statements, action, resource, self.full_context(context), owners)

    def full_context(self, context: Context | None = None) -> dict[str, str | Sequence[str]]:
        """The condition keys of a request: the caller's, the time, and those given, which win over neither."""
        moment = now()
        return {
            **(context or {}),
            **self.context,
            "aws:CurrentTime": moment.isoformat(timespec="seconds"),
            "aws:EpochTime": str(int(moment.timestamp())),
        }


_SYSTEM = Decision(True, "allow")


def system_caller(name: str) -> Caller:
    """Slipway itself, acting as part `name` ("circuit-breaker", "retention"): allowed everything, audited as such."""
    return Caller(
        arn=here.names().iam(f"role/slipway/{name}"),
        name=f"system/{name}",
        face="system",
        request_id=hex_id(),
        system=True,
    )


ANONYMOUS = Caller(arn="", name="anonymous", face="console")
"""Nobody yet: may do nothing."""

# What everyone may do with their own sign-in, wherever their groups are held to; a Deny of theirs still wins.
SELF_SERVICE = parse(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "OwnSignIn",
            "Effect": "Allow",
            "Action": [
                "iam:GetUser",
                "iam:ChangePassword",
                "iam:ListServiceSpecificCredentials",
                "iam:CreateServiceSpecificCredential",
                "iam:DeleteServiceSpecificCredential",
            ],
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        },
    },
    source="self-service",
)


def statements_of(user: User) -> tuple[Statement, ...]:
    """Every statement that applies to the user, group by group."""
    found: list[Statement] = []
    for group in Group.objects.filter(members=user).prefetch_related("policies"):
        scope = compile_scope(group.scope)
        for policy in group.policies.all():
            source = f"{group.name}/{policy.name}"
            found.extend(statement.within(scope, source) for statement in compiled(policy.document))
    return tuple(found)


def compiled(document: Any) -> tuple[Statement, ...]:
    """The statements of a stored document, compiled once per process for each distinct text."""
    return _compiled(json.dumps(document, sort_keys=True, separators=(",", ":")))


@lru_cache(maxsize=512)
def _compiled(text: str) -> tuple[Statement, ...]:
    return parse(json.loads(text))
