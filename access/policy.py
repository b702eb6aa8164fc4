"""IAM policy documents: checked on parsing, compiled, evaluated. Pure: no Django, no clock, no database.

A document is AWS's: {"Version": "2012-10-17", "Statement": [{"Sid", "Effect", "Action" | "NotAction",
"Resource" | "NotResource", "Condition"}]}. Rules of evaluation: nothing is allowed unless a statement allows it, and a
statement that denies wins over any number that allow.
Source: IAM User Guide, "JSON policy elements reference" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from access.conditions import Condition, parse_conditions
from access.matching import Context, Matcher, compile_patterns, fold

__all__ = [
    "Context",
    "Decision",
    "PolicyError",
    "Problem",
    "Reason",
    "Statement",
    "evaluate",
    "is_read",
    "parse",
]

Effect = Literal["Allow", "Deny"]
Reason = Literal["allow", "explicit-deny", "implicit-deny"]

VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_SID = re.compile(r"[A-Za-z0-9]*")
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_READ_VERBS = ("describe", "list", "get", "batchget", "lookup", "search", "simulate", "discover")
MAX_DOCUMENT_STATEMENTS = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a document: where ("Statement[0].Action[1]") and what to do about it."""

    place: str
    message: str


class PolicyError(ValueError):
    """The document is not a valid policy; `problems` names every mistake."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.place}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class Scope(Protocol):
    """What a statement is held to besides its own Resource: a group's scope (see access.scope)."""

    def covers(
        self, action: str, resource: str, owners: Sequence[str], context: Callable[[], Context]
    ) -> bool: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """One compiled statement. `actions` are matched lower-case; a negated list matches what it does not list."""

    sid: str
    effect: Effect
    actions: Matcher
    not_action: bool
    resources: Matcher
    not_resource: bool
    conditions: tuple[Condition, ...] = ()
    scope: Scope | None = None
    source: str = ""
    """Where it comes from, for explanations: the policy's name, or "group/policy"."""

    def within(self, scope: Scope | None, source: str = "") -> Statement:
        """The same statement, an Allow held to `scope`; a Deny applies everywhere."""
        return replace(self, scope=scope if self.effect == "Allow" else None, source=source or self.source)

    def matches_action(self, action: str) -> bool:
        return self.actions.matches(action.lower(), _no_context) is not self.not_action

    def matches_resource(self, resource: str, context: Callable[[], Context]) -> bool:
        return self.resources.matches(resource, context) is not self.not_resource


@dataclass(frozen=True, slots=True)
class Decision:
    """`statement` is the one that decided; None when nothing allowed (implicit-deny)."""

    allowed: bool
    reason: Reason
    statement: Statement | None = None


IMPLICIT_DENY = Decision(False, "implicit-deny")


class _Lazy:
    """The request's context with lower-case keys, folded at most once and only when asked for."""

    __slots__ = ("_folded", "_raw")

    def __init__(self, raw: Context | None) -> None:
        self._raw = raw
        self._folded: Context | None = None

    def __call__(self) -> Context:
        if self._folded is None:
            self._folded = fold(self._raw)
        return self._folded


def _no_context() -> Context:
    return {}


def is_read(action: str) -> bool:
    """By AWS's verbs: "ecs:DescribeServices" reads, "ecs:UpdateService" writes."""
    return action.rpartition(":")[2].lower().startswith(_READ_VERBS)


def evaluate(
    statements: Iterable[Statement],
    action: str,
    resource: str,
    context: Context | None = None,
    owners: Sequence[str] = (),
) -> Decision:
    """Decide one request. `resource` is an ARN, or "*" for an action that has none.

    `context` maps condition keys to a value or several ("ecs:cluster": "arn:..."). `owners` are the ARNs of what the
    resource belongs to and its own ARN does not tell (a task's service): they count for a group's scope only.
    """
    lazy = _Lazy(context)
    lowered = action.lower()
    allow: Statement | None = None
    for statement in statements:
        if allow is not None and statement.effect == "Allow":
            continue
        if statement.actions.matches(lowered, _no_context) is statement.not_action:
            continue
        if statement.resources.matches(resource, lazy) is statement.not_resource:
            continue
        if statement.scope is not None and not statement.scope.covers(action, resource, owners, lazy):
            continue
        if statement.conditions and not all(condition.holds(lazy()) for condition in statement.conditions):
            continue
        if statement.effect == "Deny":
            return Decision(False, "explicit-deny", statement)
        allow = statement
    return Decision(True, "allow", allow) if allow is not None else IMPLICIT_DENY


# --- parsing --------------------------------------------------------------------------------------


def parse(document: object, source: str = "") -> tuple[Statement, ...]:
    """The compiled statements of a document (a dict as JSON gives it). Raises PolicyError naming every mistake."""
    problems: list[Problem] = []
    statements = _parse_document(document, problems, source)
    if problems:
        raise PolicyError(problems)
    return statements


