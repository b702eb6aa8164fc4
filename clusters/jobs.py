"""Jobs about instances."""

from __future__ import annotations

from celery import shared_task

from clusters.connection import record_connected, record_disconnected
from clusters.engine.errors import EngineError
from clusters.engines import engine_of, forget
from clusters.models import ContainerInstance


@shared_task(name="clusters.probe_instance", ignore_result=True)
def probe_instance(instance_id: str) -> bool:
    """Ask the engine who it is and write the answer down; the watcher keeps it up to date from then on."""
    instance = ContainerInstance.objects.select_related("cluster").get(pk=instance_id)
    try:
        return record_connected(instance, engine_of(instance).info())
    except EngineError as error:
        forget(instance)
        record_disconnected(instance, str(error))
        return False
