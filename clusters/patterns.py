"""Regular expressions in time linear in the text, for patterns that users write. Standard library only.

Python's own engine goes back over the text again and again; some patterns of twenty characters keep it busy for years.
Here every state a pattern can be in is followed at once, so a match costs (length of text) x (size of pattern) at most.

The syntax is what Java's and Python's have in common: literals, `.`, classes, groups, `|`, `* + ? {m,n}` (also lazy),
`^ $`, the escapes `\\d \\w \\s` and their opposites, `(?i)` in front. Back references and look-around are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

LONGEST_REPEAT = 100
LARGEST = 2000  # states of one pattern

Char = Callable[[str], bool]

_DIGITS = frozenset("0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE = frozenset(" \t\n\r\f\v")
_SETS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class PatternError(ValueError):
    """The pattern is not one; `position` is where, counted from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class _Step:
    """One state: `test` eats a character and goes to `then`; without one, goes on at `then` and `other` at once.
    `only`: "^" or "$", passable at the beginning or the end alone."""

    then: int = -1
    other: int = -1
    test: Char | None = None
    only: str = ""


class Pattern:
    """A compiled pattern. `matches` asks about the whole text, as Java's `matches` does."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._steps, self._first = _Compiler(source).compile()

    def matches(self, text: str) -> bool:
        here = self._spread({self._first}, 0, len(text))
        for position, char in enumerate(text):
            after = {s.then for key in here if (s := self._steps[key]).test is not None and s.test(char)}
            if not after:
                return False
            here = self._spread(after, position + 1, len(text))
        return _END in here

    def _spread(self, states: set[int], position: int, length: int) -> set[int]:
        """All that is reached without eating a character."""
        found, queue = set(states), list(states)
        while queue:
            step = self._steps[queue.pop()]
            if (
                step.test is not None
                or (step.only == "^" and position)
                or (step.only == "$" and position < length)
            ):
                continue
            for target in (step.then, step.other):
                if target >= 0 and target not in found:
                    found.add(target)
                    queue.append(target)
        return found


_END = 0  # the index of the accepting state


@lru_cache(maxsize=256)
def compile_pattern(source: str) -> Pattern:
    """Raises PatternError."""
    return Pattern(source)


# Each part is a function: given the state to go on at, it adds its own states and answers its first one.
_Part = Callable[[int], int]


class _Compiler:
    def __init__(self, source: str) -> None:
        self.source, self.at, self.depth = source, 0, 0
        self.fold = source.startswith("(?i)")
        self.at = 4 if self.fold else 0
        self.steps: list[_Step] = [_Step()]
        self.copies = 0

    def compile(self) -> tuple[list[_Step], int]:
        part = self._alternatives()
        if self.at < len(self.source):
            raise PatternError("')' without '('", self.at)
        return self.steps, part(_END)

    def _add(self, step: _Step) -> int:
        if len(self.steps) >= LARGEST:
            raise PatternError("the pattern is too large", 0)
        self.steps.append(step)
        return len(self.steps) - 1

    def _spend(self) -> None:
        """Repetitions of repetitions multiply, also those of nothing."""
        self.copies += 1
        if self.copies > LARGEST:
            raise PatternError("the pattern is too large", 0)

    def _peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise PatternError("the pattern ends too early", self.at)
        self.at += 1
        return char

    # ---- parts -------------------------------------------------------------------------------

    def _alternatives(self) -> _Part:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())

        def build(then: int) -> int:
            first = branches[-1](then)
            for branch in reversed(branches[:-1]):
                first = self._add(_Step(branch(then), first))
            return first

        return branches[0] if len(branches) == 1 else build

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))

        def build(then: int) -> int:
            for part in reversed(parts):
                then = part(then)
            return then

        return build

    def _repeated(self, part: _Part) -> _Part:
        while (char := self._peek()) and char in "*+?{":
            begin = self.at
            self.at += 1
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(char) or self._bounds(begin)
            if self._peek() == "?":
                self.at += 1  # lazy: the same texts match
            elif self._peek() == "+":
                raise PatternError("possessive quantifiers are not supported", self.at)
            if self._peek() and self._peek() in "*+?{":
                raise PatternError("a quantifier after a quantifier", self.at)
            part = self._repeat(part, low, high)
        return part

    def _bounds(self, begin: int) -> tuple[int, int | None]:
        end = self.source.find("}", self.at)
        low, comma, high = self.source[self.at : end if end >= 0 else None].partition(",")
        if end < 0 or not _is_number(low) or not (high == "" or _is_number(high)):
            raise PatternError("a repetition is {m}, {m,} or {m,n}", begin)
        self.at = end + 1
        most = (int(high) if high else None) if comma else int(low)
        if int(low) > LONGEST_REPEAT or (most is not None and not int(low) <= most <= LONGEST_REPEAT):
            raise PatternError(f"a repetition counts up, to {LONGEST_REPEAT} at most", begin)
        return int(low), most

    def _repeat(self, part: _Part, low: int, high: int | None) -> _Part:
        def build(then: int) -> int:
            if high is None:
                loop = self._add(_Step())
                self.steps[loop] = _Step(part(loop), then)
                first = loop
            else:
                first = then
                for _ in range(high - low):
                    self._spend()
                    first = self._add(_Step(part(first), then))
            for _ in range(low):
                self._spend()
                first = part(first)
            return first

        return build

    def _atom(self) -> _Part:
        begin, char = self.at, self._take()
        if char == "(":
            return self._group(begin)
        if char == "[":
            return self._eat(self._class(begin))
        if char == "\\":
            return self._eat(self._escape())
        if char == ".":
            return self._eat(lambda c: c != "\n")
        if char in "^$":
            return lambda then: self._add(_Step(then, only=char))
        if char in "*+?{":
            raise PatternError(f"nothing to repeat before {char!r}", begin)
        return self._eat(self._same(char))

    def _eat(self, test: Char) -> _Part:
        return lambda then: self._add(_Step(then, test=test))

    def _same(self, char: str) -> Char:
        if self.fold:
            return lambda c: c.lower() == char.lower()
        return lambda c: c == char

    def _group(self, begin: int) -> _Part:
        if self._peek() == "?":
            if self.source[self.at : self.at + 2] != "?:":
                raise PatternError("of the groups with '(?' only '(?:' is supported", begin)
            self.at += 2
        self.depth += 1
        if self.depth > 50:
            raise PatternError("groups are nested too deeply", begin)
        inner = self._alternatives()
        if self._peek() != ")":
            raise PatternError("'(' without ')'", begin)
        self.at += 1
        self.depth -= 1
        return inner

    def _escape(self) -> Char:
        char = self._take()
        if (found := _set_of(char)) is not None:
            return found
        if char in _CONTROLS:
            return self._same(_CONTROLS[char])
        if char.isalnum():
            raise PatternError(f"\\{char} is not supported", self.at - 2)
        return self._same(char)

    def _class(self, begin: int) -> Char:
        negated = self._peek() == "^"
        self.at += int(negated)
        tests: list[Char] = []
        first = True
        while (char := self._take_of_class(begin)) != "]" or first:
            first = False
            if char in "[&" and (char == "[" or self._peek() == "&"):
                raise PatternError("unions and intersections of classes are not supported", self.at - 1)
            if char == "\\":
                escaped = self._take_of_class(begin)
                if (found := _set_of(escaped)) is not None:
                    tests.append(found)
                    continue
                char = self._plain(escaped)
            tests.append(self._range(char, begin))
        return (lambda c: not any(t(c) for t in tests)) if negated else (lambda c: any(t(c) for t in tests))

    def _take_of_class(self, begin: int) -> str:
        if self.at >= len(self.source):
            raise PatternError("'[' without ']'", begin)
        return self._take()

    def _plain(self, escaped: str) -> str:
        if escaped in _CONTROLS:
            return _CONTROLS[escaped]
        if escaped.isalnum():
            raise PatternError(f"\\{escaped} is not supported", self.at - 2)
        return escaped

    def _range(self, low: str, begin: int) -> Char:
        """One character, or the range that it begins."""
        if self._peek() != "-" or self.source[self.at + 1 : self.at + 2] in ("]", ""):
            return self._same(low)
        self.at += 1
        high = self._take_of_class(begin)
        if high == "\\":
            high = self._plain(self._take_of_class(begin))
        if high < low:
            raise PatternError(f"{low}-{high} is no range", self.at - 1)
        if self.fold:
            return lambda c: low <= c.lower() <= high or low <= c.upper() <= high
        return lambda c: low <= c <= high


def _set_of(char: str) -> Char | None:
    """\\d, \\w, \\s and, in capitals, everything else."""
    known = _SETS.get(char.lower()) if char else None
    if known is None:
        return None
    return known.__contains__ if char.islower() else (lambda c: c not in known)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6
