"""Clusters, instances, networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig


def instance_connected(fact: Mapping[str, Any]) -> None:
    """It may have to join its cluster's overlay."""
    from base import jobs_by_name
    from clusters.models import Network

    overlays = Network.objects.filter(cluster=fact["cluster"], driver=Network.Driver.OVERLAY)
    for network in overlays.values_list("pk", flat=True):
        jobs_by_name.send_on_commit("clusters.check_network", network)


class ClustersConfig(AppConfig):
    name = "clusters"

    def ready(self) -> None:
        from base import cipher, outbox
        from clusters import (  # noqa: F401  (registers the operations)
            account_settings,
            attributes,
            capacity,
            network_operations,
            operations,
            queries,
            upkeep,
        )

        outbox.subscribe("instance.connected", instance_connected)
        cipher.keeps_encrypted("clusters.ContainerInstance", "tls_key")
        cipher.keeps_encrypted("clusters.ContainerInstance", "ssh_key")
