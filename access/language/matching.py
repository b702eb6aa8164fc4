"""Wildcard patterns of policies, compiled: `*` is any run of characters, `?` is exactly one. Standard library only.

A matcher sorts its patterns into the cheapest test each allows (anything, equality, prefix, regular expression), since
a request is checked against many statements of the caller. Expressions are written so that they cannot backtrack: the
time of a match grows with the text times the pattern, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Value = str | Sequence[str]
Context = Mapping[str, Value]
RESOURCE_TAG = "resourcetag/"
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"^\s*([^,\s]+)\s*,\s*'([^']*)'\s*$")
_LITERALS = {"*", "?", "$"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A wildcard of a pattern."""

    character: str


ANY = Mark("*")
ONE = Mark("?")


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`; `key` is lower-case."""

    key: str
    default: str | None = None

    def value(self, context: Context) -> str | None:
        """None when there is no value; several values are no single one, and so none, as on AWS."""
        found = context.get(self.key)
        if isinstance(found, str):
            return found
        if found is not None and len(found) == 1:
            return found[0]
        return self.default


Part = str | Mark | Variable
Known = str | Mark


@dataclass(frozen=True, slots=True)
class Template:
    """One pattern in its parts. A variable's value is taken literally: a user named "*" matches only himself."""

    parts: tuple[Part, ...]

    def known(self, context: Context) -> list[Known] | None:
        """The parts with variables replaced, or None when one has no value."""
        found: list[Known] = []
        for part in self.parts:
            if isinstance(part, Variable):
                value = part.value(context)
                if value is None:
                    return None
                found.append(value)
            else:
                found.append(part)
        return found

    def matches(self, text: str, context: Context, *, ignore_case: bool = False) -> bool:
        """`context` has lower-case keys. A pattern with a variable that has no value matches nothing."""
        known = self.known(context)
        return known is not None and _expression(tuple(known), ignore_case).fullmatch(text) is not None


def template(pattern: str, *, variables: bool, wildcards: bool = True) -> Template:
    """`variables`: `${...}` stands for a value of the request; `wildcards`: `*` and `?` outside of it are such."""
    parts: list[Part] = []
    at = 0
    for found in VARIABLE.finditer(pattern) if variables else ():
        parts.extend(_plain(pattern[at : found.start()], wildcards))
        parts.append(_variable(found.group(1)))
        at = found.end()
    parts.extend(_plain(pattern[at:], wildcards))
    return Template(tuple(parts))


def _plain(text: str, wildcards: bool) -> Iterable[Part]:
    if not wildcards:
        return [text] if text else []
    marks: dict[str, Part] = {"*": ANY, "?": ONE}
    return [marks.get(part, part) for part in re.split(r"([*?])", text) if part]


def _variable(written: str) -> Part:
    if written in _LITERALS:
        return written
    if found := _DEFAULT.match(written):
        return Variable(found.group(1).lower(), found.group(2))
    return Variable(written.strip().lower())


@lru_cache(maxsize=4096)
def _expression(known: tuple[Known, ...], ignore_case: bool) -> re.Pattern[str]:
    """Kept by parts: a caller's variables have the same values request after request."""
    return re.compile(_atoms(known), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _atoms(known: Iterable[Known]) -> str:
    """A regular expression for Python, without backtracking: what stands between two `*` is looked for once, leftmost.

    Leftmost is enough: any later place leaves less for the rest. `(?>...)` is never tried again; the part after the
    last `*` stands at the end or nowhere.
    """
    runs = [""]
    for part in known:
        if part is ANY:
            runs.append("")
        else:
            runs[-1] += "." if isinstance(part, Mark) else _escape(part)
    head, *rest = runs
    if not rest:
        return head
    *middle, tail = rest
    return f"{head}{''.join(f'(?>.*?{run})' for run in middle if run)}.*{tail}"


def _body(known: Iterable[Known]) -> str:
    return "".join(_escape(part) if isinstance(part, str) else ".*" if part is ANY else "." for part in known)


def _escape(text: str) -> str:
    """Backslash before every special ASCII character: understood alike by Python, PostgreSQL and SQLite's REGEXP."""
    return re.sub(r"([\\.^$|()\[\]{}*+?\-])", r"\\\1", text)


def has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def has_variable(pattern: str) -> bool:
    return "${" in pattern


class LazyContext(Mapping[str, Value]):
    """Condition keys found out only when a condition asks: most decisions ask for none. Any case of a key will do.

    `known` gives the keys of the request. `tags` gives the resource's tags, asked for only by a condition or variable
    that names one: aws:ResourceTag/x, or SERVICE:ResourceTag/x of the resource's own service.
    """

    __slots__ = ("_found", "_known", "_service", "_tags", "_tags_found")

    def __init__(
        self, known: Callable[[], Context], tags: Callable[[], Mapping[str, str]], service: str
    ) -> None:
        self._known = known
        self._tags = tags
        self._service = service.lower()
        self._found: dict[str, Value] | None = None
        self._tags_found: dict[str, str] | None = None

    def __getitem__(self, key: str) -> Value:
        lowered = key.lower()
        if self._found is None:
            self._found = {name.lower(): value for name, value in self._known().items()}
        if lowered in self._found:
            return self._found[lowered]
        service, _, rest = lowered.partition(":")
        if rest.startswith(RESOURCE_TAG) and service in ("aws", self._service):
            return self._all_tags()[rest.removeprefix(RESOURCE_TAG)]
        raise KeyError(key)

    def _all_tags(self) -> dict[str, str]:
        if self._tags_found is None:
            # Of keys that differ in case alone, the first in order counts: here as in the lists' SQL.
            pairs = sorted(self._tags().items(), reverse=True)
            self._tags_found = {fold_tag(name): value for name, value in pairs}
        return self._tags_found

    def __iter__(self) -> Iterator[str]:
        self.get("")  # find out what is known
        yield from self._found or {}
        yield from (f"aws:{RESOURCE_TAG}{name}" for name in self._all_tags())

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Deferred(Mapping[str, Value]):
    """Condition keys that cost a look at the database: found out when they are asked for, once."""

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], Context]) -> None:
        self._find = find
        self._found: Context | None = None

    def _all(self) -> Context:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __getitem__(self, key: str) -> Value:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def keys_in(patterns: Iterable[str]) -> frozenset[str]:
    """The keys, lower-case, of the policy variables in some patterns."""
    parts = (part for pattern in patterns for part in template(pattern, variables=True).parts)
    return frozenset(part.key for part in parts if isinstance(part, Variable))


def fold_tag(key: str) -> str:
    """A tag's key as condition keys are compared: case is ignored for A to Z alone, as databases do."""
    return key.translate(_LOWER)


def fold(context: Context | None) -> Context:
    """The context with lower-case keys: condition keys are case-insensitive."""
    if isinstance(context, LazyContext):
        return context
    return {key.lower(): value for key, value in (context or {}).items()}


def expand(pattern: str, context: Context, *, variables: bool = True, atomic: bool = False) -> str | None:
    """The regular expression (anchors left out) of a pattern, or None when a variable has no value.

    Its syntax is common to Python and PostgreSQL; `atomic`: Python's alone, without backtracking (so SQLite's REGEXP).
    """
    known = template(pattern, variables=variables).known(context)
    return None if known is None else _atoms(known) if atomic else _body(known)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Whether a text matches any of `patterns`. Build it with `compile_patterns`."""

    patterns: tuple[str, ...]
    everything: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    wild: tuple[str, ...]
    """Patterns that need `regex`."""
    regex: re.Pattern[str] | None
    variable: tuple[str, ...]
    """Patterns with policy variables, known only when the request's context is."""
    templates: tuple[Template, ...] = ()

    def matches(self, text: str, context: Callable[[], Context]) -> bool:
        """`context` gives the request's context with lower-case keys; it is called only when a variable needs it."""
        if self.everything or text in self.exact:
            return True
        if self.prefixes and text.startswith(self.prefixes):
            return True
        if self.regex is not None and self.regex.fullmatch(text) is not None:
            return True
        return bool(self.templates) and self._matches_variable(text, context())

    def _matches_variable(self, text: str, context: Context) -> bool:
        return any(one.matches(text, context) for one in self.templates)


def compile_patterns(patterns: Iterable[str], *, variables: bool = False) -> Matcher:
    """`variables`: `${...}` stands for a value of the request (policy version 2012-10-17), else for itself."""
    everything = False
    exact: set[str] = set()
    prefixes: list[str] = []
    wild: list[str] = []
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
            wild.append(pattern)
    bodies = [expand(pattern, {}, variables=False, atomic=True) for pattern in wild]
    regex = re.compile("|".join(f"(?:{body})" for body in bodies), re.DOTALL) if bodies else None
    return Matcher(
        patterns=listed,
        everything=everything,
        exact=frozenset(exact),
        prefixes=tuple(prefixes),
        wild=tuple(wild),
        regex=regex,
        variable=tuple(variable),
        templates=tuple(template(pattern, variables=True) for pattern in variable),
    )


def literal_head(pattern: str, *, variables: bool) -> str:
    """What every text that matches `pattern` starts with: the pattern up to its first wildcard or variable."""
    ends = [at for mark in ("*", "?", *(("${",) if variables else ())) if (at := pattern.find(mark)) >= 0]
    return pattern[: min(ends)] if ends else pattern
