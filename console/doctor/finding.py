"""What the doctor says: one line per check, and how to mend what is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` is a command or a sentence; "" where all is well."""

    level: Level
    text: str
    mend: str = ""


# A check yields what it finds; one that cannot be made says so as a finding.
Check = Callable[[], Iterator[Finding]]


def ok(text: str) -> Finding:
    return Finding("ok", text)


def warning(text: str, mend: str) -> Finding:
    return Finding("warning", text, mend)


def problem(text: str, mend: str) -> Finding:
    return Finding("problem", text, mend)


def run(checks: tuple[Check, ...]) -> Iterator[Finding]:
    """Every finding of every check. A check that breaks is itself a finding: the others still say theirs."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # whatever is wrong with the machine must not silence the rest
            name = check.__name__.replace("_", " ")
            yield problem(f"{name}: the check itself failed: {type(error).__name__}: {error}", "report this")
