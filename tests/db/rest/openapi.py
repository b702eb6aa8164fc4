"""Holding answers to their description: OpenAPI 3.0 schemas as JSON schemas."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

from console.rest.actions import Action
from console.rest.reference import description
from console.rest.urls import ENDPOINTS
from tests.db.rest.cases import Case


def operation_of(case: Case) -> tuple[str, Action]:
    """The address as it is described, and its action."""
    path = case.path.partition("?")[0]
    for endpoint in ENDPOINTS:
        pattern = re.sub(r"<str:\w+>", "[^/]+", endpoint.path)
        if re.fullmatch(pattern, path) and case.method in endpoint.actions:
            return "/api/v1/" + re.sub(r"<str:(\w+)>", r"{\1}", endpoint.path), endpoint.actions[case.method]
    raise AssertionError(f"no address for {case}")


def problems_of(case: Case, response: Any) -> list[str]:
    """Where an answer differs from its description; every field of it must be described."""
    path, _ = operation_of(case)
    described = description()["paths"][path][case.method.lower()]["responses"]
    assert str(response.status_code) in described, f"{response.status_code} is not described"
    content = described[str(response.status_code)].get("content")
    if content is None:
        assert response.content == b""
        return []
    if response.streaming:
        return [] if response["Content-Type"] in content else [f"{response['Content-Type']} is not described"]
    schema = {**_plain(content["application/json"]["schema"]), "$defs": _components()}
    errors = Draft202012Validator(schema).iter_errors(response.json())
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"[:300] for error in errors]


@lru_cache(maxsize=1)
def _components() -> dict[str, Any]:
    found = {name: _plain(one) for name, one in description()["components"]["schemas"].items()}
    for name, schema in found.items():
        # A task definition's answer holds whatever its document holds.
        open_ended = name in ("TaskDefinition", "DaemonTaskDefinition")
        if schema.get("type") == "object" and "properties" in schema and not open_ended:
            schema.setdefault("additionalProperties", False)
    return found


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _plain(value) for name, value in schema.items() if name != "nullable"}
    if "$ref" in found:
        found["$ref"] = found["$ref"].replace("#/components/schemas/", "#/$defs/")
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found
