"""What is attached to an identity, in one query: the statements that allow or deny, and its permissions boundary."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import CharField, F, JSONField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce

from access.language.scope import GroupScope, compile_scope
from access.models import Group, InlinePolicy, Policy, Role, User
from access.policy import Statement, parse
from base.prepared import Given, Prepared, PreparedEach

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
    return _read(_OF_USER.all(of=user.pk, boundary=user.boundary_id or 0))


def attached_to_role(role: Role) -> Attached:
    """Everything that decides for a role: its managed and inline policies, and its boundary."""
    return _read(_OF_ROLE.all(of=role.pk, boundary=role.boundary_id or 0))


def attached_to_group(group: Group) -> Attached:
    """What a group gives its members, held to its scope."""
    return _read(_OF_GROUP.all(of=group.pk))


def compiled(document: Any, source: str = "") -> Statements:
    """The statements of a stored document, compiled once per process for each distinct text and source."""
    return _compiled(json.dumps(document, sort_keys=True, separators=(",", ":")), source)


@lru_cache(maxsize=2048)
def _compiled(text: str, source: str) -> Statements:
    return parse(json.loads(text), source=source)


# ---- the rows: asked at every call, so prepared ------------------------------------------------------

_NOBODY = Value("", output_field=CharField())
_EVERYWHERE = Value([], output_field=JSONField())


def _columns(
    rows: QuerySet[Any, Any], kind: str, group: Any, scope: Any, name: str, document: str
) -> QuerySet[Any, Any]:
    """(kind, group's name, group's scope, policy's name, document's text), alike for every table, to be one UNION."""
    return rows.order_by().values_list(
        Value(kind, output_field=CharField()), group, scope, F(name), Cast(F(document), TextField())
    )


def _boundary() -> QuerySet[Any, Any]:
    rows = Policy.objects.filter(pk=Given("boundary"))
    return _columns(rows, _BOUNDARY, _NOBODY, _EVERYWHERE, "name", "document")


def _managed(through: Any, owner: str, group: Any = _NOBODY, scope: Any = _EVERYWHERE) -> QuerySet[Any, Any]:
    """`through`: the table between owners and policies."""
    rows = through._default_manager.filter(**{owner: Given("of")})
    return _columns(rows, _MANAGED, group, scope, "policy__name", "policy__document")


def _rows_of_user() -> QuerySet[Any, Any]:
    in_groups = _managed(Group.policies.through, "group__members", F("group__name"), F("group__scope"))
    inline = _columns(
        InlinePolicy.objects.filter(Q(user=Given("of")) | Q(group__members=Given("of"))),
        _INLINE,
        Coalesce(F("group__name"), Value("")),
        Coalesce(F("group__scope"), _EVERYWHERE),
        "name",
        "document",
    )
    return in_groups.union(_managed(User.policies.through, "user"), inline, _boundary(), all=True)


def _rows_of_role() -> QuerySet[Any, Any]:
    inline = InlinePolicy.objects.filter(role=Given("of"))
    return _managed(Role.policies.through, "role").union(
        _columns(inline, _INLINE, _NOBODY, _EVERYWHERE, "name", "document"), _boundary(), all=True
    )


def _rows_of_group() -> QuerySet[Any, Any]:
    inline = InlinePolicy.objects.filter(group=Given("of"))
    name, scope = F("group__name"), F("group__scope")
    return _managed(Group.policies.through, "group", name, scope).union(
        _columns(inline, _INLINE, name, scope, "name", "document"), all=True
    )


_OF_USER: PreparedEach[Any] = PreparedEach(_rows_of_user, tuple)
_OF_ROLE: Prepared[Any] = Prepared(_rows_of_role)
_OF_GROUP: Prepared[Any] = Prepared(_rows_of_group)


def _read(rows: Iterable[Any]) -> Attached:
    statements: list[Statement] = []
    boundary: Statements | None = None
    for kind, group, scope, name, document in _sorted(rows):
        source = "/".join(part for part in (group, name) if part)
        if kind == _BOUNDARY:
            boundary = _compiled(document, f"{name} (permissions boundary)")
            continue
        if kind == _INLINE:
            source += " (inline)"
        found = _compiled(document, source)
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
