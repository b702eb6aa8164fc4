"""Wildcard patterns of policies, compiled: `*` is any run of characters, `?` is exactly one. Standard library only.

A matcher sorts its patterns into the cheapest test each allows (anything, equality, prefix, regular expression), since
a request is checked against every statement of the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Value = str | Sequence[str]
Context = Mapping[str, Value]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"^\s*([^,\s]+)\s*,\s*'([^']*)'\s*$")
_LITERALS = {"*", "?", "$"}


def glob_to_regex(pattern: str) -> str:
    """The body of a regular expression (no anchors) that means the same; its syntax is common to Python and SQL."""
    return "".join(".*" if part == "*" else "." if part == "?" else _escape(part) for part in _split(pattern))


def _escape(text: str) -> str:
    """Backslash before every special ASCII character: understood alike by Python, PostgreSQL and SQLite's REGEXP."""
    return re.sub(r"([\\.^$|()\[\]{}*+?\-])", r"\\\1", text)


def _split(pattern: str) -> Iterable[str]:
    return (part for part in re.split(r"([*?])", pattern) if part)


def has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def has_variable(pattern: str) -> bool:
    return "${" in pattern


def fold(context: Context | None) -> Context:
    """The context with lower-case keys: condition keys are case-insensitive."""
    return {key.lower(): value for key, value in (context or {}).items()}


def expand(pattern: str, context: Context) -> str | None:
    """The regular expression (anchors left out) of a pattern with policy variables, or None when one has no value.

    `context` has lower-case keys. A value is taken literally: a user named "*" matches only himself. A variable that
    holds several values has no single value and matches nothing, as on AWS.
    """
    parts: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(pattern):
        parts.append(glob_to_regex(pattern[at : found.start()]))
        value = _variable(found.group(1), context)
        if value is None:
            return None
        parts.append(_escape(value))
        at = found.end()
    parts.append(glob_to_regex(pattern[at:]))
    return "".join(parts)


def _variable(name: str, context: Context) -> str | None:
    if name in _LITERALS:
        return name
    default = None
    if found := _DEFAULT.match(name):
        name, default = found.group(1), found.group(2)
    value = context.get(name.strip().lower())
    if isinstance(value, str):
        return value
    if value is not None and len(value) == 1:
        return value[0]
    return default


@dataclass(frozen=True, slots=True)
class Matcher:
    """Whether a text matches any of `patterns`. Build it with `compile_patterns`."""

    patterns: tuple[str, ...]
    everything: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    regex: re.Pattern[str] | None
    variable: tuple[str, ...]
    """Patterns with policy variables, known only when the request's context is."""

    def matches(self, text: str, context: Callable[[], Context]) -> bool:
        """`context` gives the request's context with lower-case keys; it is called only when a variable needs it."""
        if self.everything or text in self.exact:
            return True
        if self.prefixes and text.startswith(self.prefixes):
            return True
        if self.regex is not None and self.regex.fullmatch(text) is not None:
            return True
        return bool(self.variable) and self._matches_variable(text, context())

    def _matches_variable(self, text: str, context: Context) -> bool:
        for pattern in self.variable:
            body = expand(pattern, context)
            if body is not None and re.fullmatch(body, text, re.DOTALL) is not None:
                return True
        return False


def compile_patterns(patterns: Iterable[str], *, variables: bool = False) -> Matcher:
    """`variables`: `${...}` stands for a value of the request (policy version 2012-10-17), else for itself."""
    everything = False
    exact: set[str] = set()
    prefixes: list[str] = []
    regexes: list[str] = []
    variable: list[str] = []
    listed = tuple(patterns)
    for pattern in listed:
        if variables and has_variable(pattern):
            variable.append(pattern)
        elif pattern.strip("*") == "" and pattern:
            everything = True
        elif not has_wildcard(pattern):
            exact.add(pattern)
        elif pattern.endswith("*") and not has_wildcard(pattern[:-1]):
            prefixes.append(pattern[:-1])
        else:
            regexes.append(glob_to_regex(pattern))
    regex = re.compile("|".join(f"(?:{body})" for body in regexes), re.DOTALL) if regexes else None
    return Matcher(listed, everything, frozenset(exact), tuple(prefixes), regex, tuple(variable))
