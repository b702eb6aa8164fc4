"""Addresses of pages, and the paths above titles that several pages share."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from console.web.parts import Crumb


def place(name: str, *args: object) -> str:
    """The address of that name; "" for a page that this release does not have."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def to_service(cluster: str, service: str, *last: str) -> list[Crumb]:
    """Clusters / production / Services / web, and what comes below it."""
    found = [
        Crumb(_("Clusters"), place("clusters")),
        Crumb(cluster, place("cluster", cluster)),
        Crumb(_("Services"), place("services")),
    ]
    if not last:
        return [*found, Crumb(service)]
    return [*found[1:2], Crumb(service, place("service", cluster, service)), *(Crumb(step) for step in last)]


def to_daemon(cluster: str, *last: Crumb) -> list[Crumb]:
    """Clusters / production / Daemons, and what comes below it."""
    address = place("cluster", cluster)
    above = [Crumb(_("Clusters"), place("clusters")), Crumb(cluster, address)]
    return [*above, Crumb(_("Daemons"), f"{address}?tab=daemons"), *last]


def to_task(cluster: str, task_id: str, service: str = "") -> list[Crumb]:
    """production / web / Tasks / 3f9a1c2b; without a service production / Tasks / …"""
    above = [Crumb(cluster, place("cluster", cluster))]
    if service:
        address = place("service", cluster, service)
        above += [Crumb(service, address), Crumb(_("Tasks"), f"{address}?tab=tasks")]
    else:
        above.append(Crumb(_("Tasks"), place("tasks")))
    return [*above, Crumb(task_id[:8])]


def to_family(family: str = "", *last: str) -> list[Crumb]:
    """Task definitions / web / 13."""
    found = [Crumb(_("Task definitions"), place("task-definitions"))]
    if family:
        found.append(Crumb(family, place("family", family) if last else ""))
    return [*found, *(Crumb(step) for step in last)]
