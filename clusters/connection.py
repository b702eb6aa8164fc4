"""What is known of an engine's reachability, written down. Called by the watcher and by the first probe.

An outage is a window [disconnected_at, connected_at]: containers that ended inside it were ended by the engine
or its host, which never counts against a service. One that lasts too long makes the instance lost.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, F, Q
from django.db.models.functions import Greatest

from base import clock, live, outbox
from base.prepared import Given, Prepared, PreparedUpdate
from clusters.capabilities import capabilities
from clusters.engine.port import EngineInfo
from clusters.models import ContainerInstance, instance_topics


def record_connected(instance: ContainerInstance, info: EngineInfo) -> bool:
    """The engine answered. False where the same engine is registered already under another id. `instance`: as its row
    is now, or was a moment ago."""
    now = clock.now()
    facts = asdict(info)
    for name in ("warnings", "gpus", "log_drivers", "volume_drivers", "security_modules"):
        facts[name] = list(facts[name])
    built_in = {
        "ecs.os-type": "linux",
        "ecs.cpu-architecture": info.architecture,
        "ecs.instance-type": instance.attributes.get("ecs.instance-type") or _size(info),
    }
    if _is_as_before(instance, info, facts, built_in) and record_heard(instance):
        return True
    try:
        with transaction.atomic():
            # Read and locked here, or an attribute that somebody sets at this moment would be lost.
            locked = ContainerInstance.objects.select_for_update(of=("self",)).filter(pk=instance.pk)
            attributes = locked.values_list("attributes", flat=True).get()
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
                gpus=list(info.gpus),
                info=facts,
                attributes={**attributes, **built_in},
                capabilities=capabilities(info),
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


def _is_as_before(
    instance: ContainerInstance, info: EngineInfo, facts: dict[str, Any], built_in: dict[str, str]
) -> bool:
    """Whether the row says all that already: of hundreds of engines at rest nothing but that is ever learned."""
    return (
        instance.connected
        and instance.connected_at is not None
        and (instance.disconnected_at is None or instance.disconnected_at <= instance.connected_at)
        and instance.name != ""
        and instance.engine_id == info.engine_id
        and instance.info == facts
        and instance.attributes == {**instance.attributes, **built_in}
        and instance.capabilities == capabilities(info)
        and instance.cpu == max(instance.cpu_reserved, info.cpu)
        and instance.memory == max(instance.memory_reserved, info.memory)
    )


def record_heard(instance: ContainerInstance) -> bool:
    """Note that it answered, whatever it is now; False where it counts as disconnected."""
    now = clock.now()
    if not _HEARD.run(pk=instance.pk, now=now):
        return False
    live.publish("instances", f"instance:{instance.pk}")
    instance.last_seen_at = now
    return True


_HEARD = PreparedUpdate(
    lambda: ContainerInstance.objects.filter(pk=Given("pk"), connected=True),
    last_seen_at=Given("now", DateTimeField()),
    connection_error="",
)


def _size(info: EngineInfo) -> str:
    """The type of a machine that has none: 4cpu-16gib."""
    return f"{max(1, info.cpu // 1024)}cpu-{max(1, round(info.memory / 1024))}gib"


def declare_lost() -> int:
    """Give up the instances that have not answered for SLIPWAY_INSTANCE_LOST_SECONDS (0: never); answers how many.
    What that means for their tasks is for `services.control.loss`, which hears of each."""
    patience = settings.SLIPWAY_INSTANCE_LOST_SECONDS
    if not patience:
        return 0
    now = clock.now()
    declared = 0
    for instance in _AWAY.all(since=now - timedelta(seconds=patience)):
        with transaction.atomic():
            # Guarded by what was read: it may have come back, or been away again, meanwhile.
            row = ContainerInstance.objects.filter(
                pk=instance.pk, connected=False, lost_at=None, disconnected_at=instance.disconnected_at
            )
            if row.update(lost_at=now):
                outbox.publish("instance.lost", {"instance": instance.pk, "cluster": instance.cluster_id})
                live.publish(*instance_topics(instance))
                declared += 1
    return declared


_AWAY = Prepared(
    lambda: ContainerInstance.objects.filter(
        connected=False, lost_at=None, disconnected_at__lte=Given("since", DateTimeField())
    ).select_related("cluster")
)


def record_found(instance: ContainerInstance) -> None:
    """A lost one answered, and what it runs was compared with what it should: it takes tasks again."""
    if instance.lost_at is None:
        return
    with transaction.atomic():
        row = ContainerInstance.objects.filter(pk=instance.pk, connected=True).exclude(lost_at=None)
        if row.update(lost_at=None):
            outbox.publish("instance.state", {"instance": instance.pk, "status": instance.status})
            live.publish(*instance_topics(instance))


def record_disconnected(instance: ContainerInstance, reason: str) -> None:
    """The engine does not answer, and why. Only the first of a row of failures starts the outage."""
    with transaction.atomic():
        ContainerInstance.objects.filter(pk=instance.pk, connected=True).update(
            connected=False, disconnected_at=clock.now()
        )
        ContainerInstance.objects.filter(pk=instance.pk).update(connected=False, connection_error=reason)
        live.publish(*instance_topics(instance))
    instance.refresh_from_db()
