"""IAM policies evaluated: the rules by which statements become a decision. Pure: no Django, no clock, no database.

Nothing is allowed unless a statement allows it, and a statement that denies wins over any number that allow. Guards (a
permissions boundary, a session policy) must each allow as well. A resource's own policy may allow instead.
Source: IAM User Guide, "Policy evaluation logic", "Permissions boundaries", "Session policies".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from access.language.matching import Context
from access.language.parsing import PolicyError, Problem, load, parse, parse_text
from access.language.policy_set import PolicySet, compile_identity
from access.language.statements import Kind, Request, Scope, Statement
from access.language.trustees import Grip, Principal

__all__ = [
    "Context",
    "Decision",
    "Kind",
    "PolicyError",
    "PolicySet",
    "Principal",
    "Problem",
    "Reason",
    "Request",
    "Scope",
    "Statement",
    "compile_identity",
    "evaluate",
    "is_read",
    "load",
    "parse",
    "parse_text",
]

Reason = Literal["allow", "explicit-deny", "implicit-deny"]
Policies = PolicySet | Iterable[Statement]

_READ_VERBS = ("describe", "list", "get", "batchget", "lookup", "search", "simulate", "discover")


@dataclass(frozen=True, slots=True)
class Decision:
    """`statement` is the one that decided; None when nothing allowed (implicit-deny)."""

    allowed: bool
    reason: Reason
    statement: Statement | None = None
    guard: int | None = None
    """Which of the guards did not allow what the policies would, counted from 0."""


IMPLICIT_DENY = Decision(False, "implicit-deny")


def is_read(action: str) -> bool:
    """By AWS's verbs: "ecs:DescribeServices" reads, "ecs:UpdateService" writes."""
    return action.rpartition(":")[2].lower().startswith(_READ_VERBS)


def evaluate(
    statements: Policies,
    action: str,
    resource: str,
    context: Context | None = None,
    owners: Sequence[str] = (),
    *,
    guards: Sequence[Policies] = (),
    resource_policy: Iterable[Statement] | None = None,
    principal: Principal | None = None,
) -> Decision:
    """Decide one request. `resource` is an ARN, or "*" for an action that has none.

    `statements`: those of the identity, best as a PolicySet (compile_identity). `context` maps condition keys to a
    value or several ("ecs:cluster": "arn:..."). `owners` are the ARNs of what the resource belongs to and its own ARN
    does not tell (a task's service): they count for a group's scope only.

    `guards`: a permissions boundary and a session policy, each of which must allow too; a Deny in any of them wins.
    `resource_policy`: the policy of the resource (a role's trust policy), of the same account, asked about `principal`.
    Naming the user, the session or the service itself it allows alone; naming the role or everybody it allows within
    the guards; naming the account it leaves the decision to the identity's own policies.
    """
    request = Request(action, resource, context, owners)
    denied, allowed = _verdict(statements, request)
    if denied is not None:
        return Decision(False, "explicit-deny", denied)
    ceilings: list[Statement | None] = []
    for guard in guards:
        denied, ceiling = _verdict(guard, request)
        if denied is not None:
            return Decision(False, "explicit-deny", denied)
        ceilings.append(ceiling)
    if resource_policy is not None:
        denied, granted, grip = _resource_verdict(resource_policy, request, principal)
        if denied is not None:
            return Decision(False, "explicit-deny", denied)
        if grip is Grip.DIRECT:
            return Decision(True, "allow", granted)
        if allowed is None and grip is Grip.ROLE:
            allowed = granted
    if allowed is None:
        return IMPLICIT_DENY
    for at, ceiling in enumerate(ceilings):
        if ceiling is None:
            return Decision(False, "implicit-deny", guard=at)
    return Decision(True, "allow", allowed)


def _verdict(policies: Policies, request: Request) -> tuple[Statement | None, Statement | None]:
    """The statement that denies, or else one that allows."""
    if isinstance(policies, PolicySet):
        return policies.verdict(request)
    allow: Statement | None = None
    for statement in policies:
        if (allow is not None and statement.effect == "Allow") or not statement.applies(request):
            continue
        if statement.effect == "Deny":
            return statement, None
        allow = statement
    return None, allow


def _resource_verdict(
    statements: Iterable[Statement], request: Request, principal: Principal | None
) -> tuple[Statement | None, Statement | None, Grip]:
    """The statement that denies; or the one that allows with the closest grip on the principal, and that grip."""
    best, closest = None, Grip.NONE
    for statement in statements:
        grip = Grip.NONE if statement.trustees is None else statement.trustees.grip(principal)
        if grip is Grip.NONE or not statement.applies(request):
            continue
        if statement.effect == "Deny":
            return statement, None, Grip.NONE
        if grip > closest:
            best, closest = statement, grip
    return None, best, closest
