"""Users, groups, policies, tokens, the audit trail, and the choke point every operation goes through."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        # Imported for their registration.
        from access import (  # noqa: F401
            iam_tags,
            identity_queries,
            links,
            mfa,
            mfa_passkeys,
            operations,
            passwords,
            queries,
            sessions,
            simulator,
            trail,
        )
        from base import cipher

        for model in ("access.AccessKey", "access.TemporaryCredential"):
            cipher.keeps_encrypted(model, "encrypted_secret")
        cipher.keeps_encrypted("access.TotpDevice", "encrypted_seed")
