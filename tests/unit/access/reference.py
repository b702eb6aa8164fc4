"""A second evaluator, written straight from the rules of the IAM User Guide and sharing no code with ours.

Slow and plain on purpose: it works on the raw documents, character by character, and is compared with access.policy on
random policies and requests. Documents are taken to be valid.
"""

from __future__ import annotations

import base64
import ipaddress
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

Raw = dict[str, Any]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def wild(pattern: list[tuple[str, bool]], text: str) -> bool:
    """`pattern`: characters, each with whether it is a wildcard. A table of "the first i match the first j"."""
    row = [True] + [False] * len(text)
    for character, is_wildcard in pattern:
        if is_wildcard and character == "*":
            below = [row[0]]
            for at in range(len(text)):
                below.append(below[at] or row[at + 1])
        else:
            any_one = is_wildcard and character == "?"
            below = [False] + [row[at] and (any_one or text[at] == character) for at in range(len(text))]
        row = below
    return row[-1]


def characters(pattern: str, context: Raw, variables: bool, wildcards: bool) -> list[tuple[str, bool]] | None:
    """The pattern with variables replaced by literal values; None when one has no value."""
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(pattern):
        end = pattern.find("}", at) if variables and pattern.startswith("${", at) else -1
        if end < 0:
            found.append((pattern[at], wildcards and pattern[at] in "*?"))
            at += 1
            continue
        value = variable(pattern[at + 2 : end], context)
        if value is None:
            return None
        found.extend((character, False) for character in value)
        at = end + 1
    return found


def variable(inside: str, context: Raw) -> str | None:
    if inside in ("*", "?", "$"):
        return inside
    name, comma, rest = inside.partition(",")
    default = rest.strip()[1:-1] if comma else None
    value = lookup(context, name.strip())
    if isinstance(value, str):
        return value
    if value is not None and len(value) == 1:
        return str(value[0])
    return default


def lookup(context: Raw, key: str) -> Any:
    return next((value for name, value in context.items() if name.lower() == key.lower()), None)


def matches(pattern: str, text: str, context: Raw, variables: bool, wildcards: bool = True) -> bool:
    found = characters(pattern, context, variables, wildcards)
    return found is not None and wild(found, text)


# --- conditions --------------------------------------------------------------------------------------


def arn_matches(pattern: str, text: str, context: Raw, variables: bool) -> bool:
    """Six parts, each for itself. Colons inside `${...}` part nothing."""
    parts, depth = [""], 0
    for character in pattern:
        depth += (character == "{") - (character == "}")
        if character == ":" and len(parts) < 6 and not (variables and depth):
            parts.append("")
        else:
            parts[-1] += character
    got = text.split(":", 5)
    if len(got) != 6:
        return False
    if len(parts) != 6:
        return matches(pattern, text, context, variables)
    return all(matches(want, have, context, variables) for want, have in zip(parts, got, strict=True))


def number(text: str) -> Fraction | None:
    try:
        return Fraction(text) if "/" not in text and "_" not in text and text == text.strip() else None
    except (ValueError, ZeroDivisionError):
        return None


def moment(text: str) -> Fraction | None:
    if (seconds := number(text)) is not None:
        return seconds
    for form in (
        "%Y-%m-%dT%H:%M:%S.%f%z",
        "%Y-%m-%dT%H:%M:%S%z",
        "%Y-%m-%dT%H:%M%z",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d",
        "%Y-%m",
    ):
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)  # noqa: UP017
        return Fraction((found - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1))  # noqa: UP017
    return None


def one(operator: str, want: str, got: str, context: Raw, variables: bool) -> bool:
    """Whether a value of the request satisfies the plain (not negated) operator for one value of the policy."""
    if operator == "StringEquals":
        return matches(want, got, context, variables, wildcards=False)
    if operator == "StringEqualsIgnoreCase":
        lowered = {name: value.lower() for name, value in context.items() if isinstance(value, str)}
        return matches(lower_outside(want), got.lower(), lowered, variables, wildcards=False)
    if operator == "StringLike":
        return matches(want, got, context, variables)
    if operator in ("ArnEquals", "ArnLike"):
        return arn_matches(want, got, context, variables)
    if operator == "Bool":
        return want.lower() == got.lower()
    if operator == "BinaryEquals":
        try:
            return base64.b64decode(want, validate=True) == base64.b64decode(got, validate=True)
        except ValueError:
            return False
    if operator == "IpAddress":
        try:
            return ipaddress.ip_address(got) in ipaddress.ip_network(want, strict=False)
        except ValueError:
            return False
    read = number if operator.startswith("Numeric") else moment
    left, right = read(got), read(want)
    if left is None or right is None:
        return False
    sign = operator.removeprefix("Numeric").removeprefix("Date")
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[sign]


def lower_outside(text: str) -> str:
    """Lower case; keys of variables do not mind."""
    return text.lower()


POSITIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def condition_holds(written: str, key: str, wanted: Any, context: Raw, variables: bool) -> bool:
    name, if_exists, quantifier = written, False, ""
    for prefix in ("ForAnyValue:", "ForAllValues:"):
        if name.startswith(prefix):
            name, quantifier = name[len(prefix) :], prefix
    if name.endswith("IfExists"):
        name, if_exists = name[: -len("IfExists")], True
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in as_list(wanted)]
    raw = lookup(context, key)
    got = [] if raw is None else [raw] if isinstance(raw, str) else list(raw)
    if name == "Null":
        return (not got) == (values == ["true"])
    negated = name in POSITIVE
    plain = POSITIVE.get(name, name)

    def satisfied(value: str) -> bool:
        """A negated operator is true when no value of the policy matches (NOR)."""
        return any(one(plain, want, value, context, variables) for want in values) != negated

    if not got:
        if quantifier == "ForAnyValue:":
            return if_exists
        return quantifier == "ForAllValues:" or negated or if_exists
    if quantifier == "ForAllValues:":
        return all(satisfied(value) for value in got)
    if quantifier == "ForAnyValue:":
        return any(satisfied(value) for value in got)
    if negated:
        return all(satisfied(value) for value in got)
    return any(satisfied(value) for value in got)


# --- statements and decisions --------------------------------------------------------------------------


def applies(raw: Raw, action: str, resource: str, context: Raw, variables: bool) -> bool:
    if "Action" in raw:
        by_action = any(matches(one.lower(), action.lower(), {}, False) for one in as_list(raw["Action"]))
    else:
        by_action = not any(
            matches(one.lower(), action.lower(), {}, False) for one in as_list(raw["NotAction"])
        )
    if "Resource" in raw:
        by_resource = any(matches(one, resource, context, variables) for one in as_list(raw["Resource"]))
    elif "NotResource" in raw:
        by_resource = not any(
            matches(one, resource, context, variables) for one in as_list(raw["NotResource"])
        )
    else:
        by_resource = True  # a trust policy
    return (
        by_action
        and by_resource
        and all(
            condition_holds(operator, key, values, context, variables)
            for operator, keys in raw.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def effects(documents: list[Raw], action: str, resource: str, context: Raw) -> set[str]:
    return {
        raw["Effect"]
        for document in documents
        for raw in as_list(document["Statement"])
        if applies(raw, action, resource, context, document.get("Version") == "2012-10-17")
    }


def names_principal(element: Any, principal: Raw) -> str:
    """How a Principal element names the principal: "self", "role", "everybody", "account" or ""."""
    if element == "*":
        return "everybody"
    best = ""
    order = ["", "account", "everybody", "role", "self"]
    for kind, values in element.items():
        for value in as_list(values):
            found = ""
            if kind == "AWS":
                account = value if value.isdigit() else ""
                if account:
                    value = f"arn:aws:iam::{account}:root"
                if value == "*":
                    found = "everybody"
                elif value == principal.get("arn"):
                    found = "self"
                elif value == principal.get("role"):
                    found = "role"
                elif value == f"arn:aws:iam::{principal.get('account')}:root":
                    found = "account"
            elif kind == "Service" and value == principal.get("service"):
                found = "self"
            if order.index(found) > order.index(best):
                best = found
    return best


def all_listed(element: Any, principal: Raw) -> bool:
    """NotPrincipal spares only whom it names in every way: itself, its role and its account."""
    listed = [
        f"arn:aws:iam::{value}:root" if value.isdigit() else value
        for kind, values in (element.items() if isinstance(element, dict) else ())
        if kind == "AWS"
        for value in as_list(values)
    ]
    root = f"arn:aws:iam::{principal['account']}:root"
    return all(name in listed for name in (principal["arn"], root, principal.get("role") or root))


def decide(
    documents: list[Raw],
    action: str,
    resource: str,
    context: Raw | None = None,
    guards: list[list[Raw]] | None = None,
    resource_policy: list[Raw] | None = None,
    principal: Raw | None = None,
) -> str:
    """ "allow", "explicit-deny" or "implicit-deny", by the flow of "Policy evaluation logic" within one account."""
    known = context or {}
    own = effects(documents, action, resource, known)
    fences = [effects(guard, action, resource, known) for guard in guards or []]
    granted = ""
    denied_there = False
    for document in resource_policy or []:
        for raw in as_list(document["Statement"]):
            if not applies(raw, action, resource, known, document.get("Version") == "2012-10-17"):
                continue
            if "NotPrincipal" in raw:
                named = "" if all_listed(raw["NotPrincipal"], principal or {}) else "self"
            else:
                named = names_principal(raw["Principal"], principal or {})
            if named and raw["Effect"] == "Deny":
                denied_there = True
            elif named == "self" or (named in ("role", "everybody") and granted != "self"):
                granted = named
    if "Deny" in own or denied_there or any("Deny" in fence for fence in fences):
        return "explicit-deny"
    if granted == "self":
        return "allow"
    if "Allow" not in own and not granted:
        return "implicit-deny"
    return "allow" if all("Allow" in fence for fence in fences) else "implicit-deny"
