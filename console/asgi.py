"""The ASGI application that every web process serves."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from console.gate import Application, Gate, Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")


def _with_aws(django: Application) -> Application:
    """AWS's clients and browsers at one address: what is signed or targeted as AWS does it goes past Django."""
    from console.aws.application import application as aws
    from console.aws.request import is_aws

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (aws if is_aws(scope) else django)(scope, receive, send)

    return either


application = Gate(_with_aws(get_asgi_application()))
