"""The API's description: OpenAPI for programs, one page for people. Made once per process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer, StaticHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.web.page import page


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    with translation.override("en"):
        made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


class Schema(SpectacularAPIView):
    """GET /api/v1/schema/: JSON or YAML, by `?format=` or the Accept header."""

    permission_classes = (IsAuthenticated,)

    def _get_schema_response(self, request: Request) -> Response:
        return Response(data=description())


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a field of a body. `default`: as JSON, "" where there is none."""

    name: str
    where: str
    kind: str
    required: bool
    text: str
    default: str


@dataclass(frozen=True, slots=True)
class Method:
    """`text`: what there is to say beyond the summary."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    permissions: tuple[str, ...]
    members: tuple[Member, ...]
    answers: str
    example: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    methods: list[Method] = field(default_factory=list)


@lru_cache(maxsize=1)
def sections() -> list[Section]:
    """The description as the page shows it: by tag, in the order of the addresses."""
    document = description()
    found: dict[str, Section] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            found.setdefault(tag, Section(tag)).methods.append(_method(path, method, operation, document))
    return list(found.values())


def _method(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Method:
    summary = str(operation.get("summary", ""))
    text = " ".join(str(operation.get("description", "")).partition("\n\nPermission:")[0].split())
    return Method(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        text=text[len(summary) :].lstrip(" .:;") if text.startswith(summary) else text,
        permissions=tuple(dict.fromkeys(operation.get("x-permissions", ()))),
        members=(*_parameters(operation), *_body(operation, document)),
        answers=_answers(operation),
        example=_example(operation),
    )


def _parameters(operation: Mapping[str, Any]) -> list[Member]:
    return [
        _member(one["name"], one["in"], one["schema"], bool(one.get("required")), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]


def _content(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return found


def _body(operation: Mapping[str, Any], document: Mapping[str, Any]) -> list[Member]:
    content = _content(operation)
    if not content:
        return []
    schema = _resolved(content["schema"], document)
    required = schema.get("required", ())
    return [
        _member(name, "body", one, name in required, one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]


def _member(name: str, where: str, schema: Mapping[str, Any], required: bool, text: str) -> Member:
    default = json.dumps(schema["default"]) if schema.get("default") is not None else ""
    return Member(name, where, _kind(schema), required, text.replace("`", ""), default)


def _example(operation: Mapping[str, Any]) -> str:
    for one in _content(operation).get("examples", {}).values():
        if one["value"]:
            return json.dumps(one["value"], indent=2)
    return ""


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"] if one is not None)
    for several in ("allOf", "oneOf"):
        if several in schema:
            return " | ".join(_kind(one) for one in schema[several])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"{_kind(schema.get('items', {}))}[]"
    return "date-time" if schema.get("format") == "date-time" else str(schema.get("type", ""))


def _answers(operation: Mapping[str, Any]) -> str:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            return f"{status} {_kind(schema)}".strip()
    return ""


@page
def _page(request: HttpRequest) -> HttpResponse:
    return render(request, "rest/reference.html", {"sections": sections()})


class Index(APIView):
    """GET /api/v1/: the reference page for browsers, where to go for programs."""

    schema = None
    permission_classes = ()
    renderer_classes = (JSONRenderer, StaticHTMLRenderer)

    def get(self, request: Request) -> HttpResponseBase:
        if request.accepted_renderer.format == "html":
            return _page(request._request)
        address = request.build_absolute_uri(reverse("rest-schema"))
        return Response({"name": "Slipway", "version": "1", "schema": address})
