"""What a caller may see, as SQL: lists are filtered by the database, page by page, never row by row in Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db import connections, models
from django.db.models import Q

from access.caller import Caller
from access.matching import Context, Matcher, expand, fold
from access.policy import Statement, is_read
from access.scope import GroupScope

M = TypeVar("M", bound=models.Model)

# Condition keys that speak of the row or the request rather than of the caller: what a list cannot know beforehand.
_UNKNOWABLE = ("ecs:", "slipway:", "aws:resourcetag/", "aws:requesttag/", "aws:tagkeys")

_EVERY = Q()
_NONE = Q(pk__in=())


def visible(
    queryset: models.QuerySet[M],
    caller: Caller,
    action: str,
    arn_field: str = "arn",
    *,
    owner_fields: Sequence[str] = (),
    context: Context | None = None,
) -> models.QuerySet[M]:
    """The rows on which `caller` may do `action` ("ecs:DescribeServices"), filtered in SQL.

    `arn_field` is the column with a row's ARN; `owner_fields` those with the ARNs of what it belongs to and its own
    does not tell ("service__arn" of a task). `context`: condition keys that are the same for every row of the list.
    A condition on a key that only each row could tell hides the row, whether the statement allows or denies.
    """
    if caller.system:
        return queryset
    known = fold(caller.full_context(context))
    build = _Builder(
        arn_field, tuple(owner_fields), known, connections[queryset.db].vendor == "sqlite", action
    )
    for statements in (caller.statements, *caller.guards):
        queryset = _allowed_by(statements, queryset, build, action)
    return queryset


def _allowed_by(
    statements: Iterable[Statement], queryset: models.QuerySet[M], build: _Builder, action: str
) -> models.QuerySet[M]:
    allowed = _NONE
    for statement in statements:
        if not statement.matches_action(action):
            continue
        if statement.effect == "Deny" and build.may_apply(statement):
            denied = build.rows(statement)
            if denied is _EVERY:  # exclude() of an empty Q excludes nothing
                return queryset.none()
            queryset = queryset.exclude(denied)
        elif statement.effect == "Allow" and build.applies(statement):
            allowed = _either(allowed, build.rows(statement))
    if allowed is _EVERY:
        return queryset
    return queryset.none() if allowed is _NONE else queryset.filter(allowed)


def _either(one: Q, other: Q) -> Q:
    if one is _EVERY or other is _EVERY:
        return _EVERY
    if one is _NONE:
        return other
    return one if other is _NONE else one | other


def _both(one: Q, other: Q) -> Q:
    if one is _NONE or other is _NONE:
        return _NONE
    if one is _EVERY:
        return other
    return one if other is _EVERY else one & other


def _negated(one: Q) -> Q:
    if one is _EVERY:
        return _NONE
    return _EVERY if one is _NONE else ~one


class _Builder:
    def __init__(
        self, arn_field: str, owner_fields: tuple[str, ...], context: Context, sqlite: bool, action: str
    ) -> None:
        self.arn_field = arn_field
        self.owner_fields = owner_fields
        self.context = context
        self.sqlite = sqlite
        self.action = action

    def rows(self, statement: Statement) -> Q:
        """The rows a statement speaks of."""
        found = self.matching(statement.resources, self.arn_field)
        if statement.not_resource:
            found = _negated(found)
        if isinstance(statement.scope, GroupScope):
            found = _both(found, self.inside(statement.scope))
        return found

    def inside(self, scope: GroupScope) -> Q:
        found = self.matching(scope.inside, self.arn_field)
        for field in self.owner_fields:
            found = _either(found, self.matching(scope.inside, field))
        if is_read(self.action):
            found = _either(found, self.matching(scope.above, self.arn_field))
        return found

    def matching(self, matcher: Matcher, field: str) -> Q:
        if matcher.everything:
            return _EVERY
        found = _NONE
        if matcher.exact:
            found = Q(**{f"{field}__in": sorted(matcher.exact)})
        for prefix in matcher.prefixes:
            found = _either(found, self.starting(field, prefix))
        bodies = [expand(pattern, self.context, atomic=self.sqlite) for pattern in matcher.variable]
        bodies += [expand(pattern, {}, variables=False, atomic=self.sqlite) for pattern in matcher.wild]
        for body in bodies:
            if body is not None:
                found = _either(found, Q(**{f"{field}__regex": f"^(?:{body})$"}))
        return found

    def starting(self, field: str, prefix: str) -> Q:
        """SQLite's LIKE ignores case, and so could show too much; a range does not, and uses the index."""
        if not self.sqlite:
            return Q(**{f"{field}__startswith": prefix})
        after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return Q(**{f"{field}__gte": prefix, f"{field}__lt": after})

    def applies(self, statement: Statement) -> bool:
        """Whether an Allow's conditions surely hold."""
        return all(not self._unknown(c.key) and c.holds(self.context) for c in statement.conditions)

    def may_apply(self, statement: Statement) -> bool:
        """Whether a Deny's conditions may hold."""
        return all(self._unknown(c.key) or c.holds(self.context) for c in statement.conditions)

    def _unknown(self, key: str) -> bool:
        return key.startswith(_UNKNOWABLE) and key not in self.context
