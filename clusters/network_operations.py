"""Writes of networks."""

from __future__ import annotations

from access.registry import Caller, operation
from base import jobs_by_name, live, outbox
from base.errors import invalid
from clusters.models import ContainerInstance, Network
from clusters.queries import DEFAULT_CLUSTER, cluster_arn_of, find_cluster


@operation("slipway:UpdateClusterNetwork", resource=cluster_arn_of, writes=True)
def update_cluster_network(caller: Caller, *, driver: str, cluster: str = DEFAULT_CLUSTER) -> Network:
    """Choose what carries a cluster's network: bridge, one on each engine, or overlay, one over all its engines, which
    join one Docker Swarm for it. Tasks that run keep the network they have."""
    if driver not in Network.Driver.values:
        raise invalid("driver", "bridge or overlay")
    row = find_cluster(cluster)
    network = row.networks.order_by("id").select_for_update().get()
    if network.driver != driver:
        network.driver, network.trouble, network.checked_at = driver, "", None
        network.save(update_fields=["driver", "trouble", "checked_at"])
        # What waits for an instance in the overlay need not wait any more, and the other way round.
        first = ContainerInstance.objects.filter(cluster=row).exclude(status="INACTIVE").first()
        if first is not None:
            outbox.publish("instance.state", {"instance": first.pk, "status": first.status})
    jobs_by_name.send_on_commit("clusters.check_network", network.pk)
    live.publish(f"cluster:{row.name}")
    return network
