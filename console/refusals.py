"""REST's one error body, for what is refused before a view of REST is reached. Knows nothing of Django REST framework,
whose modules cannot be imported by the pages' error handlers."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import JsonResponse


def error_body(code: str, message: str, request_id: str) -> dict[str, Any]:
    """As console/rest/errors.py makes it."""
    return {"error": {"code": code, "message": message, "fields": {}, "requestId": request_id}}


def plain(status: int, code: str, message: str, request_id: str = "") -> JsonResponse:
    """That body as an answer; without a request id it gets one of its own."""
    request_id = request_id or str(uuid.uuid4())
    response = JsonResponse(error_body(code, message, request_id), status=status)
    response["X-Request-Id"] = request_id
    response["Cache-Control"] = "no-store"
    return response
