"""The console: the project itself, its commands and every face."""

from __future__ import annotations

from django.apps import AppConfig

# Loaded with Django, so that every process that queues a job (web, commands) finds our broker as the default one.
from console.celery import app as celery_app

__all__ = ["ConsoleConfig", "celery_app"]


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        from console.local import face
        from services.control import local_tunnel

        local_tunnel.answered_by(face.answer)
