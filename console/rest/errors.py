"""One error body for everything that goes wrong:

    {"error": {"code": "...", "message": "...", "fields": {"path": "reason"}, "requestId": "..."}}

and, where permission was missing, `action` and `resource` beside them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from base.errors import AccessDenied, OperationError, Throttled
from console.rest.names import outside

log = logging.getLogger(__name__)

# DRF's refusals by AWS's names for them.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ParseError, "SerializationException"),
    (exceptions.NotAuthenticated, "MissingAuthenticationTokenException"),
    (exceptions.AuthenticationFailed, "UnrecognizedClientException"),
    (exceptions.PermissionDenied, "AccessDeniedException"),
    (exceptions.NotFound, "ResourceNotFoundException"),
    (exceptions.MethodNotAllowed, "MethodNotAllowedException"),
    (exceptions.NotAcceptable, "NotAcceptableException"),
    (exceptions.UnsupportedMediaType, "UnsupportedMediaTypeException"),
    (exceptions.Throttled, "ThrottlingException"),
)


class PayloadTooLarge(exceptions.APIException):
    status_code = 413
    default_code = "RequestEntityTooLargeException"


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: never answers None, so that no failure becomes a page."""
    request = context.get("request")
    request_id = str(getattr(request, "request_id", ""))
    set_rollback()
    if isinstance(error, OperationError):
        return _refused(error, request_id)
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is nothing at this address.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(*error.args)
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error, request_id)
    if isinstance(error, exceptions.APIException):
        code = next((code for kind, code in _CODES if isinstance(error, kind)), str(error.default_code))
        response = body(error.status_code, code, str(error.detail), request_id)
        return _with_headers(response, error)
    log.exception("request %s failed", request_id, exc_info=error)
    message = (
        "Slipway failed while answering. What was asked for has either happened as a whole or not at all: "
        "look before you try again."
    )
    return body(500, "InternalFailure", message, request_id)


def body(
    status: int,
    code: str,
    message: str,
    request_id: str,
    fields: Mapping[str, str] | None = None,
    **more: str,
) -> Response:
    content = {
        "code": code,
        "message": message,
        "fields": dict(fields or {}),
        "requestId": request_id,
        **more,
    }
    return Response({"error": content}, status=status)


def _refused(error: OperationError, request_id: str) -> Response:
    message, fields = outside(error.message, error.fields)
    more = {}
    if isinstance(error, AccessDenied):
        more = {"action": error.action, "resource": error.resource}
    response = body(error.status, error.code, message, request_id, fields, **more)
    if isinstance(error, Throttled) and error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _invalid(error: exceptions.ValidationError, request_id: str) -> Response:
    fields = flat(error.detail)
    message = "; ".join(f"{path}: {reason}" if path else reason for path, reason in fields.items())
    fields.pop("", None)
    return body(400, "InvalidParameterException", message, request_id, fields)


def flat(detail: Any, path: str = "") -> dict[str, str]:
    """DRF's nested reasons as field path to reason: {"tags": {"a": ["wrong"]}} is {"tags.a": "wrong"}."""
    if isinstance(detail, Mapping):
        found: dict[str, str] = {}
        for name, inner in detail.items():
            if name == "non_field_errors":
                found.update(flat(inner, path))
            elif isinstance(name, int):
                found.update(flat(inner, f"{path}[{name}]"))
            else:
                found.update(flat(inner, f"{path}.{name}" if path else str(name)))
        return found
    if isinstance(detail, list | tuple):
        if any(isinstance(inner, Mapping) for inner in detail):
            return {
                at: reason
                for index, inner in enumerate(detail)
                for at, reason in flat(inner, f"{path}[{index}]").items()
            }
        return {path: " ".join(str(reason) for reason in detail)} if detail else {}
    return {path: str(detail)}


def _with_headers(response: Response, error: exceptions.APIException) -> Response:
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    wait = getattr(error, "wait", None)
    if wait:
        response["Retry-After"] = str(math.ceil(wait))
    return response


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="AWS's name for it, such as ClusterNotFoundException.")
    message = serializers.CharField(help_text="What was wrong, in a sentence for people.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), help_text="Path of each field that is wrong, with the reason."
    )
    requestId = serializers.CharField(help_text="As in the X-Request-Id header and in the audit trail.")
    action = serializers.CharField(required=False, help_text="Of a denial: the permission that is missing.")
    resource = serializers.CharField(required=False, help_text="Of a denial: the ARN it is missing on.")


class Error(serializers.Serializer[Any]):
    error = ErrorDetail()
