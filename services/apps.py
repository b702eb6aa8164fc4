"""Task definitions, services, tasks."""

from __future__ import annotations

from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "services"

    def ready(self) -> None:
        from clusters import operations, queries  # noqa: F401  (registers the operations)
