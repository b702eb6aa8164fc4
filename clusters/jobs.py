"""Jobs about instances."""

from __future__ import annotations

from celery import shared_task

from clusters import overlay
from clusters.connection import record_connected, record_disconnected
from clusters.engine.errors import EngineError
from clusters.engines import engine_of, forget
from clusters.models import ContainerInstance, Network


@shared_task(name="clusters.check_network", ignore_result=True)
def check_network(network_id: int) -> None:
    network = Network.objects.select_related("cluster").filter(pk=network_id).first()
    if network is not None:
        overlay.check(network)


@shared_task(name="clusters.check_networks", ignore_result=True)
def check_networks() -> None:
    overlay.check_all()


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
