"""Static files, served by whichever process serves the page: WhiteNoise, without a thread per file under ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class AssetsMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise's own middleware is synchronous, so Django would run every request through a thread for it and
    read its file responses with a warning. A lookup in a dict needs neither."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        file = self.find_file(request.path_info) if self.autorefresh else self.files.get(request.path_info)
        if file is None:
            return self.get_response(request)
        response = self._read(file, request)
        if not iscoroutinefunction(self):
            return response

        async def answer() -> HttpResponseBase:
            return response

        return answer()

    @staticmethod
    def _read(file: Any, request: HttpRequest) -> HttpResponse:
        answer = file.get_response(request.method, request.META)
        content = b""
        if answer.file is not None:
            with answer.file:
                content = answer.file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        return response
