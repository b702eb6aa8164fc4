"""The ASGI application that every web process serves."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from console.gate import Application, Gate, Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

_pages = get_asgi_application()

from console.aws.application import application as aws  # noqa: E402  (these need Django set up)
from console.aws.request import is_aws  # noqa: E402
from console.live.terminal import websocket  # noqa: E402


class Faces:
    """WebSockets to the terminal; what is signed or targeted as AWS's clients do to the AWS face, past Django's
    middleware; everything else to Django."""

    def __init__(self, pages: Application, sockets: Application, aws: Application) -> None:
        self.pages, self.sockets, self.aws = pages, sockets, aws

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            face = self.sockets
        else:
            face = self.aws if is_aws(scope) else self.pages
        await face(scope, receive, send)


application = Gate(Faces(_pages, websocket, aws))
