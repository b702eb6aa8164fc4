"""A small vocabulary to describe JSON documents as data: `fields.py` holds the tables written in it.

Every kind has `check(value, path, report)`: it answers the normalised value, or INVALID after telling the
report why. Objects and lists keep checking after a mistake, so that one pass finds all of them.
`null` counts as absent everywhere, as the AWS command line's skeletons write it.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from services.taskdef.errors import Report, join

INVALID: Final = object()
_ABSENT: Final = object()

NOT_YET = "is not supported yet by this version of Slipway"


class Kind(Protocol):
    def check(self, value: Any, path: str, report: Report) -> Any: ...


def sort_of(value: Any) -> str:
    """What a JSON value is, as a person would call it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list | tuple) else "an object"


@dataclass(frozen=True)
class Text:
    """A string. `pattern` must match it whole and is explained by `rule`; `choices` are the accepted words,
    `later` those which ECS knows and Slipway does not run yet."""

    min_length: int = 1
    max_length: int | None = None
    pattern: re.Pattern[str] | None = None
    rule: str = ""
    choices: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    def check(self, value: Any, path: str, report: Report) -> Any:
        wrong = self._wrong(value)
        if wrong:
            report.add(path, wrong)
            return INVALID
        return value

    def _wrong(self, value: Any) -> str:
        if not isinstance(value, str):
            return f"must be a string, not {sort_of(value)}"
        if not encodable(value):
            return "must be valid Unicode text without NUL characters"
        if len(value) < self.min_length:
            return "must not be empty"
        if self.max_length is not None and len(value) > self.max_length:
            return f"has {len(value)} characters, {self.max_length} at most are allowed"
        if value in self.later:
            return f"{value} {NOT_YET}"
        if self.choices and value not in self.choices:
            return f"{value!r} is not one of {', '.join(self.choices)}{suggestion(value, self.choices)}"
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return f"{shorten(value)} {self.rule}"
        return ""


@dataclass(frozen=True)
class Whole:
    """A whole number from `minimum` to `maximum`, both included. `unit` and `why` are for the message."""

    minimum: int
    maximum: int = 2**31 - 1
    unit: str = ""
    why: str = ""

    def check(self, value: Any, path: str, report: Report) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add(path, f"must be a whole number, not {sort_of(value)}")
            return INVALID
        if not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            why = f" ({self.why})" if self.why else ""
            report.add(path, f"must be between {self.minimum} and {self.maximum}{unit}, not {value}{why}")
            return INVALID
        return value


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def check(self, value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, bool):
            report.add(path, f"must be true or false, not {sort_of(value)}")
            return INVALID
        return value


@dataclass(frozen=True)
class ListOf:
    """A list. `unique` names what no two items may share: "" for the items themselves, or member names."""

    item: Kind
    minimum: int = 0
    maximum: int | None = None
    unique: tuple[str, ...] | None = None

    def check(self, value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, list | tuple):
            report.add(path, f"must be a list, not {sort_of(value)}")
            return []
        if len(value) < self.minimum:
            report.add(path, "must not be empty")
        if self.maximum is not None and len(value) > self.maximum:
            report.add(path, f"has {len(value)} items, {self.maximum} at most are allowed")
        items = value[: self.maximum]  # an overfull list is refused anyway
        checked = [self.item.check(item, f"{path}[{index}]", report) for index, item in enumerate(items)]
        self._refuse_twins(checked, path, report)
        return [item for item in checked if item is not INVALID]

    def _refuse_twins(self, items: list[Any], path: str, report: Report) -> None:
        if self.unique is None:
            return
        seen: dict[Any, int] = {}
        for index, item in enumerate(items):
            key = self._key(item)
            if key is None:
                continue
            if key in seen:
                first = f"{path}[{seen[key]}]"
                where = join(f"{path}[{index}]", self.unique[0]) if self.unique[0] else f"{path}[{index}]"
                report.add(where, f"{' '.join(str(part) for part in key)} is already given at {first}")
            else:
                seen[key] = index

    def _key(self, item: Any) -> tuple[Any, ...] | None:
        if self.unique == ("",):
            return (item,) if isinstance(item, str | int) else None
        if not isinstance(item, dict) or any(name not in item for name in self.unique or ()):
            return None
        return tuple(item[name] for name in self.unique or ())


@dataclass(frozen=True)
class MapOf:
    """An object of free names, each with a value of one kind."""

    value: Kind
    name: Kind = field(default_factory=lambda: Text(max_length=512))

    def check(self, value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.add(path, f"must be an object, not {sort_of(value)}")
            return {}
        checked: dict[str, Any] = {}
        for name, item in value.items():
            at = join(path, str(name))
            if self.name.check(name, at, report) is INVALID:
                continue
            result = self.value.check(item, at, report)
            if result is not INVALID:
                checked[name] = result
        return {name: checked[name] for name in sorted(checked)}


@dataclass(frozen=True)
class Field:
    """One member of an object.

    `default` fills it when absent (copied), `drop_empty` leaves an empty value out, as ECS answers it.
    `summary` says in a few words what it does; the reference page tells the rest.
    """

    kind: Kind
    summary: str
    required: bool = False
    default: Any = _ABSENT
    drop_empty: bool = False

    @property
    def has_default(self) -> bool:
        return self.default is not _ABSENT


@dataclass(frozen=True)
class Refused:
    """A member which ECS knows and Slipway does not run. Values in `neutral` ask for nothing and are let pass:
    an empty list, say, as ECS's own answers hold them."""

    reason: str = NOT_YET
    neutral: tuple[Any, ...] = ([], {}, "")

    def lets_pass(self, value: Any) -> bool:
        return any(value == harmless and type(value) is type(harmless) for harmless in self.neutral)


@dataclass(frozen=True)
class Struct:
    """An object with a table of members. Members that are in no table are refused by name."""

    fields: Mapping[str, Field | Refused]

    def check(self, value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.add(path, f"must be an object, not {sort_of(value)}")
            return {}
        for name in value:
            if name not in self.fields:
                report.add(join(path, str(name)), f"unknown field{self._near(str(name))}")
        checked: dict[str, Any] = {}
        for name, member in self.fields.items():
            given, at = value.get(name), join(path, name)
            if isinstance(member, Refused):
                if given is not None and not member.lets_pass(given):
                    report.add(at, f"{name} {member.reason}")
                continue
            result = self._member(member, given, at, report)
            if result is INVALID or (
                member.drop_empty and not result and result is not False and result != 0
            ):
                continue
            checked[name] = result
        return checked

    @staticmethod
    def _member(member: Field, given: Any, at: str, report: Report) -> Any:
        if given is not None:
            return member.kind.check(given, at, report)
        if member.required:
            report.add(at, "is required")
            return INVALID
        return copy.deepcopy(member.default) if member.has_default else INVALID

    def _near(self, name: str) -> str:
        supported = [known for known, member in self.fields.items() if isinstance(member, Field)]
        return suggestion(name, supported)


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ", did you mean x?" where one of `known` is close to `word`, else nothing."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f", did you mean {by_lower[near[0]]}?" if near else ""


def encodable(value: str) -> bool:
    """Whether it can be stored and handed to a process: UTF-8, no NUL, no lone surrogate."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shorten(value: str, length: int = 60) -> str:
    """`value` quoted, cut where it is long."""
    return repr(value if len(value) <= length else value[: length - 1] + "…")
