"""Conditions on what each row of a list tells (its tags, its cluster), as SQL. Used by visibility alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.expressions import Combinable

from access.language.conditions import Condition
from access.language.matching import RESOURCE_TAG, Context, template

MOST_VALUES = 5000
"""Distinct values of one key that are looked at for an operator the database does not know."""


class TagValue(Func):
    """The value of the tag whose key is `key`, whatever its case; NULL where there is none."""

    output_field = models.TextField()

    def __init__(self, column: str, key: str) -> None:
        super().__init__(F(column), models.Value(key, output_field=models.TextField()))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="(SELECT value FROM json_each(%(expressions)s) ORDER BY key LIMIT 1)",
            arg_joiner=") WHERE lower(key) = (",
            **extra,
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template='(SELECT value FROM jsonb_each_text(%(expressions)s) ORDER BY key COLLATE "C" LIMIT 1)',
            arg_joiner=') WHERE lower(key COLLATE "C") = (',
            **extra,
        )


@dataclass
class RowKeys:
    """The condition keys that a row's columns tell. `columns`: key -> field; `tags`: the field with the tags, or ""."""

    columns: Mapping[str, str]
    tags: str
    service: str
    """Of the rows' ARNs ("ecs"): SERVICE:ResourceTag/x says the same as aws:ResourceTag/x."""
    aliases: dict[str, Combinable] = field(default_factory=dict)

    def tells(self, key: str) -> bool:
        """Whether a row's columns tell this (lower-case) key."""
        return key in self.columns or bool(self._tag(key))

    def _tag(self, key: str) -> str:
        service, _, rest = key.partition(":")
        if self.tags and rest.startswith(RESOURCE_TAG) and service in ("aws", self.service):
            return rest.removeprefix(RESOURCE_TAG)
        return ""

    def _field(self, key: str) -> str:
        """The name by which a lookup reaches the key's value; a tag becomes an alias of the query."""
        if key in self.columns:
            return self.columns[key]
        name = f"_tag_{len(self.aliases)}"
        known = {
            alias: one for alias, one in self.aliases.items() if one == TagValue(self.tags, self._tag(key))
        }
        if known:
            return next(iter(known))
        self.aliases[name] = TagValue(self.tags, self._tag(key))
        return name

    def rows(self, condition: Condition, context: Context, queryset: models.QuerySet[Any]) -> Q | None:
        """The rows on which the condition holds; never NULL, so that it may be negated. None: cannot be told in SQL."""
        name = self._field(condition.key)
        here = Q(**{f"{name}__isnull": False})
        if condition.operator == "null":
            return Q(**{f"{name}__isnull": condition.values[0] == "true"})
        matching = _exact_values(condition, context)
        if matching is None:
            matching = self._passing(condition, name, context, queryset)
        if matching is None:
            return None
        found = here & Q(**{f"{name}__in": matching}) if matching else Q(pk__in=())
        if condition.negated:
            found = here & ~found
        missing = condition.holds({key: value for key, value in context.items() if key != condition.key})
        return found | ~here if missing else found

    def _passing(
        self, condition: Condition, name: str, context: Context, queryset: models.QuerySet[Any]
    ) -> list[str] | None:
        """The values there are that pass: decided by the condition itself, so any operator means here what it means
        everywhere. One query for the whole list; None when there are too many values to look at."""
        used = {alias: one for alias, one in self.aliases.items() if alias == name}
        values = queryset.order_by().annotate(**used).filter(**{f"{name}__isnull": False})
        found = values.values_list(name, flat=True).distinct()[: MOST_VALUES + 1]
        listed = list(found)
        return None if len(listed) > MOST_VALUES else [one for one in listed if condition.test(one, context)]


def _exact_values(condition: Condition, context: Context) -> list[str] | None:
    """The values StringEquals and StringNotEquals compare with, variables filled in; None for other operators."""
    if condition.operator not in ("stringequals", "stringnotequals"):
        return None
    found: list[str] = []
    for value in condition.values:
        known = template(value, variables=condition.variables, wildcards=False).known(context)
        if known is not None:
            found.append("".join(part for part in known if isinstance(part, str)))
    return found
