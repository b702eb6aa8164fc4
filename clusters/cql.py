"""The cluster query language: which container instances are meant. Standard library only.

    attribute:ecs.instance-type =~ g2.* and not (task:group == database or runningTasksCount > 5)

`compile_query(text)` answers a `Query`, or raises `QueryError`, which says what is wrong and at which character.
A query is a pure predicate over the `Facts` of one instance: `query.matches(facts)`. Memberships of placement
constraints and filters of ListContainerInstances are the same queries.

Every negative operator (`!=`, `!in`, `!~`, `!exists`) is true exactly where its positive one is not; an instance runs
many tasks, so `task:group == x` asks whether any of them is of x. Numbers, versions and dates have their own
order, texts that of their letters; nothing that an instance does not have is greater or less than anything.
"""

from __future__ import annotations

import re
from functools import lru_cache

from clusters.expressions import (
    ATTRIBUTE,
    NEGATIVE,
    OPERATORS,
    POSITIVE,
    READ,
    WORDS,
    AllOf,
    AnyOf,
    Comparison,
    Expression,
    Facts,
    Not,
    Query,
    Value,
    as_text,
)
from clusters.patterns import PatternError, compile_pattern

LONGEST = 2000  # characters, AWS's limit
DEEPEST = 50  # parentheses and negations within each other


class QueryError(ValueError):
    """`position`: the character it is about, counted from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position = position


@lru_cache(maxsize=1024)
def compile_query(text: str) -> Query:
    """Raises QueryError."""
    if len(text) > LONGEST:
        raise QueryError(
            f"the expression has {len(text)} characters, {LONGEST} at most are allowed", LONGEST + 1
        )
    parser = _Parser(text)
    return Query(text, parser.whole())


def nothing(text: str) -> Query:
    """A query that no instance satisfies: for a text kept from before it was checked."""
    return Query(text, AnyOf(()))


# ---- reading -----------------------------------------------------------------------------------

_SPACE = re.compile(r"\s*")
_SUBJECT = re.compile(r"[A-Za-z0-9_./\\:-]+")
_OPERATOR = re.compile(r"==|!=|>=|<=|=~|!~|>|<|!\s*(?:in|exists)\b|[a-z_]+\b")
_AND = re.compile(r"&&|and\b", re.IGNORECASE)
_OR = re.compile(r"\|\||or\b", re.IGNORECASE)
_NOT = re.compile(r"!|not\b", re.IGNORECASE)
_LITERAL = re.compile(r"(?:(?!&&|\|\|)[^\s()\[\],'\"])+")
_PATTERN = re.compile(r"(?:(?!&&|\|\|)[^\s()'\"])+")
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_ESCAPED_QUOTE = re.compile(r"\\(['\"])")


class _Parser:
    """Recursive descent: or, and, not, then one comparison or parentheses."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def whole(self) -> Expression:
        found = self._any()
        if self.at < len(self.text):
            if self.text[self.at] == ")":
                raise self._error("there is no '(' for this ')'")
            raise self._error(f"expected 'and', 'or' or the end before {self._rest()}")
        return found

    def _error(self, message: str, at: int | None = None) -> QueryError:
        return QueryError(message, (self.at if at is None else at) + 1)

    def _rest(self) -> str:
        word = self.text[self.at :].split(maxsplit=1)
        return repr(word[0][:30]) if word else "the end"

    def _skip(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        """The token here, if it is one of these; and the white space after it."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        self._skip()
        return found[0]

    def _any(self) -> Expression:
        self._skip()
        parts = [self._all()]
        while self._take(_OR):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._take(_AND):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Expression:
        begin = self.at
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error(f"more than {DEEPEST} parentheses and negations within each other")
        try:
            if self._take(_NOT):
                return Not(self._one())
            if self._take(re.compile(r"\(")):
                inner = self._any()
                if not self._take(re.compile(r"\)")):
                    what = "the end" if self.at >= len(self.text) else self._rest()
                    raise self._error(f"expected ')' for the '(' at character {begin + 1}, found {what}")
                return inner
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Expression:
        begin = self.at
        subject = self._take(_SUBJECT)
        if subject is None:
            raise self._error(f"expected a subject ({', '.join(OPERATORS)}) before {self._rest()}")
        allowed = self._allowed(subject, begin)
        at = self.at
        token = self._take(_OPERATOR)
        written = re.sub(r"\s", "", token or "")
        operator = WORDS.get(written, written)
        if operator not in NEGATIVE and operator not in WORDS.values():
            self.at = at
            raise self._error(f"expected an operator after {subject}, found {self._rest()}")
        positive = NEGATIVE.get(operator, operator)
        if positive not in allowed:
            ways = ", ".join(
                way for one in allowed for way in (one, *([POSITIVE[one]] if one in POSITIVE else []))
            )
            raise self._error(f"{subject} cannot be asked with {operator}; it takes {ways}", at)
        comparison = Comparison(subject, positive, self._arguments(subject, positive))
        return Not(comparison) if operator in NEGATIVE else comparison

    def _allowed(self, subject: str, begin: int) -> tuple[str, ...]:
        if subject.startswith(ATTRIBUTE):
            if subject == ATTRIBUTE:
                raise self._error("attribute: is followed by the attribute's name", begin)
            return OPERATORS["attribute:NAME"]
        if subject not in OPERATORS:
            raise self._error(f"{subject} is not a subject; there are {', '.join(OPERATORS)}", begin)
        return OPERATORS[subject]

    def _arguments(self, subject: str, operator: str) -> tuple[Value, ...]:
        if operator == "exists":
            return ()
        if operator == "in":
            return self._list(subject)
        return (self._argument(subject, pattern=operator == "=~"),)

    def _list(self, subject: str) -> tuple[Value, ...]:
        begin = self.at
        if not self._take(re.compile(r"\[")):
            raise self._error(f"'in' is followed by a list: [one, another], not {self._rest()}")
        found = [self._argument(subject)]
        while self._take(re.compile(",")):
            found.append(self._argument(subject))
        if not self._take(re.compile(r"\]")):
            raise self._error(
                f"expected ',' or ']' in the list at character {begin + 1}, found {self._rest()}"
            )
        return tuple(found)

    def _argument(self, subject: str, *, pattern: bool = False) -> Value:
        begin = self.at
        token = self._take(_QUOTED)
        if token is not None:
            text = _ESCAPED_QUOTE.sub(r"\1", token.rstrip()[1:-1])
        elif self.text[begin : begin + 1] in ("'", '"'):
            raise self._error(f"there is no closing {self.text[begin]}")
        else:
            text = (self._take(_PATTERN if pattern else _LITERAL) or "").rstrip()
            if not text:
                raise self._error(f"expected a value, found {self._rest()}")
        if pattern:
            self._check_pattern(text, begin + (token is not None))
            return text
        try:
            return READ.get(subject, as_text)(text)
        except ValueError as error:
            raise self._error(f"{subject} {error}, not {text!r}", begin) from None

    def _check_pattern(self, text: str, begin: int) -> None:
        try:
            compile_pattern(text)
        except PatternError as error:
            raise self._error(f"{text} is no regular expression: {error}", begin + error.position) from None


__all__ = ["OPERATORS", "Facts", "Query", "QueryError", "compile_query", "nothing"]
