"""A policy in words: what each statement allows or denies, on what, and when. For pages; decides nothing.

Works on documents as they are written, also on those that are not right yet: what makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_OPERATORS: Mapping[str, Promise] = {
    "stringequals": gettext_lazy("is"),
    "stringnotequals": gettext_lazy("is not"),
    "stringequalsignorecase": gettext_lazy("is, in any case,"),
    "stringnotequalsignorecase": gettext_lazy("is not, in any case,"),
    "stringlike": gettext_lazy("looks like"),
    "stringnotlike": gettext_lazy("does not look like"),
    "numericequals": gettext_lazy("is"),
    "numericnotequals": gettext_lazy("is not"),
    "numericlessthan": gettext_lazy("is less than"),
    "numericlessthanequals": gettext_lazy("is at most"),
    "numericgreaterthan": gettext_lazy("is more than"),
    "numericgreaterthanequals": gettext_lazy("is at least"),
    "dateequals": gettext_lazy("is"),
    "datenotequals": gettext_lazy("is not"),
    "datelessthan": gettext_lazy("is before"),
    "datelessthanequals": gettext_lazy("is not after"),
    "dategreaterthan": gettext_lazy("is after"),
    "dategreaterthanequals": gettext_lazy("is not before"),
    "bool": gettext_lazy("is"),
    "binaryequals": gettext_lazy("is"),
    "ipaddress": gettext_lazy("is in"),
    "notipaddress": gettext_lazy("is not in"),
    "arnequals": gettext_lazy("looks like"),
    "arnlike": gettext_lazy("looks like"),
    "arnnotequals": gettext_lazy("does not look like"),
    "arnnotlike": gettext_lazy("does not look like"),
}


@dataclass(frozen=True, slots=True)
class ConditionWords:
    """`aws:SourceIp` `is not in` (`10.0.0.0/8`,)."""

    key: str
    relation: str
    values: tuple[str, ...]
    tail: str = ""


@dataclass(frozen=True, slots=True)
class StatementWords:
    """One statement for people. `effect`: Allow, Deny, or "" where it is neither. `actions` and `resources` as written;
    the `but_` flags say that they are exceptions (NotAction, NotResource). `principals`: who, in a trust or resource
    policy."""

    number: int
    sid: str
    effect: str
    actions: tuple[str, ...]
    but_actions: bool
    resources: tuple[str, ...]
    but_resources: bool
    principals: tuple[str, ...]
    but_principals: bool
    conditions: tuple[ConditionWords, ...]

    @property
    def title(self) -> str:
        return self.sid or _("Statement %(number)d") % {"number": self.number}

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    @property
    def denies(self) -> bool:
        return self.effect == "Deny"

    @property
    def every_action(self) -> bool:
        return not self.but_actions and any(action in {"*", "*:*"} for action in self.actions)

    @property
    def everywhere(self) -> bool:
        return not self.resources or (not self.but_resources and "*" in self.resources)


def statements(document: object) -> list[StatementWords]:
    """What a document says, statement by statement; what cannot be read is left out."""
    raw = document.get("Statement") if isinstance(document, Mapping) else None
    listed = [raw] if isinstance(raw, Mapping) else raw if isinstance(raw, list) else []
    return [_statement(item, number) for number, item in enumerate(listed, 1) if isinstance(item, Mapping)]


def _statement(raw: Mapping[str, object], number: int) -> StatementWords:
    actions, but_actions = _either(raw, "Action")
    resources, but_resources = _either(raw, "Resource")
    but_principals = "NotPrincipal" in raw
    return StatementWords(
        number=number,
        sid=_text(raw.get("Sid")),
        effect=effect if (effect := _text(raw.get("Effect"))) in ("Allow", "Deny") else "",
        actions=actions,
        but_actions=but_actions,
        resources=resources,
        but_resources=but_resources,
        principals=_principals(raw.get("NotPrincipal" if but_principals else "Principal")),
        but_principals=but_principals,
        conditions=tuple(_conditions(raw.get("Condition"))),
    )


def _either(raw: Mapping[str, object], name: str) -> tuple[tuple[str, ...], bool]:
    negated = f"Not{name}" in raw
    return _strings(raw.get(f"Not{name}" if negated else name)), negated


def _principals(raw: object) -> tuple[str, ...]:
    if isinstance(raw, Mapping):
        return tuple(value for listed in raw.values() for value in _strings(listed))
    return _strings(raw)


def _conditions(raw: object) -> list[ConditionWords]:
    found: list[ConditionWords] = []
    for operator, keys in raw.items() if isinstance(raw, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            found.append(_condition(str(operator), str(key), _strings(values)))
    return found


def _condition(operator: str, key: str, values: tuple[str, ...]) -> ConditionWords:
    lowered = operator.lower()
    if lowered == "null":
        relation = _("is missing") if values[:1] == ("true",) else _("is there")
        return ConditionWords(key, relation, ())
    quantifier, _colon, rest = lowered.rpartition(":")
    known = _OPERATORS.get(rest.removesuffix("ifexists"))
    relation = str(known) if known is not None else operator
    if quantifier == "foranyvalue":
        relation = _("has a value that %(relation)s") % {"relation": relation}
    elif quantifier == "forallvalues":
        relation = _("has only values of which each %(relation)s") % {"relation": relation}
    return ConditionWords(key, relation, values, _("or is missing") if rest.endswith("ifexists") else "")


def _strings(raw: object) -> tuple[str, ...]:
    listed: Sequence[object] = raw if isinstance(raw, list) else [raw]
    return tuple(_text(item) for item in listed if item is not None and not isinstance(item, Mapping | list))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
