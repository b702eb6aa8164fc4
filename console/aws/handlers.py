"""What each operation of AWS's does here, as data.

    @answers("ecs", "DescribeClusters")
    def describe_clusters(caller, *, clusters=("default",), include=()): ...

A handler takes AWS's members by their own names: its signature is the list of what works. What the model has beyond
that is refused by name before the handler is called, so no parameter is ignored silently. `mechanical` makes one from
an operation of the registry: each member whose Python name is a parameter of the operation is taken.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore import xform_name

from access import registry
from access.caller import Caller
from base import tags as tag_rules
from base.errors import invalid, invalid_fields
from console.aws.models import Operation
from console.aws.paging import page

Run = Callable[..., Mapping[str, Any] | None]
Convert = Callable[[Any], Any]

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "platformVersion": ("LATEST",),
    "Path": ("/",),
    "PathPrefix": ("/",),
}
"""Values that ask for what is the case anyway, beside false and empty ones: taken where the member is not."""


@dataclass(frozen=True)
class Handler:
    """`taken`: the members that have their effect, by the model. `calls`: the registry's operations behind it.
    `refuses`: the error it always answers, because it makes no sense here."""

    service: str
    operation: str
    run: Callable[[Caller, dict[str, Any]], Mapping[str, Any] | None] = field(repr=False)
    taken: Callable[[Operation], frozenset[str]] = field(repr=False)
    calls: tuple[str, ...] = ()
    refuses: str = ""

    def refused(self, operation: Operation, given: Mapping[str, Any]) -> list[str]:
        """The members given that have no effect here and are not asking for nothing."""
        takes = self.taken(operation)
        return [name for name, value in given.items() if name not in takes and not _neutral(name, value)]


def _neutral(name: str, value: Any) -> bool:
    if value is False or value in ("", [], {}) or (isinstance(value, int) and value == 0):
        return True
    return value in NEUTRAL.get(name, ())


_handlers: dict[tuple[str, str], Handler] = {}


def handler(service: str, operation: str) -> Handler | None:
    return _handlers.get((service, operation))


def answers(service: str, operation: str, *calls: str, refuses: str = "") -> Callable[[Run], Run]:
    """Register a function as what answers an operation. `calls`: the registry's operations it calls, by name."""

    def register(function: Run) -> Run:
        names = list(inspect.signature(function).parameters.values())[1:]
        every = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in names)
        named = frozenset(one.name for one in names)

        def taken(model: Operation) -> frozenset[str]:
            return frozenset(model.members) if every else named

        def run(caller: Caller, params: dict[str, Any]) -> Mapping[str, Any] | None:
            return function(
                caller, **{name: value for name, value in params.items() if every or name in named}
            )

        _handlers[service, operation] = Handler(service, operation, run, taken, calls, refuses)
        return function

    return register


def mechanical(
    service: str,
    operation: str,
    render: Callable[[Any], Mapping[str, Any] | None],
    *,
    call: str = "",
    names: Mapping[str, str] | None = None,
    convert: Mapping[str, Convert] | None = None,
    default: Mapping[str, Any] | None = None,
) -> None:
    """Register an operation of the registry as what answers AWS's of the same name.

    `render`: from its result to AWS's shape. `call`: its Python name where that is not the AWS name's. `names`: AWS's
    member -> parameter, where they differ. `convert`: AWS's member -> what makes the parameter's value of it; tags are
    turned from lists to dicts anyway. `default`: parameters where none is given; a function of the caller, or a value.
    """
    made = _Mechanical(operation, call, names or {}, convert or {}, default or {}, render)
    _handlers[service, operation] = Handler(service, operation, made, made.taken, (made.call,))


def tags_to_dict(items: Any) -> dict[str, str]:
    """Tags in either of the two spellings that AWS's services have."""
    for number, item in enumerate(items, 1):
        if not item.get("key", item.get("Key")):
            raise invalid(f"tags.{number}.key", "Member must not be null")
    return tag_rules.from_list({name.lower(): value for name, value in item.items()} for item in items)


