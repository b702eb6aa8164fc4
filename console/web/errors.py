"""Refusals and failures as pages: what was wrong, where, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from base.errors import AccessDenied, OperationError
from base.ids import hex_id
from console.refusals import plain
from console.web.places import place

log = logging.getLogger(__name__)
_REST = "/api/"


def refusal(request: HttpRequest, error: OperationError) -> HttpResponse:
    """The page of an operation's refusal; an AccessDenied names action, resource and the deciding statement."""
    detail: dict[str, Any] = {"code": error.code, "fields": error.fields}
    if isinstance(error, AccessDenied):
        detail |= {
            "action": error.action,
            "resource": error.resource,
            "missing": error.missing,
            "statement": error.statement,
            "explain": _explain(error),
        }
    return _page(request, error.status, _title(error.status), str(error), detail)


def _explain(error: AccessDenied) -> str:
    """The page that explains a missing permission."""
    where = place("access-explain")
    return (
        f"{where}?{urlencode({'action': error.action, 'resource': error.resource or '*'})}" if where else ""
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _page(request, 413, _title(413), _("What was sent is larger than is taken here."))
    if request.path_info.startswith(_REST):
        return _rest(
            request, 400, "BadRequestException", "The request makes no sense here: its Host, or its form."
        )
    return _page(request, 400, _title(400), _("The browser sent something that makes no sense here."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's own refusals; those of operations come through `refusal`."""
    if isinstance(exception, OperationError):
        return refusal(request, exception)
    return _page(request, 403, _title(403), _("You may not open this page."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open for too long, or came from elsewhere. Nothing was changed."""
    message = _(
        "This form is no longer valid, perhaps because you signed in again meanwhile. Nothing was changed: go back, "
        "reload the page and send it again."
    )
    return _page(request, 403, _("The form has expired"), message)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, OperationError):
        return refusal(request, exception)
    return _page(
        request,
        404,
        _title(404),
        _("There is nothing at this address. It may have been deleted, or its retention has passed."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without anything that could fail in turn. The reference is in the log beside the traceback."""
    reference = getattr(request, "request_id", "") or hex_id()
    log.error("page failed: reference %s, %s", reference, request.path)
    if request.path_info.startswith(_REST):
        return _rest(
            request, 500, "InternalFailure", "Slipway failed while answering. The log has the request id."
        )
    message = _(
        "Slipway failed while making this page. Whatever you asked for has either happened as a whole or not at all: "
        "look before you try again."
    )
    values = {
        "status": 500,
        "title": _title(500),
        "message": message,
        "reference": reference,
        "error_base": "lone.html",
    }
    return HttpResponse(
        render_to_string("web/error.html", values), status=500, headers={"X-Error": _header(message)}
    )


def _page(
    request: HttpRequest, status: int, title: str, message: str, detail: Mapping[str, Any] | None = None
) -> HttpResponse:
    signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
    values = {
        "status": status,
        "title": title,
        "message": message,
        "error_base": "base.html" if signed_in else "lone.html",
        "back": _back(request),
        **(detail or {}),
    }
    response = render(request, "web/error.html", values, status=status)
    # For scripts, which show it as a message instead of the page.
    response["X-Error"] = _header(message)
    return response


def _rest(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    return plain(status, code, message, getattr(request, "request_id", ""))


def _back(request: HttpRequest) -> str:
    """The page that was left, if it is one of ours."""
    referer = request.headers.get("Referer", "")
    try:
        own = request.build_absolute_uri("/")
    except DisallowedHost:  # which may be the very thing that this page is about
        return ""
    return f"/{referer.removeprefix(own)}" if referer.startswith(own) else ""


def _header(message: str) -> str:
    """Headers are ASCII; anything else is percent-encoded, and the script decodes it."""
    return quote(message[:600], safe=" :/,.()'*=-_+;@[]{}!?")


def _title(status: int) -> str:
    return {
        400: _("This request cannot be carried out"),
        403: _("You may not do this"),
        404: _("Not found"),
        409: _("Something else is in the way"),
        413: _("Too large"),
        429: _("Too many requests"),
        500: _("Something went wrong on our side"),
    }.get(status, _("This request cannot be carried out"))
