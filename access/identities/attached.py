"""What is attached to an identity, in one query: the statements that allow or deny, and its permissions boundary."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import CharField, F, JSONField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from access.language.scope import GroupScope, compile_scope
from access.models import Group, InlinePolicy, Policy, Role, User
from access.policy import Statement, parse

Statements = tuple[Statement, ...]

_BOUNDARY = "boundary"
_INLINE = "inline"
_MANAGED = "managed"


@dataclass(frozen=True, slots=True)
class Attached:
    """`statements`: of groups (held to their scopes), of managed and of inline policies. `boundary`: the statements
    that must allow as well; None where there is no boundary (an empty tuple would allow nothing)."""

    statements: Statements
    boundary: Statements | None = None


def attached_to_user(user: User) -> Attached:
    """Everything that decides for a user: of its groups, its own, and its boundary."""
    in_groups = Group.policies.through._default_manager.filter(group__members=user)
    own = User.policies.through._default_manager.filter(user=user)
    inline = InlinePolicy.objects.filter(Q(user=user) | Q(group__members=user))
    return _read(
        _columns(
            in_groups, _MANAGED, F("group__name"), F("group__scope"), "policy__name", "policy__document"
        ),
        _columns(own, _MANAGED, _NOBODY, _EVERYWHERE, "policy__name", "policy__document"),
        _columns(
            inline,
            _INLINE,
            Coalesce(F("group__name"), Value("")),
            Coalesce(F("group__scope"), _EVERYWHERE),
            "name",
            "document",
        ),
        _boundary(Policy.objects.filter(pk=user.boundary_id or 0)),
    )


def attached_to_role(role: Role) -> Attached:
    """Everything that decides for a role: its managed and inline policies, and its boundary."""
    managed = Role.policies.through._default_manager.filter(role=role)
    inline = InlinePolicy.objects.filter(role=role)
    return _read(
        _columns(managed, _MANAGED, _NOBODY, _EVERYWHERE, "policy__name", "policy__document"),
        _columns(inline, _INLINE, _NOBODY, _EVERYWHERE, "name", "document"),
        _boundary(Policy.objects.filter(pk=role.boundary_id or 0)),
    )


def attached_to_group(group: Group) -> Attached:
    """What a group gives its members, held to its scope."""
    managed = Group.policies.through._default_manager.filter(group=group)
    inline = InlinePolicy.objects.filter(group=group)
    return _read(
        _columns(managed, _MANAGED, F("group__name"), F("group__scope"), "policy__name", "policy__document"),
        _columns(inline, _INLINE, F("group__name"), F("group__scope"), "name", "document"),
    )


def compiled(document: Any, source: str = "") -> Statements:
    """The statements of a stored document, compiled once per process for each distinct text and source."""
    return _compiled(json.dumps(document, sort_keys=True, separators=(",", ":")), source)


@lru_cache(maxsize=2048)
def _compiled(text: str, source: str) -> Statements:
    return parse(json.loads(text), source=source)


_NOBODY = Value("", output_field=CharField())
_EVERYWHERE = Value([], output_field=JSONField())


def _columns(
    rows: QuerySet[Any, Any], kind: str, group: Any, scope: Any, name: str, document: str
) -> QuerySet[Any, Any]:
    """(kind, group's name, group's scope, policy's name, document), alike for every table, to be one UNION."""
    return rows.order_by().values_list(
        Value(kind, output_field=CharField()), group, scope, F(name), F(document)
    )


def _boundary(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return _columns(rows, _BOUNDARY, _NOBODY, _EVERYWHERE, "name", "document")


def _read(first: QuerySet[Any, Any], *more: QuerySet[Any, Any]) -> Attached:
    statements: list[Statement] = []
    boundary: Statements | None = None
    for kind, group, scope, name, document in _sorted(first.union(*more, all=True)):
        source = "/".join(part for part in (group, name) if part)
        if kind == _BOUNDARY:
            boundary = compiled(document, f"{name} (permissions boundary)")
            continue
        if kind == _INLINE:
            source += " (inline)"
        found = compiled(document, source)
        held = compile_scope(scope) if group else None
        statements.extend(found if held is None else _held(found, held))
    return Attached(tuple(statements), boundary)


@lru_cache(maxsize=2048)
def _held(found: Statements, scope: GroupScope) -> Statements:
    """Held to the scope; the same objects each time, so that their index (access.language.policy_set) is kept."""
    return tuple(one.within(scope) for one in found)


def _sorted(rows: Iterable[Any]) -> list[Any]:
    """Always the same order, so that the same statement is named each time a request is denied."""
    return sorted(rows, key=lambda row: (row[1], row[3], row[0]))
