"""Users, groups, policies, tokens, the audit trail, and the choke point every operation goes through."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        # Imported for their registration.
        from access import (  # noqa: F401
            links,
            mfa,
            mfa_passkeys,
            operations,
            passwords,
            queries,
            sessions,
            trail,
        )
