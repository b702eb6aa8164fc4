"""How many instances have a daemon's task, by revision and capacity provider. Two queries for any number of daemons of
one cluster; no engine is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from clusters.models import ContainerInstance
from services.control.snapshot import provider_groups
from services.daemons.configuration import provider_names
from services.daemons.lookup import wanted_revision
from services.models import Service, ServiceRevision, Task
from services.scheduler.model import AUTO_SCALING_GROUP

Place = tuple[str, str]  # (service revision's id, capacity provider)


@dataclass
class Counts:
    """Of one daemon. `without`: ACTIVE instances where no task of it runs, by capacity provider."""

    running: Counter[Place] = field(default_factory=Counter)
    draining: Counter[Place] = field(default_factory=Counter)
    instances: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)

    def revisions(self) -> set[str]:
        return {revision for revision, _ in (*self.running, *self.draining)}


def counts(daemons: Iterable[Service]) -> dict[int, Counts]:
    """By the daemon's primary key. The daemons are of one cluster, with their configuration."""
    rows = list(daemons)
    found = {row.pk: Counts() for row in rows}
    manned: dict[int, set[str]] = {row.pk: set() for row in rows}
    tasks = Task.objects.filter(service__in=list(found)).exclude(status="STOPPED").order_by()
    for of, revision, provider, instance, status, desired in tasks.values_list(
        "service_id", "revision_id", "capacity_provider", "instance_id", "status", "desired_status"
    ):
        if desired != "RUNNING":
            found[of].draining[revision or "", provider] += 1
        elif status == "RUNNING":
            found[of].running[revision or "", provider] += 1
            manned[of].add(instance or "")
    wanted = {row.pk: wanted_revision(row) for row in rows}
    configurations = [one.configuration for one in wanted.values() if one is not None]
    by_group = {group: name for name, group in provider_groups(configurations).items()}
    clusters = {row.cluster_id for row in rows}
    active = ContainerInstance.objects.filter(cluster__in=clusters, status="ACTIVE")
    for instance, cluster, attributes in active.values_list("pk", "cluster_id", "attributes"):
        provider = by_group.get(attributes.get(AUTO_SCALING_GROUP, ""), "")
        for row in rows:
            one = wanted[row.pk]
            if one is None or row.cluster_id != cluster or provider not in provider_names(one.configuration):
                continue
            found[row.pk].instances[provider] += 1
            if instance not in manned[row.pk]:
                found[row.pk].without[provider] += 1
    return found


def current_revisions(row: Service, counted: Counts) -> list[ServiceRevision]:
    """What the daemon is to run, and whatever else still has tasks."""
    wanted = wanted_revision(row)
    keys = counted.revisions() | ({wanted.pk} if wanted is not None else set())
    return list(ServiceRevision.objects.filter(pk__in=keys).order_by("-number"))
