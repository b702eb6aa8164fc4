"""Secrets and parameters, encrypted at rest."""

from __future__ import annotations

from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from vault import (  # noqa: F401  (registers the operations)
            operations,
            parameter_operations,
            parameter_queries,
            queries,
        )
