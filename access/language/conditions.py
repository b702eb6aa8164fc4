"""The Condition element: operators of IAM, checked on parsing, compiled to predicates. Standard library only.

Rules: operators AND, keys AND, values OR, negated operators NOR. A missing key makes a condition false, but true for a
negated operator, for `...IfExists` and for `ForAllValues:`; `Null` asks for just that.
Source: IAM User Guide, "JSON policy elements: Condition operators" and "Set operators for multivalued context keys".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from access.language.matching import (
    VARIABLE,
    Context,
    Template,
    compile_patterns,
    has_variable,
    keys_in,
    template,
)

Quantifier = Literal["", "any", "all"]
Test = Callable[[str, Context], bool]
"""Whether one value of the request satisfies the operator for at least one value of the policy."""

_KEY = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9_./:=+@ -]+")
_SET_PREFIXES: dict[str, Quantifier] = {"foranyvalue:": "any", "forallvalues:": "all"}


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One operator on one key. `holds` answers for a context with lower-case keys."""

    written: str
    """The operator as the document has it: "ForAnyValue:StringLike"."""
    operator: str
    """Lower-case, without set operator and IfExists."""
    key: str
    values: tuple[str, ...]
    test: Test
    negated: bool
    if_exists: bool
    quantifier: Quantifier
    variables: bool = False
    """Whether `${...}` in its values stands for values of the request."""
    name: str = ""
    """The key as the document has it."""

    @property
    def keys(self) -> frozenset[str]:
        """Every key it asks about, lower-case: its own, and those of the variables in its values."""
        return frozenset((self.key, *(keys_in(self.values) if self.variables else ())))

    def holds(self, context: Context) -> bool:
        raw = context.get(self.key)
        values: Sequence[str] = () if raw is None else (raw,) if isinstance(raw, str) else raw
        if self.operator == "null":
            return (len(values) == 0) is (self.values[0] == "true")
        if not values:
            if self.quantifier == "any":
                return self.if_exists
            return self.quantifier == "all" or self.negated or self.if_exists
        if self.quantifier == "all":
            return all(self.test(value, context) is not self.negated for value in values)
        if self.quantifier == "any":
            return any(self.test(value, context) is not self.negated for value in values)
        return any(self.test(value, context) for value in values) is not self.negated


@dataclass(frozen=True, slots=True)
class Parsed:
    """`problems` are (place, message)."""

    conditions: tuple[Condition, ...]
    problems: tuple[tuple[str, str], ...]


class _BadValue(ValueError):
    pass


def parse_conditions(raw: object, place: str, *, variables: bool) -> Parsed:
    """The conditions of a Condition block: {operator: {key: value or values}}."""
    conditions: list[Condition] = []
    problems: list[tuple[str, str]] = []
    if not isinstance(raw, Mapping) or not raw:
        return Parsed((), ((place, 'must be an object such as {"StringEquals": {"aws:username": "ana"}}'),))
    for operator, keys in raw.items():
        here = f"{place}.{operator}"
        if not isinstance(keys, Mapping) or not keys:
            problems.append((here, "must be an object of condition keys and their values"))
            continue
        for key, values in keys.items():
            try:
                conditions.append(_compile(str(operator), str(key), values, variables))
            except _BadValue as error:
                problems.append((f"{here}.{key}", str(error)))
    return Parsed(tuple(conditions), tuple(problems))


def _compile(written: str, key: str, raw: object, variables: bool) -> Condition:
    operator = written.lower()
    quantifier: Quantifier = ""
    for prefix, meaning in _SET_PREFIXES.items():
        if operator.startswith(prefix):
            operator, quantifier = operator.removeprefix(prefix), meaning
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    if operator not in _OPERATORS:
        raise _BadValue(f'"{written}" is not a condition operator; known: {", ".join(sorted(_NAMES))}')
    if operator == "null" and (if_exists or quantifier):
        raise _BadValue("Null takes neither IfExists nor a set operator")
    if _KEY.fullmatch(key) is None:
        raise _BadValue(f'"{key}" is not a condition key; write "service:Name", such as "aws:username"')
    make, negated = _OPERATORS[operator]
    values = _strings(raw)
    test = make(values, variables)
    return Condition(
        written, operator, key.lower(), values, test, negated, if_exists, quantifier, variables, key
    )


