"""Users, groups, policies, tokens, the audit trail, and the choke point every operation goes through."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        # Imported for their registration.
        from access import operations, queries, trail  # noqa: F401
