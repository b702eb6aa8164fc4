"""What is valid in a policy and yet probably not meant: for the editor. Standard library only.

Source: IAM User Guide, "IAM policy validation check reference" (findings of kind error, warning, suggestion).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from access.language.matching import compile_patterns, has_variable
from access.language.parsing import PolicyError, parse
from access.language.statements import Kind

Severity = Literal["error", "warning", "suggestion"]
_OPEN = re.compile(r"\$\{[^}]*$")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at: where ("Statement[0].Action[1]"), what, and what to do about it."""

    severity: Severity
    place: str
    message: str
    remedy: str = ""


def lint(document: object, kind: Kind = "identity", known: Collection[str] = ()) -> tuple[Finding, ...]:
    """Every mistake (error), else what looks wrong. `known`: the actions there are ("ecs:UpdateService").

    A document with errors has no other findings.
    """
    try:
        parse(document, kind=kind)
    except PolicyError as error:
        return tuple(Finding("error", one.place, one.message, one.remedy) for one in error.problems)
    assert isinstance(document, Mapping)
    return tuple(_findings(document, known))


def _findings(document: Mapping[str, Any], known: Collection[str]) -> Iterator[Finding]:
    old = document.get("Version") != "2012-10-17"
    if "Version" not in document:
        yield Finding(
            "suggestion", "Version", "is missing: the policy is read as of 2008", 'add "2012-10-17"'
        )
    if old and has_variable(str(document)):
        message = "policy variables are plain text in this version"
        yield Finding("warning", "Version", message, 'write "2012-10-17"')
    raw = document["Statement"]
    listed = [("Statement", raw)] if isinstance(raw, Mapping) else _places("Statement", raw)
    seen: dict[str, str] = {}
    for place, statement in listed:
        same = repr(sorted((key, value) for key, value in statement.items() if key != "Sid"))
        if same in seen:
            yield Finding("suggestion", place, f"says the same as {seen[same]}", "leave one out")
        seen.setdefault(same, place)
        yield from _of_statement(statement, place, known)


def _of_statement(raw: Mapping[str, Any], place: str, known: Collection[str]) -> Iterator[Finding]:
    allows = raw["Effect"] == "Allow"
    if allows and "NotAction" in raw:
        message = "NotAction with Allow also allows every action that is added later"
        yield Finding("warning", f"{place}.NotAction", message, "list what is to be allowed under Action")
    if allows and "NotResource" in raw:
        message = "NotResource with Allow also allows every resource that is added later"
        yield Finding("warning", f"{place}.NotResource", message, "list what is to be allowed under Resource")
    if (
        allows
        and "Condition" not in raw
        and _is_everything(raw, "Action")
        and _is_everything(raw, "Resource")
    ):
        message = "allows every action on everything, users and policies too"
        yield Finding("warning", place, message, "name the actions or the resources")
    if "NotPrincipal" in raw:
        message = "NotPrincipal denies whoever is not listed with session, role and account"
        yield Finding("warning", f"{place}.NotPrincipal", message, "use a condition on aws:PrincipalArn")
    if allows and raw.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in raw:
        yield Finding("warning", f"{place}.Principal", "everybody may", "name principals, or add a condition")
    for key in ("Action", "NotAction"):
        yield from _of_actions(raw.get(key, ()), f"{place}.{key}", known)
    for key in ("Resource", "NotResource"):
        yield from _redundant(raw.get(key, ()), f"{place}.{key}")
    for operator, keys in raw.get("Condition", {}).items():
        yield from _of_condition(str(operator), keys, f"{place}.Condition.{operator}")


def _is_everything(raw: Mapping[str, Any], key: str) -> bool:
    values = raw.get(key, ())
    return bool({"*", "*:*"} & set([values] if isinstance(values, str) else values))


def _of_actions(raw: Any, place: str, known: Collection[str]) -> Iterator[Finding]:
    lowered = [one.lower() for one in known]
    services = {one.partition(":")[0] for one in lowered}
    for at, action in _placed(raw, place):
        matcher = compile_patterns([action.lower()])
        if not known or action in ("*", "*:*") or any(matcher.matches(one, dict) for one in lowered):
            continue
        service = action.partition(":")[0].lower()
        what = (
            f'there is no action "{action}" here'
            if service in services
            else f'"{service}" has no actions here'
        )
        yield Finding("warning", at, what, "mind the spelling; it has no effect as it is")
    yield from _redundant(raw, place, fold=True)


def _redundant(raw: Any, place: str, *, fold: bool = False) -> Iterator[Finding]:
    """Values that another value of the same list covers."""
    placed = [(at, value.lower() if fold else value) for at, value in _placed(raw, place)]
    for at, value in placed:
        for other_at, other in placed:
            if at == other_at or has_variable(other) or has_variable(value):
                continue
            covered = compile_patterns([other]).matches(value, dict)
            if covered and (other != value or other_at < at):
                yield Finding("suggestion", at, f"is covered by {other_at}", "leave it out")
                break


def _of_condition(operator: str, keys: Mapping[str, Any], place: str) -> Iterator[Finding]:
    lowered = operator.lower()
    for key, values in keys.items():
        for at, value in _placed(values, f"{place}.{key}"):
            if isinstance(value, str) and _OPEN.search(value):
                yield Finding("warning", at, "a policy variable is not closed", "write ${key}")
            if lowered.endswith(("stringequals", "stringnotequals")) and "*" in str(value).replace(
                "${*}", ""
            ):
                yield Finding("warning", at, f"* is a plain character with {operator}", "use StringLike")
        if lowered.startswith("forallvalues:"):
            message = "also holds where the key is missing"
            yield Finding("suggestion", f"{place}.{key}", message, f'add "Null": {{"{key}": "false"}}')


def _placed(raw: Any, place: str) -> list[tuple[str, Any]]:
    return _places(place, raw) if isinstance(raw, list) else [] if raw in ((), None) else [(place, raw)]


def _places(place: str, listed: list[Any]) -> list[tuple[str, Any]]:
    return [(f"{place}[{at}]", one) for at, one in enumerate(listed)]
