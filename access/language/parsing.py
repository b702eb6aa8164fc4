"""Policy documents: checked whole, every mistake with its place and a remedy, and compiled. Standard library only.

Source: IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from access.language.conditions import Condition, parse_conditions
from access.language.matching import compile_patterns
from access.language.statements import Kind, Statement
from access.language.trustees import Trustees, parse_trustees

VERSIONS = ("2012-10-17", "2008-10-17")
MAX_DOCUMENT_STATEMENTS = 500
_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_PRINCIPAL_KEYS = ("Principal", "NotPrincipal")
_SID = re.compile(r"[A-Za-z0-9]*")
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_ARN_EXAMPLE = '"arn:aws:ecs:*:*:service/default/web"'


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a document: where ("Statement[0].Action[1]"), what is wrong, and what to do about it."""

    place: str
    message: str
    remedy: str = ""

    @property
    def text(self) -> str:
        """Message and remedy in one line."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class PolicyError(ValueError):
    """The document is not a valid policy; `problems` names every mistake."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.place}: {problem.text}" for problem in problems))
        self.problems = tuple(problems)


def parse(document: object, source: str = "", kind: Kind = "identity") -> tuple[Statement, ...]:
    """The compiled statements of a document (a dict as JSON gives it). Raises PolicyError naming every mistake.

    `kind` "identity" has no principals; "resource" needs them; "trust" (a role's) needs them and has no Resource.
    """
    return _Parser(source, kind).document(document)


def parse_text(text: str, source: str = "", kind: Kind = "identity") -> tuple[Statement, ...]:
    """The same from JSON text; a name given twice is refused, since only one of its values would count."""
    return parse(load(text), source, kind)


