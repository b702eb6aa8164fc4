"""What a method of an address does, as data: which operation it calls, what it takes, what it answers.

    Endpoint("clusters/<str:cluster>", "Clusters",
             GET=Action("describe_cluster", ClusterShape),
             DELETE=Action("delete_cluster", ClusterShape))

The operation's parameters are taken from the path, then from the body (POST, PUT, PATCH) or the query (GET, DELETE).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from base import tags
from console.rest.composed import Target, target_of
from console.rest.fields import QueryFlag, QueryWhole, Request, Text, request_class
from console.rest.names import camel, pascal, snake
from console.rest.paging import DEFAULT_PAGE, LARGEST_PAGE, address, page_shape, trail_shape
from console.rest.parameters import described
from console.streams import Stream

Shape = type[serializers.Serializer[Any]]
Made = Callable[[Any], Any]


@dataclass(frozen=True)
class Filter:
    """A query parameter that narrows a list to the rows where `lookup` has its value."""

    lookup: str
    help: str
    choices: tuple[str, ...] = ()
    flag: bool = False


@dataclass(frozen=True)
class Action:
    """One call. `answer`: the shape of its result, None for an empty answer (204)."""

    call: str | Callable[..., Any]
    answer: Shape | None = None
    status: int = 200
    name: str = ""  # in the API's description, where the operation's own is taken
    whole_body: str = ""  # the parameter that the body is, as it stands
    body_schema: str = ""  # the component that describes such a body
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # parameter -> what it may be
    prepare: Made | None = None  # fetches what the shape will look at, in a constant number of queries
    seen: Callable[[Any, Sequence[Any]], None] | None = (
        None  # holds the rows to what the caller may know of them
    )
    example: Any = None
    media_type: str = ""  # of an answer that is a file

    @cached_property
    def target(self) -> Target:
        return target_of(self.call)

    @property
    def operation_id(self) -> str:
        return self.name or camel(self.target.name)

    def own_parameters(self, path: Sequence[str]) -> list[str]:
        """Those of the operation that do not come from the path."""
        return [name for name in self.target.parameters if name not in path and name != self.whole_body]

    def request(self, path: Sequence[str], *, query: bool) -> type[Request]:
        """The serializer of the rest of the request."""
        name = f"{pascal(self.operation_id)}{'Query' if query else 'Request'}"
        target = self.target
        own = self.own_parameters(path)
        made = request_class(name, target.signature, target.hints, own, query=query)
        more = {camel(word): self._choice(word) for word in self.words if word in own}
        more |= self.extra_fields() if query else {}
        return type(name, (made,), {**more, "__doc__": f"What {self.operation_id} takes."})

    def _choice(self, parameter: str) -> serializers.Field[Any, Any, Any, Any]:
        default = self.target.signature.parameters[parameter].default
        return serializers.ChoiceField(
            choices=self.words[parameter],
            required=default is inspect.Parameter.empty,
            help_text=described(parameter),
        )

    def extra_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Query parameters beyond the operation's."""
        return {}

    def response_shape(self) -> Shape | None:
        return self.answer

    def run(self, caller: Any, params: dict[str, Any], extra: Mapping[str, Any], url: str) -> Response:
        """Call it and show what it answered. `url`: the address asked for, to make others from."""
        if self.whole_body == "document" and isinstance(params["document"], dict):
            params["document"] = _with_listed_tags(params["document"])
        for name, words in self.words.items():
            if params.get(name) == "ALL" and "ALL" in words:
                params[name] = None
        return self.show(self.target.run(caller, **params), params, extra, url, caller)

    def show(
        self, result: Any, params: Mapping[str, Any], extra: Mapping[str, Any], url: str, caller: Any
    ) -> Response:
        if self.answer is None:
            return Response(status=204)
        if isinstance(result, Model) and any(op.writes for op in self.target.operations):
            result.refresh_from_db()  # counters and times that the operation moved beside the row it holds
        prepared = self._prepared(result)
        if self.seen is not None:
            self.seen(caller, [prepared])
        return Response(self.answer(prepared).data, status=self.status)

    def _prepared(self, result: Any) -> Any:
        return self.prepare(result) if self.prepare is not None else result


