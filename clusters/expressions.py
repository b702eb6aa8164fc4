"""What a compiled cluster query is made of: subjects, comparisons and their combinations. Standard library only.

`cql` reads texts into these. All are frozen and compare by value; all they know of an instance is its `Facts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from clusters.patterns import compile_pattern


class Facts(Protocol):
    """What queries ask of one instance."""

    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def connected(self) -> bool: ...
    @property
    def agent_version(self) -> str: ...
    @property
    def ec2_instance_id(self) -> str: ...
    @property
    def registered_at(self) -> datetime | None: ...
    @property
    def running_tasks(self) -> int: ...
    @property
    def groups(self) -> Collection[str]: ...


class Expression(Protocol):
    """A node of a query. All are frozen and compare by value."""

    def matches(self, facts: Facts) -> bool: ...
    def comparisons(self) -> Iterable[Comparison]: ...


# ---- subjects: what is asked about -------------------------------------------------------------

EQUAL, IN, ORDER, MATCH, EXISTS = ("==",), ("in",), (">", ">=", "<", "<="), ("=~",), ("exists",)
ATTRIBUTE = "attribute:"
GROUP = "task:group"
_ANY_TEXT = EQUAL + IN + MATCH
# By subject, the positive operators that AWS allows; `!=`, `!in`, `!~` and `!exists` go with them.
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "agentConnected": _ANY_TEXT,
    "agentVersion": EQUAL + ORDER,
    "ec2InstanceId": _ANY_TEXT,
    "registeredAt": EQUAL + ORDER,
    "runningTasksCount": EQUAL + ORDER,
    GROUP: _ANY_TEXT + EXISTS,
    "attribute:NAME": _ANY_TEXT + ORDER + EXISTS,
}
NEGATIVE = {"!=": "==", "!in": "in", "!~": "=~", "!exists": "exists"}
POSITIVE = {positive: negative for negative, positive in NEGATIVE.items()}
WORDS = {
    "equals": "==",
    "not_equals": "!=",
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
    "in": "in",
    "not_in": "!in",
    "matches": "=~",
    "not_matches": "!~",
    "exists": "exists",
    "not_exists": "!exists",
}

Value = str | int | float | datetime | tuple[int, ...]
Read = Callable[[str], Value]


def as_text(text: str) -> Value:
    return text


def _as_flag(text: str) -> Value:
    if text.lower() not in ("true", "false"):
        raise ValueError("is true or false")
    return text.lower()


def _as_count(text: str) -> Value:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("is compared with a whole number")
    return int(text)


def _as_version(text: str) -> Value:
    """1.14.5 -> (1, 14, 5). What follows the numbers (-rc1, +dfsg) does not count."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", text, re.ASCII)
    if found is None:
        raise ValueError("is compared with a version like 1.14.5")
    parts = [int(part) for part in found[1].split(".")]
    while parts and not parts[-1]:
        parts.pop()  # 1.14 and 1.14.0 are the same
    return tuple(parts)


def _as_moment(text: str) -> Value:
    """2018-06-18, 2018-06-18T22:28:28, the same with Z or an offset. Without one: UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is compared with a date like 2018-06-18 or 2018-06-18T22:28:28Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


READ: Mapping[str, Read] = {
    "agentConnected": _as_flag,
    "agentVersion": _as_version,
    "registeredAt": _as_moment,
    "runningTasksCount": _as_count,
}


def _values_of(subject: str, facts: Facts) -> Collection[Value]:
    """What the instance has of it: nothing, one, or (groups) several."""
    if subject.startswith(ATTRIBUTE):
        value = facts.attributes.get(subject.removeprefix(ATTRIBUTE))
        return () if value is None else (value,)
    if subject == GROUP:
        return facts.groups
    if subject == "agentConnected":
        return ("true" if facts.connected else "false",)
    if subject == "runningTasksCount":
        return (facts.running_tasks,)
    if subject == "ec2InstanceId":
        return (facts.ec2_instance_id,) if facts.ec2_instance_id else ()
    if subject == "registeredAt":
        return () if facts.registered_at is None else (facts.registered_at,)
    try:
        return (_as_version(facts.agent_version),)
    except ValueError:
        return ()  # not connected yet, so not known


# ---- expressions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """subject operator [argument…]; the operator is always the positive one."""

    subject: str
    operator: str
    arguments: tuple[Value, ...] = ()

    def matches(self, facts: Facts) -> bool:
        return any(map(self._holds, _values_of(self.subject, facts)))

    def _holds(self, value: Value) -> bool:
        if self.operator == "exists":
            return True
        if self.operator in ("==", "in"):
            return value in self.arguments
        argument = self.arguments[0]
        if self.operator == "=~":
            return compile_pattern(str(argument)).matches(str(value))
        return _in_order(value, self.operator, argument)

    def comparisons(self) -> Iterable[Comparison]:
        yield self


def _in_order(value: Value, operator: str, argument: Value) -> bool:
    if isinstance(value, str) and isinstance(argument, str):
        value, argument = _ordered(value, argument)
    less: bool = value < argument  # type: ignore[operator]
    same = value == argument
    return {"<": less, "<=": less or same, ">": not (less or same), ">=": not less}[operator]


_NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.\d*)?", re.ASCII)


def _ordered(value: str, argument: str) -> tuple[Value, Value]:
    """As numbers where both are, otherwise as texts."""
    if _NUMBER.fullmatch(value) and _NUMBER.fullmatch(argument):
        return float(value), float(argument)
    return value, argument


@dataclass(frozen=True, slots=True)
class Not:
    inner: Expression

    def matches(self, facts: Facts) -> bool:
        return not self.inner.matches(facts)

    def comparisons(self) -> Iterable[Comparison]:
        return self.inner.comparisons()


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Expression, ...]

    def matches(self, facts: Facts) -> bool:
        return all(part.matches(facts) for part in self.parts)

    def comparisons(self) -> Iterable[Comparison]:
        for part in self.parts:
            yield from part.comparisons()


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Expression, ...]

    def matches(self, facts: Facts) -> bool:
        return any(part.matches(facts) for part in self.parts)

    def comparisons(self) -> Iterable[Comparison]:
        for part in self.parts:
            yield from part.comparisons()


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query, equal to another one of the same text."""

    text: str
    expression: Expression

    def matches(self, facts: Facts) -> bool:
        return self.expression.matches(facts)

    @property
    def subjects(self) -> frozenset[str]:
        """What is asked about: `attribute:NAME`, `task:group` and so on."""
        return frozenset(one.subject for one in self.expression.comparisons())

    @property
    def asks_more(self) -> bool:
        """Whether the facts must hold what few queries ask for."""
        return not self.subjects.isdisjoint(("agentVersion", "registeredAt"))

    @property
    def asks_groups(self) -> bool:
        """Whether the facts must hold the groups of the instance's tasks."""
        return GROUP in self.subjects

    @property
    def asks_tasks(self) -> bool:
        """Whether tasks that come and go change the answer."""
        return not self.subjects.isdisjoint((GROUP, "runningTasksCount"))
