"""The figures beside the navigation's entries. Kept for some seconds per person: they are a hint, not the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from clusters.queries import list_clusters, list_container_instances
from console.web.page import caller
from services.queries import list_services, list_tasks

KEPT = 10  # seconds
_LISTS: Mapping[str, tuple[str, Callable[..., Any]]] = {
    "clusters": ("ecs:ListClusters", list_clusters),
    "services": ("ecs:ListServices", list_services),
    "tasks": ("ecs:ListTasks", list_tasks),
    "instances": ("ecs:ListContainerInstances", list_container_instances),
}


def of_navigation(request: HttpRequest) -> Mapping[str, int]:
    """Address name to count, of what this person may see: four queries, or none. Empty for who is not signed in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    me = caller(request)
    key = f"navigation:{user.pk}:{me.role_id or ''}"
    known: Mapping[str, int] | None = cache.get(key)
    if known is None:
        # Asked first: a denied call would be recorded, and nobody asked for these.
        known = {
            name: rows(me).order_by().count()
            for name, (action, rows) in _LISTS.items()
            if me.may(action, "*").allowed
        }
        cache.set(key, known, KEPT)
    return known
