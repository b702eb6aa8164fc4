"""An evaluation (access.language.simulation) in words: what decided, what came near, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from access.language.simulation import Evaluation, Match, Near
from console.web import links

INLINE = " (inline)"
BOUNDARY = " (permissions boundary)"


@dataclass(frozen=True, slots=True)
class Source:
    """A statement of a policy: `group` that gives it, `policy`, `url` of the policy's page (none for inline ones),
    `kind` in words, `sid` or where it stands."""

    group: str
    policy: str
    url: str
    kind: str
    sid: str


@dataclass(frozen=True, slots=True)
class Close:
    """A statement that allows the action, and what keeps it from counting here."""

    source: Source
    because: str
    wanted: tuple[str, ...]
    found: str


@dataclass(frozen=True, slots=True)
class Said:
    """One evaluation for people; `tone` is that of the verdict."""

    evaluation: Evaluation
    tone: str
    verdict: str
    because: str
    source: Source | None
    near: Sequence[Close]

    @property
    def allowed(self) -> bool:
        return self.evaluation.decision == "allowed"


def said(evaluation: Evaluation) -> Said:
    decision = evaluation.decision
    verdict = {
        "allowed": _("allowed"),
        "explicitDeny": _("denied by a statement"),
        "implicitDeny": _("not allowed"),
    }[decision]
    return Said(
        evaluation,
        "ok" if decision == "allowed" else "bad",
        verdict,
        _because(evaluation),
        source(evaluation.deciding) if evaluation.deciding is not None else None,
        [_close(near) for near in evaluation.near],
    )


def _because(evaluation: Evaluation) -> str:
    if evaluation.decision == "explicitDeny":
        return _("A statement forbids it. What forbids wins over whatever allows.")
    if evaluation.decision == "allowed":
        return _("A statement allows it, and nothing forbids it.")
    if evaluation.allowed_by_boundary is False:
        return _("The permissions boundary does not allow it, whatever the policies say.")
    if evaluation.allowed_by_session is False:
        return _("The session’s own policy does not allow it, whatever the policies say.")
    return _("No policy allows it here.")


def source(match: Match) -> Source:
    text = match.source
    kind, url = "", ""
    if text == "self-service":
        kind = _("what everyone may do for themselves")
    elif match.layer == "boundary" or text.endswith(BOUNDARY):
        text, kind = text.removesuffix(BOUNDARY), _("permissions boundary")
    elif text.endswith(INLINE):
        text, kind = text.removesuffix(INLINE), _("inline")
    group, _slash, policy = text.rpartition("/")
    if not match.source.endswith(INLINE) and match.source != "self-service" and match.layer != "resource":
        url = links.to("policy", policy)
    return Source(group, policy, url, kind, match.sid or match.place)


def _close(near: Near) -> Close:
    found = ""
    if near.reason == "resource":
        because = _("it is about other resources")
    elif near.reason == "scope":
        because = _("its group is held to other resources")
    else:
        because = _("its condition %(operator)s on %(key)s is not met") % {
            "operator": near.operator,
            "key": near.key,
        }
        found = _("nothing") if near.found is None else ", ".join(near.found)
    return Close(source(near.match), because, near.wanted, found)
