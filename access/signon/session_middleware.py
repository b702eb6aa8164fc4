"""Notes when a session was last used. What a page asks for by itself (live refreshes) is not use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from access.signon.sessions import note_seen

Answer = HttpResponseBase | Awaitable[HttpResponseBase]
_BY_ITSELF = "/live/"


class SeenMiddleware:
    """Goes after SessionMiddleware. Costs nothing where nobody looked at the session."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        if self.is_async:
            return self._finish(request)
        response: HttpResponseBase = self.get_response(request)
        if _by_a_person(request):
            note_seen(request)
        return response

    async def _finish(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        if _by_a_person(request):
            await sync_to_async(note_seen)(request)
        return response


def _by_a_person(request: HttpRequest) -> bool:
    return not request.headers.get("X-Fragments") and not request.path_info.startswith(_BY_ITSELF)