class _Mechanical:
    def __init__(
        self,
        operation: str,
        call: str,
        names: Mapping[str, str],
        convert: Mapping[str, Convert],
        default: Mapping[str, Any],
        render: Callable[[Any], Mapping[str, Any] | None],
    ) -> None:
        self.call = call or xform_name(operation)
        self.names, self.default, self.render = names, default, render
        self.convert = {"tags": tags_to_dict, "Tags": tags_to_dict, **convert}

    @cached_property
    def parameters(self) -> frozenset[str]:
        return frozenset(one.name for one in registry.get(self.call).parameters)

    def parameter(self, member: str) -> str:
        return self.names.get(member) or xform_name(member)

    def taken(self, model: Operation) -> frozenset[str]:
        return frozenset(name for name in model.members if self.parameter(name) in self.parameters)

    def ask(self, caller: Caller, params: Mapping[str, Any]) -> Any:
        """Call the operation with those of the members that are parameters of it."""
        given = {}
        for member, value in params.items():
            name = self.parameter(member)
            if name in self.parameters:
                given[name] = self.convert[member](value) if member in self.convert else value
        for name, value in self.default.items():
            if name not in given:
                given[name] = value(caller) if callable(value) else value
        required = {one.name for one in registry.get(self.call).parameters if one.default is one.empty}
        if missing := required - given.keys():
            raise invalid_fields(dict.fromkeys(map(self.member_of, missing), "Member must not be null"))
        return registry.call(self.call, caller, **given)

    def member_of(self, parameter: str) -> str:
        """AWS's name of a parameter."""
        renamed = {ours: theirs for theirs, ours in self.names.items()}
        return renamed.get(parameter) or re.sub(r"_(\w)", lambda found: found[1].upper(), parameter)

    def __call__(self, caller: Caller, params: dict[str, Any]) -> Mapping[str, Any] | None:
        return self.render(self.ask(caller, params))


@dataclass(frozen=True)
class Paging:
    """How a service names its pages. `truncated`: the member that says whether there is more."""

    size: str = "maxResults"
    token: str = "nextToken"  # noqa: S105 - the name of a member
    following: str = "nextToken"
    truncated: str = ""


def listing(
    service: str,
    operation: str,
    member: str,
    *,
    order: Sequence[str],
    item: Callable[[Any], Any] | str,
    narrow: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    sizes: tuple[int, int] = (100, 100),
    falling: str = "",
    paging: Paging | None = None,
    call: str = "",
    names: Mapping[str, str] | None = None,
    convert: Mapping[str, Convert] | None = None,
    default: Mapping[str, Any] | None = None,
) -> None:
    """Register a list operation, whose result is a queryset, as what answers AWS's of the same name, page by page.

    `member`: of the answer, for the rows as `item` shows them: a function of a row, or the name of the one column that
    is shown and read. `narrow`: AWS's member -> a function from rows and its value to the rows that are left, for
    filters that the operation itself has not. `sizes`: of a page where none is asked for, and at most. `falling`: the
    member that, with the value DESC, turns the order round. The rest as for `mechanical`.
    """
    made = _Listing(operation, call, names or {}, convert or {}, default or {}, lambda rows: rows)
    made.operation, made.member, made.order, made.item = operation, member, tuple(order), item
    made.narrow, made.sizes, made.falling, made.paging = narrow or {}, sizes, falling, paging or Paging()
    _handlers[service, operation] = Handler(service, operation, made, made.taken, (made.call,))


class _Listing(_Mechanical):
    operation: str
    member: str
    order: tuple[str, ...]
    item: Callable[[Any], Any] | str
    narrow: Mapping[str, Callable[[Any, Any], Any]]
    sizes: tuple[int, int]
    falling: str
    paging: Paging

    def taken(self, model: Operation) -> frozenset[str]:
        own = {self.paging.size, self.paging.token, *self.narrow, self.falling}
        return super().taken(model) | (own & set(model.members))

    def __call__(self, caller: Caller, params: dict[str, Any]) -> Mapping[str, Any]:
        filters = dict(params)
        most, token = filters.pop(self.paging.size, None), filters.pop(self.paging.token, None)
        rows = self.ask(caller, {name: value for name, value in filters.items() if name not in self.narrow})
        for member, narrow in self.narrow.items():
            if member in filters:
                rows = narrow(rows, filters[member])
        order = self.order
        if self.falling and filters.get(self.falling) == "DESC":
            order = tuple(one[1:] if one.startswith("-") else f"-{one}" for one in order)
        item = self.item
        found, following = page(
            rows,
            self.operation,
            order,
            most=most,
            token=token,
            limit=self.sizes[1],
            default=self.sizes[0],
            bound=filters,
            column=item if isinstance(item, str) else "",
        )
        answer: dict[str, Any] = {
            self.member: found if isinstance(item, str) else [item(row) for row in found],
            self.paging.following: following,
        }
        if self.paging.truncated:
            answer[self.paging.truncated] = following is not None
        return answer
