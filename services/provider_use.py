"""What still uses a capacity provider of a cluster: a guard of PutClusterCapacityProviders."""

from __future__ import annotations

from clusters.models import Cluster
from services.models import Service, Task


def in_use(cluster: Cluster, provider: str) -> str:
    """In words; "" where nothing does. Tasks that are not STOPPED, and services whose strategy names it."""
    tasks = Task.objects.filter(cluster=cluster, capacity_provider=provider).exclude(status="STOPPED").count()
    if tasks:
        return f"{tasks} tasks"
    services = Service.every.filter(cluster=cluster).exclude(status=Service.Status.INACTIVE)
    for service in services.select_related("deployment__target", "completed_revision"):
        frozen = [
            revision.configuration
            for revision in (
                service.deployment.target if service.deployment is not None else None,
                service.completed_revision,
            )
            if revision is not None
        ]
        strategies = [item for one in frozen for item in one.get("capacityProviderStrategy") or []]
        if any(item["capacityProvider"] == provider for item in strategies):
            return f"service {service.name}"
    return ""
