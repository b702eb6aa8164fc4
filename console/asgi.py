"""The ASGI application that every web process serves."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from console.gate import Application, Gate, Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

_pages = get_asgi_application()

from console.live.terminal import websocket  # noqa: E402  (needs Django set up)


class Faces:
    """Requests to Django, WebSockets to the terminal."""

    def __init__(self, pages: Application, sockets: Application) -> None:
        self.pages, self.sockets = pages, sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        face = self.sockets if scope["type"] == "websocket" else self.pages
        await face(scope, receive, send)


application = Gate(Faces(_pages, websocket))
