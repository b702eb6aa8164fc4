"""What the shapes of answers are made of."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class Shape(serializers.Serializer[Any]):
    """An answer: every field is named, nothing of a row is shown because it is there."""


class Text(serializers.CharField):
    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(source=source, **options)


class Whole(serializers.IntegerField):
    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(source=source, **options)


class Flag(serializers.BooleanField):
    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(source=source, **options)


class Moment(serializers.DateTimeField):
    """UTC, ISO 8601; null where it has not happened."""

    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(source=source, allow_null=True, **options)


class Tags(serializers.DictField):
    """Key to value."""

    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(child=serializers.CharField(allow_blank=True), source=source, **options)


class Texts(serializers.ListField):
    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(child=serializers.CharField(), source=source, **options)


@extend_schema_field({"type": "object", "additionalProperties": True})
class Free(serializers.Field[Any, Any, Any, Any]):
    """A document in AWS's form, shown as it is kept."""

    def __init__(self, source: str | None = None, **options: Any) -> None:
        super().__init__(source=source, **options)

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": True}})
class FreeList(Free):
    """A list of such documents."""
