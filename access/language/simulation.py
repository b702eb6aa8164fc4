"""One request against the policies of one identity, with all that it rests on: for the simulator and explanations.

Decides by access.policy.evaluate, as every request is decided, and says besides which statements matched, which came
near, and which condition keys were missing. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from access.language.matching import Context
from access.policy import Decision, Principal, Request, Statement, evaluate

Outcome = Literal["allowed", "explicitDeny", "implicitDeny"]
Layer = Literal["identity", "boundary", "session", "resource"]
OUTCOMES: dict[str, Outcome] = {
    "allow": "allowed",
    "explicit-deny": "explicitDeny",
    "implicit-deny": "implicitDeny",
}


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that speaks of the request: of which policy (`source`), where in it, in which layer."""

    source: str
    place: str
    sid: str
    effect: str
    layer: Layer


@dataclass(frozen=True, slots=True)
class Near:
    """A statement that allows the action, but for `reason`: "resource" (it is about others: `wanted`), "scope" (its
    group is held to `wanted`) or "condition" (`operator` and `key`; the request had `found`, None: nothing)."""

    match: Match
    reason: Literal["condition", "scope", "resource"]
    operator: str = ""
    key: str = ""
    wanted: tuple[str, ...] = ()
    found: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one action on one resource."""

    action: str
    resource: str
    decision: Outcome
    deciding: Match | None
    """The statement that decided; None for implicitDeny."""
    matched: tuple[Match, ...]
    missing_context_keys: tuple[str, ...]
    """Keys that conditions asked for and the request does not have."""
    allowed_by_boundary: bool | None
    """None: there is no permissions boundary."""
    allowed_by_session: bool | None
    near: tuple[Near, ...] = ()


@dataclass(frozen=True, slots=True)
class Policies:
    """What decides for an identity. `sessions`: each must allow. `resource`: the resource's own policy."""

    identity: Sequence[Statement]
    boundary: Sequence[Statement] | None = None
    sessions: Sequence[Sequence[Statement]] = ()
    resource: Sequence[Statement] | None = None
    principal: Principal | None = field(default=None)

    @property
    def guards(self) -> list[Sequence[Statement]]:
        return [*(() if self.boundary is None else (self.boundary,)), *self.sessions]

    def layers(self) -> Iterable[tuple[Layer, Statement]]:
        yield from (("identity", one) for one in self.identity)
        yield from (("boundary", one) for one in self.boundary or ())
        yield from (("session", one) for session in self.sessions for one in session)
        for one in self.resource or ():
            if one.trustees is not None and one.trustees.grip(self.principal):
                yield "resource", one


def simulate(
    policies: Policies, action: str, resource: str, context: Context | None = None, owners: Sequence[str] = ()
) -> Evaluation:
    """Decide one request and say on what it rests."""
    decision = evaluate(
        policies.identity,
        action,
        resource,
        context,
        owners,
        guards=policies.guards,
        resource_policy=policies.resource,
        principal=policies.principal,
    )
    request = Request(action, resource, context, owners)
    layers = list(policies.layers())
    matched = [(layer, one) for layer, one in layers if one.applies(request)]
    return Evaluation(
        action=action,
        resource=resource,
        decision=OUTCOMES[decision.reason],
        deciding=_deciding(decision, layers),
        matched=tuple(_match(layer, one) for layer, one in matched),
        missing_context_keys=_missing(layers, request),
        allowed_by_boundary=_allows(policies.boundary, action, resource, context, owners),
        allowed_by_session=None
        if not policies.sessions
        else all(_allows(one, action, resource, context, owners) for one in policies.sessions),
        near=tuple(_near(layers, request)) if not decision.allowed else (),
    )


def _allows(
    statements: Sequence[Statement] | None,
    action: str,
    resource: str,
    context: Context | None,
    owners: Sequence[str],
) -> bool | None:
    return None if statements is None else evaluate(statements, action, resource, context, owners).allowed


def _deciding(decision: Decision, layers: Iterable[tuple[Layer, Statement]]) -> Match | None:
    if decision.statement is None:
        return None
    return next((_match(layer, one) for layer, one in layers if one is decision.statement), None)


def _match(layer: Layer, statement: Statement) -> Match:
    return Match(statement.source, statement.place, statement.sid, statement.effect, layer)


def _missing(layers: Iterable[tuple[Layer, Statement]], request: Request) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for _, statement in layers:
        if not statement.conditions or not _speaks_of(statement, request):
            continue
        for condition in statement.conditions:
            if condition.key not in request.context():
                found.setdefault(condition.key, condition.name)
    return tuple(sorted(found.values()))


def _speaks_of(statement: Statement, request: Request) -> bool:
    return statement.matches_action(request.action) and statement.matches_resource(
        request.resource, request.context
    )


def _near(layers: Iterable[tuple[Layer, Statement]], request: Request) -> Iterable[Near]:
    """The Allow statements that one thing alone keeps from speaking of the request."""
    for layer, statement in layers:
        if statement.effect != "Allow" or not statement.matches_action(request.action):
            continue
        match = _match(layer, statement)
        if not statement.matches_resource(request.resource, request.context):
            yield Near(match, "resource", wanted=statement.resources.patterns)
            continue
        if statement.scope is not None and not statement.scope.covers(
            request.action, request.resource, request.owners, request.context
        ):
            yield Near(match, "scope", wanted=tuple(getattr(statement.scope, "patterns", ())))
            continue
        for condition in statement.conditions:
            if not condition.holds(request.context()):
                had = request.context().get(condition.key)
                found = None if had is None else (had,) if isinstance(had, str) else tuple(had)
                yield Near(match, "condition", condition.written, condition.name, condition.values, found)


def smallest_statement(evaluation: Evaluation, sid: str = "Allow") -> dict[str, Any] | None:
    """The statement that would allow this request and nothing else; None where an explicit deny forbids it anyway."""
    if evaluation.decision == "explicitDeny":
        return None
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": evaluation.action,
        "Resource": evaluation.resource,
    }


def where_missing(evaluation: Evaluation, policies: Policies) -> tuple[Layer, ...]:
    """The layers that do not allow the request, and would each have to."""
    if evaluation.decision != "implicitDeny":
        return ()
    found: list[Layer] = []
    granting = {match.layer for match in evaluation.matched if match.effect == "Allow"}
    if not granting & {"identity", "resource"}:
        found.append("identity")
    if evaluation.allowed_by_boundary is False:
        found.append("boundary")
    if evaluation.allowed_by_session is False:
        found.append("session")
    return tuple(found)


def merged(own: Mapping[str, Any], given: Context | None) -> dict[str, Any]:
    """The principal's condition keys, with those given instead, whatever their case."""
    wanted = {key.lower() for key in given or {}}
    return {**{key: value for key, value in own.items() if key.lower() not in wanted}, **(given or {})}
