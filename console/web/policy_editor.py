"""The editor of policies: what was typed, every mistake of it on its line, and what it says in words.

A page posts the text with `do`: `check` (sent by static/js/policy.js while one types) and `tidy`, `example-KEY`, which
work without scripts too, answer the page with the draft; anything else means to save. See web/access/_editor.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from access.language.lint import lint
from access.registry import all_operations
from base.errors import OperationError
from console.web import policy_examples, policy_places, policy_remarks, policy_words
from console.web.parts import Tone
from console.web.policy_examples import Example, Kind
from console.web.policy_places import Broken, Places
from services.definitions import SPECIAL_PERMISSIONS

# Asked for by what other operations are given.
_ASKED_BESIDES = {"iam:PassRole", "iam:CreateLoginProfile"}
_TONES: Mapping[str, Tone] = {"error": "bad", "warning": "wait", "suggestion": "new"}
# What operations call the document, and so how the paths of their refusals begin.
_DOCUMENTS = ("policy_document", "document", "resourcePolicy")
LONGEST_TEXT = 60_000  # characters; the longest policy kept is a sixth of it


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a document: where, how bad ("bad" keeps it from being saved), what, and what to do about it."""

    line: int
    tone: Tone
    message: str
    remedy: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document being written. `document` is None while the text is no JSON object."""

    text: str
    kind: Kind
    document: dict[str, Any] | None
    findings: tuple[Finding, ...]
    statements: Sequence[policy_words.StatementWords]

    @property
    def right(self) -> bool:
        return not any(finding.tone == "bad" for finding in self.findings)

    @property
    def mistakes(self) -> int:
        return sum(finding.tone == "bad" for finding in self.findings)

    @property
    def lines(self) -> list[tuple[int, str]]:
        """The gutter: line -> the worst tone of it."""
        marked: dict[int, str] = {}
        for finding in self.findings:
            if marked.get(finding.line) != "bad":
                marked[finding.line] = finding.tone
        return [(number, marked.get(number, "")) for number in range(1, self.text.count("\n") + 2)]

    @property
    def rows(self) -> int:
        return max(16, self.text.count("\n") + 2)

    @property
    def examples(self) -> tuple[Example, ...]:
        return policy_examples.EXAMPLES[self.kind]


def written(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def draft_of(document: object, kind: Kind = "identity") -> Draft:
    """A draft that begins with a document that is there."""
    return draft(written(document), kind)


def draft(text: str, kind: Kind = "identity") -> Draft:
    """Everything that can be said of a text."""
    if len(text) > LONGEST_TEXT:
        message = _("A policy has at most %(number)d characters.") % {"number": LONGEST_TEXT}
        return Draft(text, kind, None, (Finding(1, "bad", message),), [])
    found = policy_places.read(text)
    if isinstance(found, Broken):
        return Draft(text, kind, None, (_broken(found, text),), [])
    document = found if isinstance(found, dict) else None
    return Draft(text, kind, document, _findings(found, text, kind), policy_words.statements(found))


def posted(request: HttpRequest, kind: Kind = "identity") -> tuple[Draft, bool]:
    """The draft as posted and changed by `do`, and whether it is to be saved."""
    text = request.POST.get("document", "").replace("\r\n", "\n")
    todo = request.POST.get("do", "save")
    now = draft(text, kind)
    if todo == "tidy" and now.document is not None:
        now = draft_of(now.document, kind)
    elif todo.startswith("example-") and (now.document is not None or not text.strip()):
        longer = policy_examples.with_example(now.document, kind, todo.removeprefix("example-"))
        now = now if longer is None else draft_of(longer, kind)
    return now, todo == "save"


def refused(now: Draft, error: OperationError) -> Draft:
    """The draft with an operation's refusal on it; what it says of the document stands on its lines."""
    known = policy_places.places(now.text)
    marks: list[Finding] = []
    for path, reason in error.fields.items() or {"": str(error)}.items():
        for document in _DOCUMENTS:
            path = path.removeprefix(document)
        place = path.removeprefix(".")
        marks.append(Finding(known.line_of(place), "bad", reason, place=place))
    kept = tuple(finding for finding in now.findings if finding.tone != "bad")
    return Draft(now.text, now.kind, now.document, (*marks, *kept), now.statements)


def _broken(found: Broken, text: str) -> Finding:
    if not text.strip():
        return Finding(1, "bad", _("The document is empty."), _("Insert an example to begin with."))
    message = _("This is not JSON from here on (column %(column)d): %(reason)s.")
    return Finding(
        found.line,
        "bad",
        message % {"column": found.column, "reason": found.reason},
        _("Look for a missing comma, quotation mark or bracket, here or just before."),
    )


def _findings(document: object, text: str, kind: Kind) -> tuple[Finding, ...]:
    known = policy_places.places(text)
    found = [*_problems(document, known, kind), *_doubles(known)]
    return tuple(sorted(found, key=lambda finding: (finding.line, finding.tone)))


def _problems(document: object, known: Places, kind: Kind) -> list[Finding]:
    return [
        Finding(
            known.line_of(one.place),
            _TONES[one.severity],
            policy_remarks.in_words(one.message),
            policy_remarks.in_words(one.remedy),
            one.place,
        )
        for one in lint(document, kind, actions())
    ]


@lru_cache(maxsize=1)
def actions() -> frozenset[str]:
    """Every action there is to allow or deny."""
    return frozenset(op.action for op in all_operations()) | SPECIAL_PERMISSIONS | _ASKED_BESIDES


def _doubles(known: Places) -> list[Finding]:
    """JSON keeps the last of two equal keys: a statement would silently lose what the first one says."""
    message = _("This key stands twice in the same object; only the last one would count.")
    remedy = _("Put both values into one list.")
    return [Finding(line, "bad", message, remedy, place) for place, line in known.twice]
