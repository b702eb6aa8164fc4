"""Removing what a test session left on an engine, by its installation's label."""

from __future__ import annotations

from clusters.engine.port import Engine


def remove_all(engine: Engine) -> None:
    """Every container, network and volume of the engine connection's installation."""
    for container in engine.list_containers(detail=False):
        engine.remove_container(container.id)
    for network in engine.list_networks():
        engine.remove_network(network.name)
    for volume in engine.list_volumes():
        engine.remove_volume(volume)
