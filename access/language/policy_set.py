"""The statements of one identity, indexed, so that a request meets only those that can speak of it. Pure.

Two steps: an action leads to the statements whose Action can match it (kept per action, of which there are few), and
among these the resource leads to those whose Resource begins as it does. Decisions are never kept: each is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from access.language.matching import literal_head
from access.language.statements import Request, Statement

_MOST_ACTIONS = 1024
"""Distinct actions whose statements are kept at most: a caller may ask for any text, which must not fill memory."""
_FEW = 6
"""With so few statements, trying each is quicker than looking them up."""


class PolicySet:
    """Build it with `compile_identity`. Iterating gives the statements; `verdict` decides."""

    __slots__ = ("_anywhere", "_by_action", "_by_service", "_exact", "statements")

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = tuple(statements)
        self._exact: dict[str, list[int]] = {}
        self._by_service: dict[str, list[int]] = {}
        self._anywhere: list[int] = []
        self._by_action: dict[str, tuple[_Resources, _Resources]] = {}
        for at, statement in enumerate(self.statements):
            self._file(at, statement)

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)

    def __len__(self) -> int:
        return len(self.statements)

    def _file(self, at: int, statement: Statement) -> None:
        """Under each action it names, each service whose actions it may match, or among those that may match any."""
        services = {_service_of(pattern) for pattern in statement.actions.patterns}
        if statement.not_action or "" in services:
            self._anywhere.append(at)
            return
        for action in statement.actions.exact:
            self._exact.setdefault(action, []).append(at)
        wild = {_service_of(one) for one in statement.actions.patterns if one not in statement.actions.exact}
        for service in wild:
            self._by_service.setdefault(service, []).append(at)

    def verdict(self, request: Request) -> tuple[Statement | None, Statement | None]:
        """The statement that denies, or else one that allows; (None, None) when none speaks of the request."""
        found = self._by_action.get(request.lowered)
        if found is None:
            found = self._about(request.lowered)
            if len(self._by_action) < _MOST_ACTIONS:
                self._by_action[request.lowered] = found
        denies, allows = found
        denied = denies.first(request)
        return (denied, None) if denied is not None else (None, allows.first(request))

    def about(self, action: str) -> tuple[Statement, ...]:
        """Every statement whose Action matches, in their order."""
        lowered = action.lower()
        near = {
            *self._anywhere,
            *self._exact.get(lowered, ()),
            *self._by_service.get(lowered.partition(":")[0], ()),
        }
        return tuple(
            self.statements[at] for at in sorted(near) if self.statements[at].matches_action(lowered)
        )

    def _about(self, lowered: str) -> tuple[_Resources, _Resources]:
        speaking = self.about(lowered)
        return (
            _Resources([one for one in speaking if one.effect == "Deny"]),
            _Resources([one for one in speaking if one.effect == "Allow"]),
        )


def _service_of(pattern: str) -> str:
    """ "ecs" of "ecs:Describe*"; "" where a wildcard may stand for more than one service."""
    service, colon, _ = pattern.partition(":")
    return service.lower() if colon and "*" not in service and "?" not in service else ""


class _Alike:
    """Statements with the same Resource element: whether it matches is found out once for all of them."""

    __slots__ = ("not_resource", "resources", "statements")

    def __init__(self, first: Statement) -> None:
        self.resources = first.resources
        self.not_resource = first.not_resource
        self.statements: list[Statement] = []

    def first(self, request: Request) -> Statement | None:
        if self.resources.matches(request.resource, request.context) is self.not_resource:
            return None
        for statement in self.statements:
            if statement.holds(request):
                return statement
        return None


class _Resources:
    """Statements by what their resources begin with."""

    __slots__ = ("_always", "_by_head", "_lengths")

    def __init__(self, statements: list[Statement]) -> None:
        self._always: list[_Alike] = []
        self._by_head: dict[str, list[_Alike]] = {}
        alike: dict[tuple[object, ...], _Alike] = {}
        for statement in statements:
            key = (statement.resources.patterns, statement.resources.variable, statement.not_resource)
            if key not in alike:
                alike[key] = _Alike(statement)
                self._file(alike[key], _heads(statement) if len(statements) > _FEW else {""})
            alike[key].statements.append(statement)
        self._lengths = sorted({len(head) for head in self._by_head})

    def _file(self, group: _Alike, heads: set[str]) -> None:
        if "" in heads:
            self._always.append(group)
            return
        for head in heads:
            self._by_head.setdefault(head, []).append(group)

    def first(self, request: Request) -> Statement | None:
        """The first statement found that applies; which one is of no consequence to the decision."""
        for group in self._always:
            found = group.first(request)
            if found is not None:
                return found
        resource = request.resource
        for length in self._lengths:
            if length > len(resource):
                break
            for group in self._by_head.get(resource[:length], ()):
                found = group.first(request)
                if found is not None:
                    return found
        return None


def _heads(statement: Statement) -> set[str]:
    """What a resource of the statement begins with; "" among them: nothing can be said."""
    if statement.not_resource:
        return {""}
    resources = statement.resources
    # A template pattern's head ends before its first variable; elsewhere "${" is plain text.
    plain = {
        literal_head(one, variables=False) for one in resources.patterns if one not in resources.variable
    }
    return plain | {literal_head(one, variables=True) for one in resources.variable}


@lru_cache(maxsize=256)
def indexed(statements: tuple[Statement, ...]) -> PolicySet:
    """The index of statements that come again request after request, kept as long as they are the same objects.

    It is the policies that are kept, not the decisions. access.identities.attached gives the same objects for the
    same documents.
    """
    return PolicySet(statements)


def compile_identity(statements: Iterable[Statement]) -> PolicySet:
    """The statements, indexed: worth it for whoever is asked about more than once or twice."""
    return statements if isinstance(statements, PolicySet) else PolicySet(statements)
