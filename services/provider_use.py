"""What still uses a capacity provider of a cluster: a guard of PutClusterCapacityProviders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clusters.models import Cluster
from services.models import Service, Task, TaskSet


def in_use(cluster: Cluster, provider: str) -> str:
    """In words; "" where nothing does. Tasks that are not STOPPED, and services whose strategy names it."""
    tasks = Task.objects.filter(cluster=cluster, capacity_provider=provider).exclude(status="STOPPED").count()
    if tasks:
        return f"{tasks} tasks"
    sets = TaskSet.objects.filter(service__cluster=cluster).select_related("revision", "service")
    for task_set in sets:
        if _names(task_set.revision.configuration, provider):
            return f"task set {task_set.id} of service {task_set.service.name}"
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
        if any(_names(one, provider) for one in frozen):
            return f"service {service.name}"
    return ""


def _names(configuration: Mapping[str, Any], provider: str) -> bool:
    strategy = configuration.get("capacityProviderStrategy") or []
    return any(item["capacityProvider"] == provider for item in strategy)