def _strings(raw: object) -> tuple[str, ...]:
    listed = raw if isinstance(raw, list) else [raw]
    if not listed:
        raise _BadValue("needs at least one value")
    values: list[str] = []
    for item in listed:
        if isinstance(item, bool):
            values.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            try:
                values.append(str(item))
            except ValueError:  # an int of thousands of digits
                raise _BadValue("a number has too many digits") from None
        else:
            raise _BadValue("values must be strings, numbers or booleans")
    return tuple(values)


# --- operators: each makes a Test from the policy's values ------------------------------------------


def _string_equals(values: tuple[str, ...], variables: bool) -> Test:
    plain, templates = _split(values, variables)
    if not templates:
        return lambda value, context: value in plain
    return lambda value, context: value in plain or any(one.matches(value, context) for one in templates)


def _string_equals_ignore_case(values: tuple[str, ...], variables: bool) -> Test:
    plain, templates = _split(values, variables)
    lowered = frozenset(value.lower() for value in plain)
    return lambda value, context: (
        value.lower() in lowered or any(one.matches(value, context, ignore_case=True) for one in templates)
    )


def _split(values: tuple[str, ...], variables: bool) -> tuple[frozenset[str], list[Template]]:
    """Values as they are, and those with variables; outside of these `*` and `?` mean themselves."""
    varying = [value for value in values if variables and has_variable(value)]
    plain = frozenset(value for value in values if value not in varying)
    return plain, [template(value, variables=True, wildcards=False) for value in varying]


def _string_like(values: tuple[str, ...], variables: bool) -> Test:
    matcher = compile_patterns(values, variables=variables)
    return lambda value, context: matcher.matches(value, lambda: context)


_ARN_PARTS = 6


def _arn_like(values: tuple[str, ...], variables: bool) -> Test:
    """Each of an ARN's six parts is matched by itself: a wildcard does not reach over a colon."""
    patterns: list[list[Template]] = []
    whole: list[Template] = []
    for value in values:
        parts = _arn_parts(value, variables)
        if len(parts) == _ARN_PARTS and parts[0] == "arn":
            patterns.append([template(part, variables=variables) for part in parts])
        elif variables and VARIABLE.fullmatch(value):  # the variable holds an ARN
            whole.append(template(value, variables=True))
        else:
            raise _BadValue(f'"{value}" is not an ARN pattern; it has six parts')

    def test(value: str, context: Context) -> bool:
        parts = value.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS:
            return False
        return any(
            all(want.matches(got, context) for want, got in zip(pattern, parts, strict=True))
            for pattern in patterns
        ) or any(one.matches(value, context) for one in whole)

    return test


def _arn_parts(pattern: str, variables: bool) -> list[str]:
    """The six parts; the colon within a variable parts nothing."""
    if not variables:
        return pattern.split(":", _ARN_PARTS - 1)
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found.group(0))
        return "\0"

    kept = iter(held)
    parts = VARIABLE.sub(hold, pattern.replace("\0", "")).split(":", _ARN_PARTS - 1)
    return [re.sub("\0", lambda _: next(kept), part) for part in parts]


_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2})"
    r"([Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _moment(text: str) -> Decimal | None:
    """Seconds since 1970, from the W3C's forms of ISO 8601 (UTC where no zone is given) or from such seconds."""
    if (seconds := _number(text)) is not None:
        return seconds
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    part = {name: int(found[name] or 0) for name in ("hour", "minute", "second")}
    try:
        moment = datetime(int(found["year"]), int(found["month"]), int(found["day"] or 1), **part, tzinfo=UTC)
    except ValueError:
        return None
    whole = int((moment - _EPOCH).total_seconds()) - _zone_seconds(found["zone"])
    return Decimal(f"{whole}") + Decimal(f"0.{found['fraction'] or 0}")


