"""Daemons as a cluster lists them: one row each, with the instances that have it and those that are to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from base import here
from clusters.models import Cluster
from console.web import links, service_words
from console.web.page import ListState, caller, may
from console.web.parts import May
from console.web.service_words import Badge
from services.daemons.configuration import provider_names
from services.daemons.counts import counts
from services.daemons.lookup import wanted_revision
from services.daemons.queries import list_daemons
from services.models import Service, TaskDefinition


@dataclass(frozen=True, slots=True)
class Row:
    """`definition` and `providers` are of what it is to run: None and empty where its first deployment failed."""

    daemon: Service
    url: str
    badge: Badge
    definition: TaskDefinition | None
    definition_url: str
    providers: Sequence[str]
    running: int
    instances: int


def listed(request: HttpRequest, cluster: Cluster) -> dict[str, object]:
    """The context of templates/web/daemon/_list.html. Six queries, whatever the number of daemons."""
    state = ListState.of(request, {"name": ["name"]}, "name")
    found = list_daemons(caller(request), cluster=cluster.name)
    shown = state.page_of(found.filter(name__icontains=state.q) if state.q else found)
    return {
        "page": shown,
        "rows": rows(list(shown)),
        "filtered": bool(state.q),
        "may_create": may_create(request, cluster),
        "create_url": links.to("daemon-new", cluster.name),
    }


def may_create(request: HttpRequest, cluster: Cluster) -> May:
    return may(request, "ecs:CreateDaemon", here.daemon_arn(cluster.name, "*"))


def rows(daemons: Sequence[Service]) -> list[Row]:
    """Of daemons of one cluster, with their configuration."""
    counted = counts(daemons)
    found = []
    for row in daemons:
        revision, of = wanted_revision(row), counted[row.pk]
        definition = revision.task_definition if revision is not None else None
        running = sum(of.running.values())
        found.append(
            Row(
                daemon=row,
                url=links.daemon(row.cluster.name, row.name),
                badge=service_words.badge_of(row, running=running),
                definition=definition,
                definition_url=links.daemon_definition(definition) if definition is not None else "",
                providers=provider_names(revision.configuration) if revision is not None else (),
                running=running,
                instances=sum(of.instances.values()),
            )
        )
    return found
