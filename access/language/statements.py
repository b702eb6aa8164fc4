"""A policy's statements, compiled. Standard library only; parsing makes them, access.policy decides by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from access.language.conditions import Condition
from access.language.matching import Context, Matcher, fold
from access.language.trustees import Trustees

Effect = Literal["Allow", "Deny"]
Kind = Literal["identity", "resource", "trust"]
"""What a document is attached to: an identity (user, group, role), a resource, or a role as its trust policy."""


class Scope(Protocol):
    """What a statement is held to besides its own Resource: a group's scope (see access.language.scope)."""

    def covers(
        self, action: str, resource: str, owners: Sequence[str], context: Callable[[], Context]
    ) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One compiled statement. `actions` are matched lower-case; a negated list matches what it does not list.

    Compared by identity: parsing twice gives two statements.
    """

    sid: str
    effect: Effect
    actions: Matcher
    not_action: bool
    resources: Matcher
    not_resource: bool
    conditions: tuple[Condition, ...] = ()
    scope: Scope | None = None
    source: str = ""
    """Where it comes from, for explanations: the policy's name, or "group/policy"."""
    place: str = ""
    """Where it stands in its document: "Statement[0]"."""
    trustees: Trustees | None = None
    """Whom a statement of a resource's or trust policy speaks of; None in an identity's policy."""

    def within(self, scope: Scope | None, source: str = "") -> Statement:
        """The same statement, an Allow held to `scope`; a Deny applies everywhere."""
        return replace(self, scope=scope if self.effect == "Allow" else None, source=source or self.source)

    def matches_action(self, action: str) -> bool:
        return self.actions.matches(action.lower(), _no_context) is not self.not_action

    def matches_resource(self, resource: str, context: Callable[[], Context]) -> bool:
        return self.resources.matches(resource, context) is not self.not_resource

    def applies(self, request: Request) -> bool:
        """Whether the request matches: action, resource, scope and every condition (principals: see trustees)."""
        if self.actions.matches(request.lowered, _no_context) is self.not_action:
            return False
        return self.applies_to_resource(request)

    def applies_to_resource(self, request: Request) -> bool:
        """The same where the action is known to match."""
        if self.resources.matches(request.resource, request.context) is self.not_resource:
            return False
        return self.holds(request)

    def holds(self, request: Request) -> bool:
        """The same where action and resource are known to match: scope and conditions."""
        if self.scope is not None and not self.scope.covers(
            request.action, request.resource, request.owners, request.context
        ):
            return False
        if not self.conditions:
            return True
        context = request.context()
        return all(condition.holds(context) for condition in self.conditions)


class Request:
    """One question: this action on this resource with this context. Its context is folded to lower-case keys at most
    once, and only when asked for."""

    __slots__ = ("_folded", "_raw", "action", "lowered", "owners", "resource")

    def __init__(
        self, action: str, resource: str, context: Context | None = None, owners: Sequence[str] = ()
    ) -> None:
        self.action = action
        self.lowered = action.lower()
        self.resource = resource
        self.owners = owners
        self._raw = context
        self._folded: Context | None = None

    def context(self) -> Context:
        """The condition keys in lower case."""
        if self._folded is None:
            self._folded = fold(self._raw)
        return self._folded


def _no_context() -> Context:
    return {}