@dataclass(frozen=True)
class Listing(Action):
    """A list: filtered, ordered, by pages."""

    filters: Mapping[str, Filter] = field(default_factory=dict)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: str = ""

    def extra_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        signs = [sign + name for name in self.orders for sign in ("", "-")]
        return {
            **{name: _filter_field(one) for name, one in self.filters.items()},
            "orderBy": serializers.ChoiceField(
                choices=signs,
                required=False,
                default=self.order,
                help_text="What to order by; - turns it round.",
            ),
            "page": QueryWhole(required=False, default=1, help_text="From 1."),
            "pageSize": QueryWhole(
                required=False, default=DEFAULT_PAGE, help_text=f"Rows of a page, 1 to {LARGEST_PAGE}."
            ),
        }

    def response_shape(self) -> Shape | None:
        assert self.answer is not None
        return page_shape(self.answer)

    def show(
        self,
        result: QuerySet[Any],
        params: Mapping[str, Any],
        extra: Mapping[str, Any],
        url: str,
        caller: Any,
    ) -> Response:
        number, size = _number(extra), _size(extra)
        rows = result
        for name, one in self.filters.items():
            if name in extra:
                rows = rows.filter(**{one.lookup: extra[name]})
        total = rows.count()
        first = (number - 1) * size
        if number > 1 and first >= total:
            raise NotFound(f"There is no page {number}: {total} rows make {max(1, -(-total // size))} pages.")
        page = self._prepared(rows.order_by(*self._columns(str(extra["orderBy"]))))[first : first + size]
        if self.seen is not None:
            page = list(page)
            self.seen(caller, page)
        assert self.answer is not None
        return Response(
            {
                "items": self.answer(page, many=True).data,
                "total": total,
                "next": address(url, page=number + 1) if first + size < total else None,
                "previous": address(url, page=number - 1) if number > 1 else None,
            }
        )

    def _columns(self, asked: str) -> list[str]:
        columns = self.orders[asked.removeprefix("-")]
        if asked.startswith("-"):
            columns = tuple(one[1:] if one.startswith("-") else f"-{one}" for one in columns)
        return [*columns, "pk"]  # rows that are alike keep their places from page to page


@dataclass(frozen=True)
class Trail(Action):
    """A list that only grows at its head: newest first, continued from the last row instead of counted."""

    cursor: str = "before_id"

    def extra_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "pageSize": QueryWhole(
                required=False, default=DEFAULT_PAGE, help_text=f"Rows of a page, 1 to {LARGEST_PAGE}."
            )
        }

    def response_shape(self) -> Shape | None:
        assert self.answer is not None
        return trail_shape(self.answer)

    def show(
        self,
        result: QuerySet[Any],
        params: Mapping[str, Any],
        extra: Mapping[str, Any],
        url: str,
        caller: Any,
    ) -> Response:
        size = _size(extra)
        rows = list(result[: size + 1])
        more = len(rows) > size
        following = address(url, **{camel(self.cursor): rows[size - 1].pk}) if more else None
        assert self.answer is not None
        return Response({"items": self.answer(rows[:size], many=True).data, "next": following})


@dataclass(frozen=True)
class Lines(Action):
    """A page of log lines with the addresses of its neighbours."""

    def show(
        self, result: Any, params: Mapping[str, Any], extra: Mapping[str, Any], url: str, caller: Any
    ) -> Response:
        assert self.answer is not None
        first = result.lines[0].cursor if result.lines else params.get("after") or ""
        last = result.lines[-1].cursor if result.lines else params.get("after") or ""
        shown = {
            "lines": result.lines,
            "older": address(url, before=first, after=None) if result.older and first else None,
            "newer": address(url, after=last or None, before=None),
        }
        return Response(self.answer(shown).data)


@dataclass(frozen=True)
class File(Action):
    """A file of any length, sent as it is made: the call answers an iterator of its pieces."""

    filename: str = ""

    def run(self, caller: Any, params: dict[str, Any], extra: Mapping[str, Any], url: str) -> Any:
        pieces = self.target.run(caller, **params)
        return Stream(pieces, content_type=self.media_type, filename=self.filename)


@dataclass(frozen=True, init=False)
class Endpoint:
    """An address below /api/v1/ and what its methods do. `path` as Django's `path()` has it, in camelCase."""

    path: str
    tag: str
    actions: Mapping[str, Action]

    def __init__(self, path: str, tag: str, **actions: Action) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "actions", actions)

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """By their Python names."""
        return tuple(snake(name) for name in re.findall(r"<str:(\w+)>", self.path))


def _filter_field(one: Filter) -> serializers.Field[Any, Any, Any, Any]:
    if one.choices:
        return serializers.ChoiceField(choices=one.choices, required=False, help_text=one.help)
    return (
        QueryFlag(required=False, help_text=one.help)
        if one.flag
        else Text(required=False, help_text=one.help)
    )


def _number(extra: Mapping[str, Any]) -> int:
    if not 1 <= extra["page"] <= 10**9:
        raise ValidationError({"page": ["must be 1 or more"]})
    return int(extra["page"])


def _size(extra: Mapping[str, Any]) -> int:
    if not 1 <= extra["pageSize"] <= LARGEST_PAGE:
        raise ValidationError({"pageSize": [f"must be from 1 to {LARGEST_PAGE}"]})
    return int(extra["pageSize"])


def _with_listed_tags(document: dict[str, Any]) -> dict[str, Any]:
    """Tags may be an object, as everywhere in this API, or AWS's list of keys and values."""
    given = document.get("tags")
    return {**document, "tags": tags.to_list(given)} if isinstance(given, dict) else document
