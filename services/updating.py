"""UpdateService: scale, reconfigure, deploy, and go back to a service revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from access.registry import Caller, operation
from access.trail import audit
from base.errors import invalid
from base.prepared import update
from clusters.queries import DEFAULT_CLUSTER
from services import condition_keys, configuration, freezing, hooks, rebalancing, strategy, task_tags
from services.definitions import needs_of_definition
from services.lookup import find_active_service, find_revision, service_arn_of
from services.models import Deployment, Service, ServiceRevision, TaskDefinition
from services.revisions import current_revision
from services.rollout import begin_deployment, new_revision, touch
from services.task_sets import controller
from services.task_sets.state import unsettle

_AT_ONCE = (
    "availability_zone_rebalancing",
    "desired_count",
    "deployment_configuration",
    "health_grace",
    "propagate_tags",
    "enable_ecs_managed_tags",
    "enable_execute_command",
)
"""The columns of what needs no deployment."""


@operation(
    "ecs:UpdateService",
    resource=service_arn_of,
    context=condition_keys.of_service,
    extra=needs_of_definition,
    writes=True,
)
def update_service(
    caller: Caller,
    *,
    service: str,
    cluster: str = DEFAULT_CLUSTER,
    desired_count: int | None = None,
    task_definition: str | None = None,
    capacity_provider_strategy: Sequence[Mapping[str, Any]] | None = None,
    deployment_configuration: Mapping[str, Any] | None = None,
    network_configuration: Mapping[str, Any] | None = None,
    placement_strategy: Sequence[Mapping[str, Any]] | None = None,
    placement_constraints: Sequence[Mapping[str, Any]] | None = None,
    health_check_grace_period_seconds: int | None = None,
    force_new_deployment: bool = False,
    propagate_tags: str | None = None,
    enable_ecs_managed_tags: bool | None = None,
    enable_execute_command: bool | None = None,
    availability_zone_rebalancing: str | None = None,
    from_revision: str | None = None,
    deployment_controller: Mapping[str, Any] | None = None,
) -> Service:
    """Scale, reconfigure or deploy. Whatever a service revision freezes (or `force_new_deployment`) begins a new
    deployment; the rest takes effect at once. `from_revision` rolls back to that service revision, as it was frozen,
    whether or not its task definition is still ACTIVE; the desired count stays.
    Of a service with the deployment controller EXTERNAL the desired count, placement, grace period and propagated tags
    alone may be changed.
    """
    row = find_active_service(service, cluster)
    controller.check_unchanged(row, deployment_controller)
    if row.is_external:
        controller.check_update(
            taskDefinition=task_definition,
            capacityProviderStrategy=capacity_provider_strategy,
            networkConfiguration=network_configuration,
            deploymentConfiguration=deployment_configuration,
            forceNewDeployment=force_new_deployment,
            enableExecuteCommand=enable_execute_command,
            availabilityZoneRebalancing=availability_zone_rebalancing,
            fromRevision=from_revision,
        )
        _set_common(row, health_check_grace_period_seconds, propagate_tags, enable_ecs_managed_tags)
        return _update_external(row, desired_count, placement_strategy, placement_constraints)
    if from_revision is not None and (task_definition or network_configuration or capacity_provider_strategy):
        raise invalid("fromRevision", "a revision is deployed as it was frozen, without other changes")
    strategy.check_update(
        row,
        desired_count=desired_count,
        capacity_provider_strategy=capacity_provider_strategy,
        placement_strategy=placement_strategy,
    )
    current = current_revision(row)
    count_before = row.desired_count
    shape_before = _shape(row, current.task_definition, current.configuration)
    if desired_count is not None:
        row.desired_count = configuration.desired_count(desired_count)
    if deployment_configuration is not None:
        row.deployment_configuration = configuration.deployment_configuration(
            deployment_configuration,
            row.deployment_configuration,
            daemon=row.scheduling_strategy == strategy.DAEMON,
        )
    _set_common(row, health_check_grace_period_seconds, propagate_tags, enable_ecs_managed_tags)
    _set_flag(row, "enable_execute_command", "enableExecuteCommand", enable_execute_command)
    earlier = find_revision(row, from_revision) if from_revision is not None else None
    definition, frozen = (
        (earlier.task_definition, earlier.configuration)
        if earlier is not None
        else freezing.asked_for(
            row,
            current,
            task_definition,
            capacity_provider_strategy,
            network_configuration,
            placement_strategy,
            placement_constraints,
        )
    )
    if earlier is None or availability_zone_rebalancing is not None:
        _set_rebalancing(row, availability_zone_rebalancing, shape_before, _shape(row, definition, frozen))
    update(row, *_AT_ONCE)
    if row.deployment is not None and deployment_configuration is not None:
        Deployment.objects.filter(pk=row.deployment_id).update(
            configuration=hooks.of_running(row.deployment, row.deployment_configuration)
        )
    if earlier is not None:
        begin_deployment(row, earlier, caller.arn, is_rollback=True)
    elif force_new_deployment or (definition.pk, frozen) != (
        current.task_definition_id,
        current.configuration,
    ):
        revision = new_revision(row, definition, frozen, caller.arn)
        begin_deployment(row, revision, caller.arn, force=force_new_deployment)
    if row.desired_count != count_before:
        row.steady_since = None
        update(row, "steady_since")
    _note(row, count_before, current)
    touch(row)
    return row


def _set_common(
    row: Service, grace: int | None, propagate_tags: str | None, managed_tags: bool | None
) -> None:
    """What a service with task sets has as well."""
    if grace is not None:
        row.health_grace = configuration.health_grace(grace)
    if propagate_tags is not None:
        row.propagate_tags = task_tags.checked_source(propagate_tags)
    _set_flag(row, "enable_ecs_managed_tags", "enableECSManagedTags", managed_tags)


def _set_flag(row: Service, column: str, field: str, value: bool | None) -> None:
    if value is not None:
        audit.note_change(field, getattr(row, column), configuration.flag(value, field))
        setattr(row, column, value)


def _set_rebalancing(
    row: Service, given: str | None, before: rebalancing.Shape, after: rebalancing.Shape
) -> None:
    wanted = rebalancing.of_updated(given, row.availability_zone_rebalancing, before, after)
    if wanted != row.availability_zone_rebalancing:
        audit.note_change(rebalancing.FIELD, row.availability_zone_rebalancing, wanted)
    row.availability_zone_rebalancing = wanted


def _shape(service: Service, definition: TaskDefinition, frozen: Mapping[str, Any]) -> rebalancing.Shape:
    daemon = service.scheduling_strategy == strategy.DAEMON
    most = service.deployment_configuration["maximumPercent"]
    return rebalancing.Shape(daemon, most, frozen, definition.document)


def _note(row: Service, count_before: int, before: ServiceRevision) -> None:
    """Tell the audit trail what changed."""
    if row.desired_count != count_before:
        audit.note_change("desiredCount", count_before, row.desired_count)
    deployed, deployed_before = str(current_revision(row).task_definition), str(before.task_definition)
    if deployed != deployed_before:
        audit.note_change("taskDefinition", deployed_before, deployed)


def _update_external(
    row: Service,
    desired_count: int | None,
    placement_strategy: Sequence[Mapping[str, Any]] | None,
    placement_constraints: Sequence[Mapping[str, Any]] | None,
) -> Service:
    """Of a service with task sets: for all of them, from now on."""
    before = row.placement
    row.placement = configuration.placement(
        before.get("placementStrategy") if placement_strategy is None else placement_strategy,
        before.get("placementConstraints") if placement_constraints is None else placement_constraints,
    )
    audit.note_change("placement", before, row.placement)
    if desired_count is not None and configuration.desired_count(desired_count) != row.desired_count:
        audit.note_change("desiredCount", row.desired_count, desired_count)
        row.desired_count, row.steady_since = desired_count, None
        unsettle(row)
    update(
        row,
        *("placement", "health_grace", "propagate_tags", "enable_ecs_managed_tags"),
        *("desired_count", "steady_since"),
    )
    touch(row)
    return row
