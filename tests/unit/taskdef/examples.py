"""Small documents for the tests."""

from __future__ import annotations

from typing import Any

from services.taskdef.errors import InvalidDocument
from services.taskdef.validate import validate


def container(name: str = "web", **members: Any) -> dict[str, Any]:
    return {"name": name, "image": "nginx:1.25", "memory": 128, **members}


def document(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"family": "shop", "containerDefinitions": list(containers) or [container()], **members}


def fargate(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    base = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    return document(*containers, **{**base, **members})


def mistakes(request: dict[str, Any]) -> dict[str, str]:
    """path: message of every problem; {} where the request is valid."""
    try:
        validate(request)
    except InvalidDocument as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}
