"""Where in the text of a JSON document its parts stand, so that a mistake is shown on its line.

The checker of policies names places ("Statement[0].Action[1]"); an editor shows text. Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BLANK = re.compile(r"[ \t\n\r]*")
_ATOM = re.compile(r'[^\s,:\[\]{}"]+')
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Places:
    """`lines`: place ("Statement[0].Action[1]", "" for the document) -> line, counted from 1. `twice`: keys that stand
    twice in one object, with the line of the second: JSON keeps the last one without a word."""

    lines: dict[str, int] = field(default_factory=dict)
    twice: tuple[tuple[str, int], ...] = ()

    def line_of(self, place: str) -> int:
        """The line of a place, or of the nearest one around it that is there (a missing key has none)."""
        known = place
        while known and known not in self.lines:
            known = _around(known)
        return self.lines.get(known, 1)


@dataclass(frozen=True, slots=True)
class Broken:
    """Text that is no JSON: where, counted from 1, and Python's words for it."""

    line: int
    column: int
    reason: str


def read(text: str) -> object | Broken:
    """The document a text holds, or where its writing goes wrong."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Broken(error.lineno, error.colno, error.msg)
    except RecursionError:
        return Broken(1, 1, "nested too deeply")
    except ValueError as error:
        return Broken(1, 1, str(error))


def places(text: str) -> Places:
    """Where every part of a well-formed JSON text stands. A text that is none gives what was found up to there."""
    scanner = _Scanner(text)
    scanner.value("", 0)
    return Places(scanner.lines, tuple(scanner.twice))


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _around(place: str) -> str:
    """The place one step out: "a.b[2]" -> "a.b" -> "a" -> ""."""
    cut = max(place.rfind("."), place.rfind("["))
    return place[:cut] if cut > 0 else ""


class _Stop(Exception):
    pass


class _Scanner:
    """One pass over the text. Names places as access.policy does: keys by dots, list items by number."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0
        self.lines: dict[str, int] = {}
        self.twice: list[tuple[str, int]] = []

    def value(self, place: str, depth: int) -> None:
        try:
            self._value(place, depth)
        except _Stop:
            return

    def _value(self, place: str, depth: int) -> None:
        self._blank()
        self.lines.setdefault(place, self._line())
        sign = self._sign()
        if depth > MOST_DEPTH:
            raise _Stop
        if sign == "{":
            self._members(place, depth)
        elif sign == "[":
            for number, _more in enumerate(self._items("]")):
                self._value(f"{place}[{number}]", depth + 1)
        elif sign == '"':
            self._string()
        else:
            self._take(_ATOM)

    def _members(self, place: str, depth: int) -> None:
        seen: set[str] = set()
        for _more in self._items("}"):
            line = self._line()
            key = self._string()
            inner = f"{place}.{key}" if place else key
            if key in seen:
                self.twice.append((inner, line))
            seen.add(key)
            # The key's line, not that of its value: that is where a person looks for it. The last one counts.
            self.lines[inner] = line
            self._expect(":")
            self._value(inner, depth + 1)

    def _items(self, end: str) -> Iterator[bool]:
        """Once for each item between the bracket under the cursor and its end; the cursor is at the item."""
        self.at += 1
        self._blank()
        if self._sign() == end:
            self.at += 1
            return
        while True:
            self._blank()
            yield True
            self._blank()
            if self._sign() == end:
                self.at += 1
                return
            self._expect(",")

    def _blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _sign(self) -> str:
        return self.text[self.at : self.at + 1]

    def _expect(self, sign: str) -> None:
        self._blank()
        if self._sign() != sign:
            raise _Stop
        self.at += 1

    def _string(self) -> str:
        found = self._take(_STRING)
        try:
            return str(json.loads(found))
        except ValueError:
            raise _Stop from None

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _Stop
        self.at = found.end()
        return found.group()

    def _line(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line