def load(text: str) -> object:
    """JSON as a document. Raises PolicyError at "(document)"."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise PolicyError([Problem("(document)", message, "correct the text there")]) from None
    except RecursionError:
        raise PolicyError([Problem("(document)", "is nested too deeply")]) from None
    except PolicyError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise PolicyError([Problem("(document)", f"is not JSON: {error}")]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            problem = Problem("(document)", f'"{key}" stands twice in one object', "join the two")
            raise PolicyError([problem])
        found[key] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


class _Parser:
    """One document's parsing: collects problems, so that all are named at once."""

    def __init__(self, source: str, kind: Kind) -> None:
        self.source = source
        self.kind = kind
        self.problems: list[Problem] = []
        self.variables = False

    def wrong(self, place: str, message: str, remedy: str = "") -> None:
        self.problems.append(Problem(place, message, remedy))

    def document(self, document: object) -> tuple[Statement, ...]:
        statements = self._statements(document)
        if self.problems:
            raise PolicyError(self.problems)
        return statements

    def _statements(self, document: object) -> tuple[Statement, ...]:
        if not isinstance(document, Mapping):
            self.wrong("(document)", "must be a JSON object with Version and Statement")
            return ()
        self._unknown_keys(document, _DOCUMENT_KEYS, "")
        version = document.get("Version", "2008-10-17")
        if version not in VERSIONS:
            self.wrong("Version", "is not a version of the policy language", 'must be "2012-10-17"')
        self.variables = version == "2012-10-17"
        if "Id" in document and not isinstance(document["Id"], str):
            self.wrong("Id", "must be a string")
        raw = document.get("Statement")
        if not isinstance(raw, Mapping) and not (isinstance(raw, list) and raw):
            self.wrong("Statement", "must be a statement or a list with at least one statement")
            return ()
        listed: Sequence[object] = [raw] if isinstance(raw, Mapping) else raw
        if len(listed) > MAX_DOCUMENT_STATEMENTS:
            self.wrong("Statement", f"has more than {MAX_DOCUMENT_STATEMENTS} statements", "split the policy")
            return ()
        places = (
            ["Statement"] if isinstance(raw, Mapping) else [f"Statement[{at}]" for at in range(len(listed))]
        )
        return self._all(zip(places, listed, strict=True))

    def _all(self, placed: Iterable[tuple[str, object]]) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        sids: set[str] = set()
        for place, item in placed:
            found = self._statement(item, place)
            if found is None:
                continue
            if found.sid and found.sid in sids:
                self.wrong(f"{place}.Sid", f'"{found.sid}" is used twice', "a Sid is unique in its document")
            sids.add(found.sid)
            statements.append(found)
        return tuple(statements)

    def _statement(self, raw: object, place: str) -> Statement | None:
        if not isinstance(raw, Mapping):
            self.wrong(place, "must be an object")
            return None
        before = len(self.problems)
        self._unknown_keys(raw, _STATEMENT_KEYS | set(_PRINCIPAL_KEYS), f"{place}.")
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or _SID.fullmatch(sid) is None:
            self.wrong(f"{place}.Sid", "must be made of letters and digits", "leave out spaces and signs")
        effect = raw.get("Effect")
        if effect not in ("Allow", "Deny"):
            self.wrong(f"{place}.Effect", "is not an effect", 'must be "Allow" or "Deny"')
        trustees = self._trustees(raw, place)
        actions, not_action = self._either(raw, "Action", place)
        for where, action in actions:
            if _ACTION.fullmatch(action) is None:
                self.wrong(where, f'"{action}" is not an action', 'write "*" or "service:Action"')
        resources, not_resource = self._resources(raw, place)
        conditions = self._conditions(raw, place)
        if len(self.problems) > before or (effect != "Allow" and effect != "Deny"):
            return None
        return Statement(
            sid=str(sid),
            effect=effect,
            actions=compile_patterns("*" if action == "*:*" else action.lower() for _, action in actions),
            not_action=not_action,
            resources=compile_patterns((resource for _, resource in resources), variables=self.variables),
            not_resource=not_resource,
            conditions=conditions,
            source=self.source,
            place=place,
            trustees=trustees,
        )

    def _trustees(self, raw: Mapping[str, Any], place: str) -> Trustees | None:
        given = [key for key in _PRINCIPAL_KEYS if key in raw]
        if self.kind == "identity":
            for key in given:
                message = "does not belong in a policy of users, groups or roles"
                self.wrong(f"{place}.{key}", message, "leave it out")
            return None
        if len(given) != 1:
            say = "not both" if given else "name whom the statement speaks of"
            self.wrong(place, "needs Principal or NotPrincipal", say)
            return None
        (key,) = given
        if key == "NotPrincipal" and (self.kind == "trust" or raw.get("Effect") == "Allow"):
            where = (
                "in a trust policy" if self.kind == "trust" else "with Allow: it would allow everybody else"
            )
            remedy = "write Principal, with a condition on aws:PrincipalArn where needed"
            self.wrong(f"{place}.{key}", f"NotPrincipal cannot be used {where}", remedy)
            return None
        found = parse_trustees(raw[key], f"{place}.{key}", negated=key == "NotPrincipal")
        self.problems.extend(Problem(*problem) for problem in found.problems)
        return found.trustees

    def _resources(self, raw: Mapping[str, Any], place: str) -> tuple[list[tuple[str, str]], bool]:
        if self.kind == "trust":
            for key in ("Resource", "NotResource"):
                if key in raw:
                    message = "does not belong in a trust policy: the role itself is the resource"
                    self.wrong(f"{place}.{key}", message, "leave it out")
            return [(place, "*")], False
        resources, negated = self._either(raw, "Resource", place)
        for where, resource in resources:
            if (wrong := _resource_problem(resource)) is not None:
                self.wrong(where, *wrong)
        return resources, negated

    def _conditions(self, raw: Mapping[str, Any], place: str) -> tuple[Condition, ...]:
        if "Condition" not in raw:
            return ()
        found = parse_conditions(raw["Condition"], f"{place}.Condition", variables=self.variables)
        for where, text in found.problems:
            message, _, remedy = text.partition("; ")
            self.wrong(where, message, remedy)
        return found.conditions

    def _either(self, raw: Mapping[str, Any], name: str, place: str) -> tuple[list[tuple[str, str]], bool]:
        """The values of Action or NotAction (Resource or NotResource) with their places, and whether negated."""
        negated = f"Not{name}"
        if (name in raw) == (negated in raw):
            say = "not both" if name in raw else "one is required"
            self.wrong(place, f"needs {name} or {negated}", say)
            return [], False
        key = name if name in raw else negated
        value = raw[key]
        if isinstance(value, str) and value:
            return [(f"{place}.{key}", value)], key == negated
        if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
            return [(f"{place}.{key}[{index}]", item) for index, item in enumerate(value)], key == negated
        self.wrong(f"{place}.{key}", "must be a string or a list with at least one string")
        return [], False

    def _unknown_keys(self, raw: Mapping[Any, Any], known: set[str], prefix: str) -> None:
        for key in raw:
            if key not in known:
                remedy = f"known: {', '.join(sorted(known))}"
                self.wrong(f"{prefix}{key}", "is not an element of a policy", remedy)


def _resource_problem(resource: str) -> tuple[str, str] | None:
    if resource == "*":
        return None
    parts = resource.split(":", 5)
    if parts[0] != "arn":
        return f'"{resource}" is not a resource', f'write "*" or an ARN such as {_ARN_EXAMPLE}'
    if len(parts) < 6 and not resource.endswith("*"):
        remedy = "it has six parts: arn:aws:service:region:account:resource"
        return f'"{resource}" is not a whole ARN', remedy
    return None
