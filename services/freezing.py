"""What a service revision freezes: made of the parameters of CreateService and UpdateService, checked and complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusters.models import Cluster
from services import configuration
from services.lookup import find_definition
from services.models import Service, ServiceRevision, TaskDefinition


def frozen(
    cluster: Cluster,
    definition: TaskDefinition,
    launch_type: str | None,
    providers: Sequence[Mapping[str, Any]] | None,
    network: Mapping[str, Any] | None,
    placement_strategy: Sequence[Mapping[str, Any]] | None,
    placement_constraints: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """The configuration a service revision freezes, complete and checked."""
    return {
        **configuration.capacity(cluster, definition, launch_type, providers),
        "networkConfiguration": configuration.network_configuration(cluster, definition, network),
        **configuration.placement(placement_strategy, placement_constraints),
    }


def asked_for(
    row: Service,
    current: ServiceRevision,
    task_definition: str | None,
    capacity_provider_strategy: Sequence[Mapping[str, Any]] | None,
    network_configuration: Mapping[str, Any] | None,
    placement_strategy: Sequence[Mapping[str, Any]] | None,
    placement_constraints: Sequence[Mapping[str, Any]] | None,
) -> tuple[TaskDefinition, dict[str, Any]]:
    """What the service is to run after an update: what is given, over what is frozen in its current revision."""
    before = current.configuration
    definition = find_definition(task_definition, active=True) if task_definition else current.task_definition
    network = network_configuration
    if network is None and definition.document.get("networkMode") == "awsvpc":
        network = before.get("networkConfiguration")
    return definition, frozen(
        row.cluster,
        definition,
        None if capacity_provider_strategy else before.get("launchType"),
        capacity_provider_strategy
        if capacity_provider_strategy is not None
        else before.get("capacityProviderStrategy"),
        network,
        placement_strategy if placement_strategy is not None else before.get("placementStrategy"),
        placement_constraints if placement_constraints is not None else before.get("placementConstraints"),
    )
