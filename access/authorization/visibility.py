"""What a caller may see, as SQL: lists are filtered by the database, page by page, never row by row in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeVar

from django.db import connections, models
from django.db.models import Q

from access.authorization.row_conditions import RowKeys
from access.caller import Caller
from access.language.conditions import Condition
from access.language.matching import Context, Matcher, expand, fold, keys_in
from access.language.scope import GroupScope
from access.policy import Statement, is_read

M = TypeVar("M", bound=models.Model)

# Condition keys that speak of the row or the request rather than of the caller: what a list cannot know beforehand.
_OF_THE_ROW = ("ecs:", "slipway:", "aws:requesttag/", "aws:tagkeys")

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
    row_keys: Mapping[str, str] | None = None,
) -> models.QuerySet[M]:
    """The rows on which `caller` may do `action` ("ecs:DescribeServices"), filtered in SQL.

    `arn_field` is the column with a row's ARN; `owner_fields` those with the ARNs of what it belongs to and its own
    does not tell ("service__arn" of a task). `context`: condition keys that are the same for every row of the list.
    `row_keys`: condition keys that a column tells ({"ecs:cluster": "cluster__arn"}). Conditions on the resource's tags
    are looked up in the model's `tags`. A condition on what no column tells hides the row, whether it allows or denies.
    """
    if caller.system:
        return queryset
    build = _Builder(
        queryset,
        arn_field,
        tuple(owner_fields),
        lambda: fold(caller.full_context(context)),
        action,
        RowKeys(dict(row_keys or {}), _tags_of(queryset.model), action.partition(":")[0].lower()),
    )
    filters = [build.allowed_by(statements) for statements in (caller.statements, *caller.guards)]
    if any(one is _NONE for one in filters):
        return queryset.none()
    wanted = [one for one in filters if one is not _EVERY]
    return queryset.alias(**build.keys.aliases).filter(*wanted) if wanted else queryset


@cache
def _tags_of(model: type[models.Model]) -> str:
    fields = {one.name: one for one in model._meta.get_fields()}
    return "tags" if isinstance(fields.get("tags"), models.JSONField) else ""


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


def starting(field: str, prefix: str, sqlite: bool) -> Q:
    """The rows whose `field` starts with `prefix`, which is not empty. SQLite's LIKE ignores case, and so could show
    too much; a range does not, and uses the index."""
    if not sqlite:
        return Q(**{f"{field}__startswith": prefix})
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return Q(**{f"{field}__gte": prefix, f"{field}__lt": after})


class _Builder:
    def __init__(
        self,
        queryset: models.QuerySet[Any],
        arn_field: str,
        owner_fields: tuple[str, ...],
        context: Callable[[], Context],
        action: str,
        keys: RowKeys,
    ) -> None:
        self.queryset = queryset
        self.arn_field = arn_field
        self.owner_fields = owner_fields
        self._context = context
        self.sqlite = connections[queryset.db].vendor == "sqlite"
        self.action = action
        self.keys = keys

    @cached_property
    def context(self) -> Context:
        """Found out only where a statement asks: most that allow a list ask for nothing."""
        return self._context()

    def allowed_by(self, statements: Iterable[Statement]) -> Q:
        """The rows that some statement allows and none denies."""
        allowed, denied = _NONE, _NONE
        for statement in statements:
            if not statement.matches_action(self.action):
                continue
            found = self.rows(statement)
            if statement.effect == "Deny":
                denied = _either(denied, found)
            else:
                allowed = _either(allowed, found)
        return _both(allowed, _negated(denied))

    def rows(self, statement: Statement) -> Q:
        """The rows a statement speaks of. Where SQL cannot tell: none for an Allow, every one for a Deny."""
        untold = _EVERY if statement.effect == "Deny" else _NONE
        found = self.matching(statement.resources, self.arn_field)
        if statement.not_resource:
            found = _negated(found)
        if any(self._of_the_row(key) for key in keys_in(statement.resources.variable)):
            found = untold
        if isinstance(statement.scope, GroupScope):
            found = _both(found, self.inside(statement.scope))
        for condition in statement.conditions:
            if found is _NONE:
                return found
            found = _both(found, self.holding(condition, untold))
        return found

    def holding(self, condition: Condition, untold: Q) -> Q:
        """The rows on which a condition holds."""
        asked = [key for key in condition.keys if self._of_the_row(key)]
        if not asked:
            return _EVERY if condition.holds(self.context) else _NONE
        if asked != [condition.key] or not self.keys.tells(condition.key):
            return untold
        found = self.keys.rows(condition, self.context, self.queryset)
        return untold if found is None else found

    def _of_the_row(self, key: str) -> bool:
        """Whether only each row could tell this key."""
        return key not in self.context and (key.startswith(_OF_THE_ROW) or ":resourcetag/" in key)

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
            found = _either(found, starting(field, prefix, self.sqlite))
        bodies = [expand(pattern, self.context, atomic=self.sqlite) for pattern in matcher.variable]
        bodies += [expand(pattern, {}, variables=False, atomic=self.sqlite) for pattern in matcher.wild]
        for body in bodies:
            if body is not None:
                found = _either(found, Q(**{f"{field}__regex": f"^(?:{body})$"}))
        return found
