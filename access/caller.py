"""Who is calling, with what they may do compiled in: a value passed to every operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from django.http import HttpRequest

from access.authorization.resource_policies import policy_of
from access.authorization.resource_tags import tags_of
from access.identities.attached import Statements, attached_to_user, compiled
from access.language.implied import implied
from access.language.matching import LazyContext
from access.language.policy_set import indexed
from access.policy import Context, Decision, Principal, evaluate, parse
from base import here
from base.clock import now
from base.ids import hex_id

if TYPE_CHECKING:
    from access.models import User

__all__ = ["ANONYMOUS", "SELF_SERVICE", "Caller", "Face", "compiled", "request_context", "system_caller"]

Face = Literal["console", "rest", "aws", "system"]

LONGEST_USER_AGENT = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """One identity in one request.

    `statements` are those of all its policies, a group's held to the group's scope. `guards` are sets of statements
    each of which must allow as well: a permissions boundary, a session's policies. A session of a role has `role_id`
    and `role_arn`, and in `assumed_by` the ARN of who assumed it ("" otherwise). `mfa_at` is when the second factor
    was given; None: there was none. `transitive_tags`: keys of session tags that roles assumed from here inherit.
    """

    arn: str
    name: str
    face: Face
    user_id: int | None = None
    statements: Statements = field(default=(), repr=False)
    source_ip: str = ""
    request_id: str = ""
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict, repr=False)
    system: bool = False
    guards: tuple[Statements, ...] = field(default=(), repr=False)
    role_id: int | None = None
    role_arn: str = ""
    assumed_by: str = ""
    user_agent: str = ""
    mfa_at: datetime | None = None
    transitive_tags: tuple[str, ...] = ()

    @classmethod
    def for_user(
        cls,
        user: User,
        *,
        face: Face,
        request: HttpRequest | None = None,
        mfa: datetime | None = None,
        session_started: datetime | None = None,
        guards: tuple[Statements, ...] = (),
    ) -> Caller:
        """One query: everything attached to the user. A deactivated user may do nothing.

        `request` gives the source address and request id that access.middleware found. `mfa`: when the second factor
        of this session was given. `session_started`: of a session (the console's, or of temporary keys); None for
        long-lived tokens and keys, which have no aws:MultiFactorAuthPresent, as on AWS. `guards`: session policies.
        """
        attached = attached_to_user(user) if user.is_active else None
        boundary = attached.boundary if attached is not None else None
        return cls(
            arn=user.arn,
            name=user.username,
            face=face,
            user_id=user.pk,
            statements=(*attached.statements, *SELF_SERVICE) if attached is not None else (),
            guards=guards if boundary is None else (boundary, *guards),
            source_ip=getattr(request, "source_ip", ""),
            request_id=getattr(request, "request_id", "") or hex_id(),
            user_agent=user_agent_of(request),
            mfa_at=mfa,
            context={
                "aws:username": user.username,
                "aws:userid": user.unique_id,
                "aws:PrincipalArn": user.arn,
                "aws:PrincipalType": "User",
                **tags_context(user.tags),
                **session_context(face == "console" or session_started is not None, mfa, session_started),
                **request_context(request),
            },
        )

    @property
    def mfa(self) -> bool:
        """Whether a second factor stands behind this request."""
        return self.mfa_at is not None

    @property
    def principal(self) -> Principal:
        """Who this is to the policy of a resource or of a role."""
        return Principal(arn=self.arn, account=here.names().account, role=self.role_arn)

    def may(
        self,
        action: str,
        resource: str,
        context: Context | None = None,
        owners: Sequence[str] = (),
        resource_policy: Statements | None = None,
    ) -> Decision:
        """Whether the caller may do `action` on the ARN `resource` ("*": an action that has none).

        Asks the database only where a policy that speaks of the action has a condition on the resource's tags: one
        query. ecs:cluster and ecs:service are told by the ARN; `context` gives the operation's further keys.

        `owners`: ARNs of what the resource belongs to beyond its own ARN (a task's service), for group scopes.
        `resource_policy`: statements of the resource's own policy, which may allow instead of the identity's; of kinds
        that keep one (a secret) it is looked up where it is not given: one query.
        A deny anywhere wins; else the policies and every guard must allow. See access.policy.evaluate.
        """
        if self.system:
            return _SYSTEM
        if resource_policy is None:
            resource_policy = policy_of(resource)
        return evaluate(
            indexed(self.statements),
            action,
            resource,
            self._facts(resource, context, owners),
            owners,
            guards=[indexed(guard) for guard in self.guards],
            resource_policy=resource_policy,
            principal=self.principal if resource_policy is not None else None,
        )

    def may_become(self, action: str, role_arn: str, trust: Statements, context: Context) -> Decision:
        """Whether the caller may do `action` ("sts:AssumeRole") on a role whose trust policy is `trust`.

        The trust policy must allow. Naming the caller or its role it does so alone; naming the account, the caller's
        own policies must allow as well. Source: IAM User Guide, "How permissions to assume a role are decided".
        """
        own = self.may(action, role_arn, context)
        if self.system or own.reason == "explicit-deny":
            return own
        full = self.full_context(context)
        trusted = evaluate(
            (), action, role_arn, full, guards=self.guards, resource_policy=trust, principal=self.principal
        )
        if trusted.allowed or trusted.reason == "explicit-deny":
            return trusted
        account = Principal(arn=here.names().account_root(), account=here.names().account)
        by_account = evaluate((), action, role_arn, full, resource_policy=trust, principal=account)
        return own if by_account.allowed else NOT_TRUSTED

    def _facts(self, resource: str, context: Context | None, owners: Sequence[str]) -> LazyContext:
        return LazyContext(
            known=lambda: {**implied(resource, owners), **self.full_context(context)},
            tags=lambda: tags_of(resource, owners),
            service=resource.split(":", 3)[2] if resource.count(":") > 2 else "",
        )

    def full_context(self, context: Context | None = None) -> dict[str, str | Sequence[str]]:
        """The condition keys of a request: the caller's, the time, and those given, which win over neither."""
        moment = now()
        found: dict[str, str | Sequence[str]] = {
            **(context or {}),
            **self.context,
            "aws:CurrentTime": moment.isoformat(timespec="seconds"),
            "aws:EpochTime": str(int(moment.timestamp())),
        }
        if self.mfa_at is not None:
            found["aws:MultiFactorAuthAge"] = str(max(0, int((moment - self.mfa_at).total_seconds())))
        return found


def request_context(request: HttpRequest | None) -> dict[str, str]:
    """The condition keys that every request has, whoever sends it."""
    found = {"aws:PrincipalAccount": here.names().account}
    if request is None:
        return found
    if source_ip := getattr(request, "source_ip", ""):
        found["aws:SourceIp"] = source_ip
    if agent := user_agent_of(request):
        found["aws:UserAgent"] = agent
    found["aws:SecureTransport"] = str(request.is_secure()).lower()
    return found


def session_context(session: bool, mfa: datetime | None, started: datetime | None) -> dict[str, str]:
    """The keys that only sessions have: whether with a second factor, and since when."""
    found = {"aws:MultiFactorAuthPresent": str(mfa is not None).lower()} if session or mfa else {}
    if started is not None:
        found["aws:TokenIssueTime"] = started.isoformat(timespec="seconds")
    return found


def tags_context(tags: Mapping[str, str]) -> dict[str, str]:
    """aws:PrincipalTag/KEY for each tag."""
    return {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}


def user_agent_of(request: HttpRequest | None) -> str:
    return "" if request is None else str(request.META.get("HTTP_USER_AGENT") or "")[:LONGEST_USER_AGENT]


_SYSTEM = Decision(True, "allow")
NOT_TRUSTED = Decision(False, "implicit-deny")


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

# What everyone may do with their own sign-in and keys, wherever their groups are held to; a Deny of theirs still wins.
SELF_SERVICE = parse(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OwnSignIn",
                "Effect": "Allow",
                "Action": [
                    "iam:GetUser",
                    "iam:ChangePassword",
                    "iam:ListServiceSpecificCredentials",
                    "iam:CreateServiceSpecificCredential",
                    "iam:DeleteServiceSpecificCredential",
                    "iam:ListAccessKeys",
                    "iam:CreateAccessKey",
                    "iam:UpdateAccessKey",
                    "iam:DeleteAccessKey",
                    "iam:GetAccessKeyLastUsed",
                ],
                "Resource": "arn:aws:iam::*:user/${aws:username}",
            },
            {
                "Sid": "OwnSecondFactor",
                "Effect": "Allow",
                "Action": [
                    "iam:ListMFADevices",
                    "iam:CreateVirtualMFADevice",
                    "iam:EnableMFADevice",
                    "iam:ResyncMFADevice",
                    "slipway:ListSessions",
                    "slipway:EndSession",
                ],
                "Resource": "arn:aws:iam::*:user/${aws:username}",
            },
            # A stolen token or an unlocked browser without a second factor cannot take the second factor away.
            {
                "Sid": "OwnSecondFactorWithIt",
                "Effect": "Allow",
                "Action": ["iam:DeactivateMFADevice", "slipway:CreateRecoveryCodes"],
                "Resource": "arn:aws:iam::*:user/${aws:username}",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            },
            # As on AWS, where neither asks for a permission; written down so that a policy can deny them.
            {
                "Sid": "OwnSession",
                "Effect": "Allow",
                "Action": ["sts:GetCallerIdentity", "sts:GetSessionToken"],
                "Resource": "*",
            },
        ],
    },
    source="self-service",
)
