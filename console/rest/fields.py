"""From an operation's signature to a checked request: a serializer whose fields are the operation's parameters.

Strict where JSON is: "3" is no number, "false" no boolean. Names are camelCase; nested documents keep their AWS form
and are checked by the operation itself, which knows what they may hold.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import UnionType
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.rest import documents
from console.rest.names import camel, pascal, snake
from console.rest.parameters import described
from services.taskdef.schema import sort_of, suggestion

_LARGEST = 2**63 - 1


class Text(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(f"must be a string, not {sort_of(data)}")
        return data


class Whole(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_value=_LARGEST, min_value=-_LARGEST, **options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError(f"must be a whole number, not {sort_of(data)}")
        return data


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(f"must be true or false, not {sort_of(data)}")
        return data


class QueryWhole(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_value=_LARGEST, min_value=-_LARGEST, **options)
        self.error_messages["invalid"] = "must be a whole number"


class QueryFlag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            raise serializers.ValidationError("must be true or false")
        return bool(data == "true")


class Document(serializers.Field[Any, Any, Any, Any]):
    """An object in AWS's form, handed on as it is."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError(f"must be an object, not {sort_of(data)}")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@lru_cache
def document_field(name: str) -> type[Document]:
    """A Document whose form the API's description knows."""
    field = type(f"{pascal(name)}Field", (Document,), {})
    return extend_schema_field(documents.schema_of(name))(field)


class Request(serializers.Serializer[Any]):
    """Refuses names it does not know, all at once with whatever else is wrong."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError(
                {"non_field_errors": [f"The body must be an object, not {sort_of(data)}."]}
            )
        problems: dict[str, Any] = {
            str(name): [f"unknown field{suggestion(str(name), self.fields)}"]
            for name in data
            if name not in self.fields
        }
        checked: Mapping[str, Any] = {}
        try:
            checked = super().to_internal_value(data)
        except serializers.ValidationError as error:
            problems.update(typing.cast(dict[str, Any], error.detail))
        if problems:
            raise serializers.ValidationError(problems)
        return {snake(name): value for name, value in checked.items()}


def request_class(
    name: str,
    signature: inspect.Signature,
    hints: Mapping[str, Any],
    parameters: Iterable[str],
    *,
    query: bool,
) -> type[Request]:
    """The serializer of those parameters. `query`: they come as texts in the address."""
    fields = {
        camel(parameter): field_of(parameter, hints[parameter], signature.parameters[parameter], query=query)
        for parameter in parameters
    }
    return type(name, (Request,), fields)


def field_of(
    name: str, hint: Any, parameter: inspect.Parameter, *, query: bool
) -> serializers.Field[Any, Any, Any, Any]:
    """The field of one parameter. Raises TypeError for a type that has no place in a request."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (UnionType, typing.Union) else (hint,)
    required = parameter.default is inspect.Parameter.empty
    options: dict[str, Any] = {"required": required, "help_text": described(name)}
    if not required and isinstance(parameter.default, str | int) and parameter.default != "":
        options["default"] = parameter.default
    if type(None) in kinds and not query:
        options["allow_null"] = True
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return _field(name, kind, options, query=query)


def _field(
    name: str, kind: Any, options: dict[str, Any], *, query: bool
) -> serializers.Field[Any, Any, Any, Any]:
    if kind is str:
        return Text(**options)
    if kind is int:
        return QueryWhole(**options) if query else Whole(**options)
    if kind is bool:
        return QueryFlag(**options) if query else Flag(**options)
    if kind is datetime:
        return serializers.DateTimeField(**options)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Mapping and arguments == (str, str):
        return serializers.DictField(child=Text(), **options)
    if origin is Mapping:
        return document_field(name)(**options)
    if origin is Sequence and arguments == (str,):
        return serializers.ListField(child=Text(), **options)
    if origin is Sequence:
        return serializers.ListField(child=document_field(name)(), **options)
    raise TypeError(f"parameter {name}: {kind} has no place in a request")