def _zone_seconds(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-60 if zone[0] == "-" else 60) * minutes


def _ordered(
    read: Callable[[str], Decimal | None], what: str, compare: Callable[[Decimal, Decimal], bool]
) -> _Make:
    def make(values: tuple[str, ...], variables: bool) -> Test:
        wanted: list[Decimal] = []
        for value in values:
            if (one := read(value)) is None:
                raise _BadValue(f'"{value}" is not {what}')
            wanted.append(one)

        def test(value: str, context: Context) -> bool:
            got = read(value)
            return got is not None and any(compare(got, one) for one in wanted)

        return test

    return make


def _bool(values: tuple[str, ...], variables: bool) -> Test:
    wanted = frozenset(value.lower() for value in values)
    if not wanted <= {"true", "false"}:
        raise _BadValue('must be "true" or "false"')
    return lambda value, context: value.lower() in wanted


def _null(values: tuple[str, ...], variables: bool) -> Test:
    if values not in (("true",), ("false",)):
        raise _BadValue('must be "true" (the key is missing) or "false" (it is there)')
    return lambda value, context: False  # decided by Condition.holds from the key's presence alone


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")


def _ip(values: tuple[str, ...], variables: bool) -> Test:
    networks = [_network(value) for value in values]

    def test(value: str, context: Context) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        # An IPv4 client on an IPv6 socket is the same client.
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in networks)

    return test


def _network(value: str) -> _Network:
    try:
        if _ADDRESS.fullmatch(value) is None:  # Python also knows masks and zones, which IAM does not
            raise ValueError(f'"{value}" is not an address')
        return ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise _BadValue(f"{error}; write an address or a range such as 10.0.0.0/8") from error


def _binary(values: tuple[str, ...], variables: bool) -> Test:
    wanted = frozenset(_decoded(value) for value in values)
    if None in wanted:
        raise _BadValue("must be base64")
    return lambda value, context: _decoded(value) in wanted


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


_Make = Callable[[tuple[str, ...], bool], Test]
_NAMES: dict[str, tuple[_Make, bool]] = {
    "StringEquals": (_string_equals, False),
    "StringNotEquals": (_string_equals, True),
    "StringEqualsIgnoreCase": (_string_equals_ignore_case, False),
    "StringNotEqualsIgnoreCase": (_string_equals_ignore_case, True),
    "StringLike": (_string_like, False),
    "StringNotLike": (_string_like, True),
    "NumericEquals": (_ordered(_number, "a number", lambda got, want: got == want), False),
    "NumericNotEquals": (_ordered(_number, "a number", lambda got, want: got == want), True),
    "NumericLessThan": (_ordered(_number, "a number", lambda got, want: got < want), False),
    "NumericLessThanEquals": (_ordered(_number, "a number", lambda got, want: got <= want), False),
    "NumericGreaterThan": (_ordered(_number, "a number", lambda got, want: got > want), False),
    "NumericGreaterThanEquals": (_ordered(_number, "a number", lambda got, want: got >= want), False),
    "DateEquals": (_ordered(_moment, "a date", lambda got, want: got == want), False),
    "DateNotEquals": (_ordered(_moment, "a date", lambda got, want: got == want), True),
    "DateLessThan": (_ordered(_moment, "a date", lambda got, want: got < want), False),
    "DateLessThanEquals": (_ordered(_moment, "a date", lambda got, want: got <= want), False),
    "DateGreaterThan": (_ordered(_moment, "a date", lambda got, want: got > want), False),
    "DateGreaterThanEquals": (_ordered(_moment, "a date", lambda got, want: got >= want), False),
    "Bool": (_bool, False),
    "BinaryEquals": (_binary, False),
    "IpAddress": (_ip, False),
    "NotIpAddress": (_ip, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Null": (_null, False),
}
_OPERATORS = {name.lower(): entry for name, entry in _NAMES.items()}