def _parse_document(document: object, problems: list[Problem], source: str) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping):
        problems.append(Problem("(document)", "must be a JSON object with Version and Statement"))
        return ()
    _unknown_keys(document, _DOCUMENT_KEYS, "", problems)
    version = document.get("Version", "2008-10-17")
    if version not in VERSIONS:
        problems.append(Problem("Version", 'must be "2012-10-17"'))
    if "Id" in document and not isinstance(document["Id"], str):
        problems.append(Problem("Id", "must be a string"))
    raw = document.get("Statement")
    listed: Sequence[object]
    if isinstance(raw, Mapping):
        listed = [raw]
    elif isinstance(raw, list) and raw:
        listed = raw
    else:
        problems.append(Problem("Statement", "must be a statement or a list with at least one statement"))
        return ()
    if len(listed) > MAX_DOCUMENT_STATEMENTS:
        problems.append(
            Problem("Statement", f"has more than {MAX_DOCUMENT_STATEMENTS} statements; split the policy")
        )
        return ()
    statements: list[Statement] = []
    sids: set[str] = set()
    for index, item in enumerate(listed):
        place = f"Statement[{index}]" if isinstance(raw, list) else "Statement"
        found = _parse_statement(item, place, version == "2012-10-17", source, problems)
        if found is None:
            continue
        if found.sid and found.sid in sids:
            problems.append(
                Problem(f"{place}.Sid", f'"{found.sid}" is used twice; a Sid is unique in its document')
            )
        sids.add(found.sid)
        statements.append(found)
    return tuple(statements)


def _parse_statement(
    raw: object, place: str, variables: bool, source: str, problems: list[Problem]
) -> Statement | None:
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "must be an object"))
        return None
    before = len(problems)
    for key in ("Principal", "NotPrincipal"):
        if key in raw:
            problems.append(
                Problem(f"{place}.{key}", "does not belong in a policy of users or groups; leave it out")
            )
    _unknown_keys(raw, _STATEMENT_KEYS | {"Principal", "NotPrincipal"}, f"{place}.", problems)
    sid = raw.get("Sid", "")
    if not isinstance(sid, str) or _SID.fullmatch(sid) is None:
        problems.append(Problem(f"{place}.Sid", "must be made of letters and digits"))
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        problems.append(Problem(f"{place}.Effect", 'must be "Allow" or "Deny"'))
    actions, not_action = _either(raw, "Action", place, problems)
    resources, not_resource = _either(raw, "Resource", place, problems)
    for where, action in actions:
        if _ACTION.fullmatch(action) is None:
            problems.append(Problem(where, f'"{action}" is not an action; write "*" or "service:Action"'))
    for where, resource in resources:
        if (reason := _resource_problem(resource)) is not None:
            problems.append(Problem(where, reason))
    conditions: tuple[Condition, ...] = ()
    if "Condition" in raw:
        found = parse_conditions(raw["Condition"], f"{place}.Condition", variables=variables)
        problems.extend(Problem(where, message) for where, message in found.problems)
        conditions = found.conditions
    if len(problems) > before or (effect != "Allow" and effect != "Deny"):
        return None
    return Statement(
        sid=sid,
        effect=effect,
        actions=compile_patterns("*" if action == "*:*" else action.lower() for _, action in actions),
        not_action=not_action,
        resources=compile_patterns((resource for _, resource in resources), variables=variables),
        not_resource=not_resource,
        conditions=conditions,
        source=source,
    )


def _either(
    raw: Mapping[str, Any], name: str, place: str, problems: list[Problem]
) -> tuple[list[tuple[str, str]], bool]:
    """The values of Action or NotAction (Resource or NotResource) with their places, and whether it is negated."""
    negated = f"Not{name}"
    if (name in raw) == (negated in raw):
        say = "not both" if name in raw else "one is required"
        problems.append(Problem(place, f"needs {name} or {negated}: {say}"))
        return [], False
    key = name if name in raw else negated
    value = raw[key]
    if isinstance(value, str) and value:
        return [(f"{place}.{key}", value)], key == negated
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return [(f"{place}.{key}[{index}]", item) for index, item in enumerate(value)], key == negated
    problems.append(Problem(f"{place}.{key}", "must be a string or a list with at least one string"))
    return [], False


def _resource_problem(resource: str) -> str | None:
    if resource == "*":
        return None
    parts = resource.split(":", 5)
    if parts[0] != "arn":
        return f'"{resource}" is not a resource; write "*" or an ARN such as "arn:aws:ecs:*:*:service/default/web"'
    if len(parts) < 6 and not resource.endswith("*"):
        return f'"{resource}" is not a whole ARN; it has six parts: arn:aws:service:region:account:resource'
    return None


def _unknown_keys(raw: Mapping[Any, Any], known: set[str], prefix: str, problems: list[Problem]) -> None:
    for key in raw:
        if key not in known:
            problems.append(
                Problem(f"{prefix}{key}", f"is not an element of a policy; known: {', '.join(sorted(known))}")
            )
