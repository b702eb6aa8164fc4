"""Task definitions, services, tasks."""

from __future__ import annotations

from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "services"

    def ready(self) -> None:
        from base import outbox
        from clusters import capacity, facts
        from clusters import operations as clusters
        from services import (  # noqa: F401  (registers the operations)
            definitions,
            deployment_operations,
            log_queries,
            operations,
            protection,
            queries,
            tagging,
            task_operations,
            updating,
        )
        from services.control import loss, standing
        from services.daemons import operations as daemons
        from services.daemons import queries as of_daemons  # noqa: F401
        from services.daemons import task_definitions  # noqa: F401
        from services.execute import operations as execute  # noqa: F401
        from services.provider_use import in_use
        from services.schedules import operations as schedules  # noqa: F401
        from services.task_sets import operations as task_sets  # noqa: F401
        from services.task_sets import queries as task_set_queries  # noqa: F401
        from services.usage import task_groups

        facts.provide_task_groups(task_groups)
        capacity.guard(in_use)
        clusters.guard_deletion(daemons.of_cluster)

        outbox.subscribe("instance.connected", standing.instance_connected)
        outbox.subscribe("instance.lost", loss.instance_lost)
        outbox.subscribe("instance.state", standing.instance_changed)
        outbox.subscribe("instance.attributes", standing.instance_changed)
        outbox.subscribe("instance.deregistered", standing.instance_deregistered)
