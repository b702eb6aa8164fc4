"""Clusters, instances, networks."""

from __future__ import annotations

from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "clusters"

    def ready(self) -> None:
        from base import cipher
        from clusters import (  # noqa: F401  (registers the operations)
            account_settings,
            attributes,
            operations,
            queries,
            upkeep,
        )

        cipher.keeps_encrypted("clusters.ContainerInstance", "tls_key")
        cipher.keeps_encrypted("clusters.ContainerInstance", "ssh_key")
