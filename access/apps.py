"""Users, groups, policies, tokens, the audit trail, and the choke point every operation goes through."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        # Imported for their registration.
        from access import operations, queries  # noqa: F401
        from access.authorization import simulator  # noqa: F401
        from access.identities import iam_tags, identity_queries  # noqa: F401
        from access.signon import links, mfa, passkeys, passwords, sessions  # noqa: F401
        from access.trail import search  # noqa: F401
        from base import cipher

        for model in ("access.AccessKey", "access.TemporaryCredential"):
            cipher.keeps_encrypted(model, "encrypted_secret")
        cipher.keeps_encrypted("access.TotpDevice", "encrypted_seed")
