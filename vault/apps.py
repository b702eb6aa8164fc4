"""Secrets and parameters, encrypted at rest."""

from __future__ import annotations

from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from access.authorization import resource_policies, resource_tags
        from base import cipher
        from vault import (  # noqa: F401  (registers the operations)
            lookup,
            operations,
            parameter_operations,
            parameter_queries,
            policies,
            queries,
            rotation_operations,
        )

        cipher.keeps_encrypted("vault.SecretRotation", "encrypted_hook")
        resource_tags.register("secretsmanager", "secret", lookup.tags_of_secret)
        resource_tags.register("ssm", "parameter", lookup.tags_of_parameter)
        resource_policies.register("secretsmanager", "secret", policies.policy_of_secret)
