"""What every request carries: its id, where it comes from, and who is calling."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from access.caller import ANONYMOUS, Caller, Face
from access.identities.switching import session_caller
from access.models import User
from access.signon import sessions

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class AccessMiddleware:
    """Sets `request.request_id`, `request.source_ip` and `request.caller`; answers with X-Request-Id.

    `request.caller` is made when first used: two queries then (the user, and what decides for it), none otherwise.
    Goes after AuthenticationMiddleware.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        prepare(request)
        if self.is_async:
            return self._finish(request)
        response: HttpResponseBase = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    async def _finish(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


def prepare(request: HttpRequest) -> None:
    """Set the three attributes. Also for faces that do not go through middleware (WebSockets)."""
    request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]
    request.source_ip = source_ip(request)  # type: ignore[attr-defined]
    request.caller = SimpleLazyObject(lambda: console_caller(request))  # type: ignore[attr-defined]


def console_caller(request: HttpRequest, face: Face = "console") -> Caller:
    """The session's user as a caller, or the role it has switched to; nobody, who may do nothing, without one.

    The one place where a browser's session becomes a caller, whichever face it calls.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return ANONYMOUS
    known = sessions.facts(request)
    return session_caller(request, user, face=face, mfa=known.mfa_at, session_started=known.started)


def source_ip(request: HttpRequest) -> str:
    """Where the request comes from; "" when unknown (a unix socket).

    Behind the operator's proxy, which SLIPWAY_URL with https declares, it is what that proxy wrote last in
    X-Forwarded-For; without one the header is anybody's word and is ignored.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    if getattr(settings, "BEHIND_TLS", False):
        address = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").rpartition(",")[2].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
