"""The ASGI application that every web process serves."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from console.gate import Gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application = Gate(get_asgi_application())
