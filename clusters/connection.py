"""What is known of an engine's reachability, written down. Called by the watcher and by the first probe.

An outage is a window [disconnected_at, connected_at]: containers that ended inside it were ended by the engine
or its host, which never counts against a service.
"""

from __future__ import annotations

from dataclasses import asdict

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest

from base import clock, live, outbox
from clusters.engine.port import EngineInfo
from clusters.models import ContainerInstance, instance_topics


def record_connected(instance: ContainerInstance, info: EngineInfo) -> bool:
    """The engine answered. False where the same engine is registered already under another id."""
    now = clock.now()
    facts = asdict(info)
    facts["warnings"] = list(info.warnings)
    built_in = {
        "ecs.os-type": "linux",
        "ecs.cpu-architecture": info.architecture,
    }
    try:
        with transaction.atomic():
            ContainerInstance.objects.filter(pk=instance.pk).update(
                engine_id=info.engine_id,
                name=instance.name or info.name,
                connected=True,
                connection_error="",
                last_seen_at=now,
                # Never below what is reserved already: the scheduler then simply finds no room.
                cpu=Greatest(F("cpu_reserved"), info.cpu),
                memory=Greatest(F("memory_reserved"), info.memory),
                disk_total=info.disk_total,
                disk_free=info.disk_free,
                info=facts,
                attributes={**instance.attributes, **built_in},
            )
            came_back = ContainerInstance.objects.filter(
                Q(connected_at=None) | Q(disconnected_at__gt=F("connected_at")), pk=instance.pk
            ).update(connected_at=now)
            if came_back:
                outbox.publish(
                    "instance.connected", {"instance": instance.pk, "cluster": instance.cluster_id}
                )
            live.publish(*instance_topics(instance))
    except IntegrityError:
        other = (
            ContainerInstance.objects.filter(engine_id=info.engine_id)
            .exclude(status="INACTIVE")
            .exclude(pk=instance.pk)
            .first()
        )
        where = f"{other.name or other.id} in cluster {other.cluster.name}" if other else "another instance"
        record_disconnected(
            instance, f"This engine is registered already, as {where}. Deregister one of the two."
        )
        return False
    instance.refresh_from_db()
    return True


def record_disconnected(instance: ContainerInstance, reason: str) -> None:
    """The engine does not answer, and why. Only the first of a row of failures starts the outage."""
    with transaction.atomic():
        ContainerInstance.objects.filter(pk=instance.pk, connected=True).update(
            connected=False, disconnected_at=clock.now()
        )
        ContainerInstance.objects.filter(pk=instance.pk).update(connected=False, connection_error=reason)
        live.publish(*instance_topics(instance))
    instance.refresh_from_db()
