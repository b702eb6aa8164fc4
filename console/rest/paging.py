"""Pages of lists: their bounds, the addresses of their neighbours, and the shapes that describe them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from rest_framework import serializers

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

Shape = type[serializers.Serializer[Any]]


def address(url: str, **query: Any) -> str:
    """`url` with those query parameters changed; None removes one."""
    parts = urlsplit(url)
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in query
    ]
    added = [(name, str(value)) for name, value in query.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(kept + added)))


@lru_cache
def page_shape(item: Shape) -> Shape:
    fields = {
        "items": item(many=True),
        "total": serializers.IntegerField(help_text="Rows of all pages."),
        "next": serializers.CharField(allow_null=True, help_text="Address of the next page, or null."),
        "previous": serializers.CharField(allow_null=True, help_text="Address of the page before, or null."),
    }
    return _shape(item, "Page", fields)


@lru_cache
def trail_shape(item: Shape) -> Shape:
    fields = {
        "items": item(many=True),
        "next": serializers.CharField(allow_null=True, help_text="Address of the older rows, or null."),
    }
    return _shape(item, "Page", fields)


def _shape(item: Shape, suffix: str, fields: dict[str, Any]) -> Shape:
    name = f"{item.Meta.ref_name}{suffix}"  # type: ignore[attr-defined]
    return type(name, (serializers.Serializer,), fields)
