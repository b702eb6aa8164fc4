"""Writes of services and their deployments. Tasks: `task_operations`; task definitions: `definitions`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import here
from base.errors import ClientError, InvalidParameter, invalid
from base.prepared import update
from base.tags import checked
from clusters.models import Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services import (
    condition_keys,
    configuration,
    creation_token,
    freezing,
    hooks,
    rebalancing,
    strategy,
    task_tags,
)
from services.client_tokens import digest_of
from services.definitions import special_needs
from services.lookup import (
    deployment_arn_of,
    deployment_owners,
    find_active_service,
    find_definition,
    find_deployment,
    find_revision,
    find_service,
    service_arn_of,
)
from services.models import EXTERNAL, Deployment, Service, TaskDefinition
from services.revisions import current_revision, rollback_target
from services.rollout import begin_deployment, end_deployment, new_revision, request_stop, touch
from services.scheduler.model import DeploymentStatus
from services.task_sets import controller
from services.task_sets.state import drain, unsettle

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,255}$")
MOST_TASKS = 5000  # of one service, as ECS


# ---- permissions -------------------------------------------------------------------------------


def _new_service_arn(params: Params) -> str:
    return here.service_arn(cluster_name(params["cluster"]), params["service_name"])


def _needs_of_definition(caller: Caller, params: Params) -> Iterator[Need]:
    """Whoever may not register host mounts may not deploy somebody else's revision that has them either."""
    definition: TaskDefinition | None = None
    if params.get("task_definition"):
        definition = find_definition(params["task_definition"])
    elif params.get("from_revision"):
        service = find_service(params["service"], params["cluster"])
        definition = find_revision(service, params["from_revision"]).task_definition
    if definition is not None:
        yield from special_needs(definition.document, definition.arn)


def _needs_of_creation(caller: Caller, params: Params) -> Iterator[Need]:
    yield from _needs_of_definition(caller, params)
    yield from tagging_need("CreateService", _new_service_arn(params), params["tags"])


# ---- services ----------------------------------------------------------------------------------


@operation(
    "ecs:CreateService",
    resource=_new_service_arn,
    context=condition_keys.of_service,
    extra=_needs_of_creation,
    writes=True,
)
def create_service(
    caller: Caller,
    *,
    service_name: str,
    task_definition: str | None = None,
    cluster: str = DEFAULT_CLUSTER,
    desired_count: int | None = None,
    launch_type: str | None = None,
    capacity_provider_strategy: Sequence[Mapping[str, Any]] | None = None,
    deployment_configuration: Mapping[str, Any] | None = None,
    network_configuration: Mapping[str, Any] | None = None,
    placement_strategy: Sequence[Mapping[str, Any]] | None = None,
    placement_constraints: Sequence[Mapping[str, Any]] | None = None,
    health_check_grace_period_seconds: int = 0,
    scheduling_strategy: str = "REPLICA",
    propagate_tags: str = "NONE",
    enable_ecs_managed_tags: bool = False,
    enable_execute_command: bool = False,
    availability_zone_rebalancing: str | None = None,
    deployment_controller: Mapping[str, Any] | None = None,
    client_token: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Service:
    """Create a service and begin its first deployment. Nested parameters are in AWS form. DAEMON: one task on each
    instance that satisfies the constraints; REPLICA: `desired_count` tasks, 1 by default. `client_token`: a repeat
    answers the service that is there. `availability_zone_rebalancing`: ENABLED where the service is eligible.
    With the deployment controller EXTERNAL it runs nothing until it is given task sets."""
    digest = digest_of({name: value for name, value in locals().items() if name != "caller"})
    if not isinstance(service_name, str) or not _NAME.match(service_name):
        raise invalid("serviceName", "1 to 255 letters, digits, hyphens and underscores")
    strategy.check(
        scheduling_strategy,
        desired_count=desired_count,
        launch_type=launch_type,
        capacity_provider_strategy=capacity_provider_strategy,
        placement_strategy=placement_strategy,
    )
    daemon = scheduling_strategy == strategy.DAEMON
    external = controller.checked(deployment_controller) == EXTERNAL
    if external:
        controller.check_creation(
            taskDefinition=task_definition,
            launchType=launch_type,
            capacityProviderStrategy=capacity_provider_strategy,
            networkConfiguration=network_configuration,
            deploymentConfiguration=deployment_configuration,
            schedulingStrategy=scheduling_strategy,
            availabilityZoneRebalancing=availability_zone_rebalancing,
        )
    owner = find_cluster(cluster)
    known = creation_token.earlier(owner, client_token, digest)
    if known is not None:
        return known
    placement = configuration.placement(placement_strategy, placement_constraints)
    definition, frozen = None, placement
    if not external:
        if not task_definition:
            raise invalid("taskDefinition", "Member must not be null")
        definition = find_definition(task_definition, active=True)
        frozen = freezing.frozen(
            owner,
            definition,
            launch_type or ("EC2" if daemon else None),  # the cluster's default strategy is not for daemons
            capacity_provider_strategy,
            network_configuration,
            placement_strategy,
            placement_constraints,
        )
    if (
        Service.objects.filter(cluster=owner, name=service_name)
        .exclude(status=Service.Status.INACTIVE)
        .exists()
    ):
        raise InvalidParameter(
            f"Creation of service was not idempotent: {service_name} exists already in cluster {owner}.",
            fields={"serviceName": "exists already"},
        )
    deploying = configuration.deployment_configuration(deployment_configuration, daemon=daemon)
    zones = "DISABLED"
    if definition is not None:
        shape = rebalancing.Shape(daemon, deploying["maximumPercent"], frozen, definition.document)
        zones = rebalancing.of_new(availability_zone_rebalancing, shape)
    service = Service.objects.create(
        cluster=owner,
        name=service_name,
        arn=here.service_arn(owner.name, service_name),
        scheduling_strategy=scheduling_strategy,
        deployment_controller=EXTERNAL if external else controller.ECS,
        placement=placement if external else {},
        # Of a daemon the first plan counts the instances.
        desired_count=0 if daemon else _checked_count(1 if desired_count is None else desired_count),
        deployment_configuration=deploying,
        health_grace=_checked_grace(health_check_grace_period_seconds),
        propagate_tags=task_tags.checked_source(propagate_tags),
        enable_ecs_managed_tags=configuration.flag(enable_ecs_managed_tags, "enableECSManagedTags"),
        enable_execute_command=configuration.flag(enable_execute_command, "enableExecuteCommand"),
        availability_zone_rebalancing=zones,
        tags=checked(tags),
        created_by=caller.arn,
        client_token=client_token or "",
        request_digest=digest,
    )
    Cluster.objects.filter(pk=owner.pk).update(active_services=F("active_services") + 1)
    if definition is not None:
        begin_deployment(service, new_revision(service, definition, frozen, caller.arn), caller.arn)
    else:
        touch(service)
    return service


@operation(
    "ecs:UpdateService",
    resource=service_arn_of,
    context=condition_keys.of_service,
    extra=_needs_of_definition,
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
        return _update_external(
            row,
            desired_count,
            placement_strategy,
            placement_constraints,
            health_check_grace_period_seconds,
            propagate_tags,
            enable_ecs_managed_tags,
        )
    current = current_revision(row)
    before = {"desiredCount": row.desired_count, "taskDefinition": str(current.task_definition)}
    shape_before = _shape(row, current.task_definition, current.configuration)
    if from_revision is not None and (task_definition or network_configuration or capacity_provider_strategy):
        raise invalid("fromRevision", "a revision is deployed as it was frozen, without other changes")
    strategy.check_update(
        row,
        desired_count=desired_count,
        capacity_provider_strategy=capacity_provider_strategy,
        placement_strategy=placement_strategy,
    )
    if desired_count is not None:
        row.desired_count = _checked_count(desired_count)
    if deployment_configuration is not None:
        row.deployment_configuration = configuration.deployment_configuration(
            deployment_configuration,
            row.deployment_configuration,
            daemon=row.scheduling_strategy == strategy.DAEMON,
        )
    if health_check_grace_period_seconds is not None:
        row.health_grace = _checked_grace(health_check_grace_period_seconds)
    if propagate_tags is not None:
        row.propagate_tags = task_tags.checked_source(propagate_tags)
    if enable_ecs_managed_tags is not None:
        managed = configuration.flag(enable_ecs_managed_tags, "enableECSManagedTags")
        audit.note_change("enableECSManagedTags", row.enable_ecs_managed_tags, managed)
        row.enable_ecs_managed_tags = managed
    if enable_execute_command is not None:
        allowed = configuration.flag(enable_execute_command, "enableExecuteCommand")
        audit.note_change("enableExecuteCommand", row.enable_execute_command, allowed)
        row.enable_execute_command = allowed
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
        wanted = rebalancing.of_updated(
            availability_zone_rebalancing,
            row.availability_zone_rebalancing,
            shape_before,
            _shape(row, definition, frozen),
        )
        if wanted != row.availability_zone_rebalancing:
            audit.note_change(rebalancing.FIELD, row.availability_zone_rebalancing, wanted)
        row.availability_zone_rebalancing = wanted
    update(
        row,
        "availability_zone_rebalancing",
        "desired_count",
        "deployment_configuration",
        "health_grace",
        "propagate_tags",
        "enable_ecs_managed_tags",
        "enable_execute_command",
    )
    if row.deployment is not None and deployment_configuration is not None:
        Deployment.objects.filter(pk=row.deployment_id).update(
            configuration=hooks.of_running(row.deployment, row.deployment_configuration)
        )
    if earlier is not None:
        begin_deployment(row, earlier, caller.arn, is_rollback=True)
    elif (
        force_new_deployment or definition.pk != current.task_definition_id or frozen != current.configuration
    ):
        revision = new_revision(row, definition, frozen, caller.arn)
        begin_deployment(row, revision, caller.arn, force=force_new_deployment)
    if row.desired_count != before["desiredCount"]:
        audit.note_change("desiredCount", before["desiredCount"], row.desired_count)
        row.steady_since = None
        row.save(update_fields=["steady_since"])
    after = str(current_revision(row).task_definition)
    if after != before["taskDefinition"]:
        audit.note_change("taskDefinition", before["taskDefinition"], after)
    touch(row)
    return row


@operation("ecs:DeleteService", resource=service_arn_of, writes=True)
def delete_service(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER, force: bool = False
) -> Service:
    """Stop everything of a service and make it INACTIVE. A REPLICA service without `force` only when it is scaled to
    zero, and one with task sets only when these are deleted."""
    row = find_active_service(service, cluster)
    if row.desired_count and not force and row.scheduling_strategy != strategy.DAEMON:
        raise InvalidParameter(
            "The service cannot be stopped while it is scaled above 0.",
            fields={"force": "scale to 0 first, or use force"},
        )
    if row.is_external:
        if not force and row.task_sets.exists():
            raise InvalidParameter(
                "The service cannot be stopped while it has task sets.",
                fields={"force": "delete its task sets first, or use force"},
            )
        drain(row.task_sets.all())
    if row.deployment is not None:
        end_deployment(row.deployment, DeploymentStatus.STOPPED, "The service was deleted.")
    row.status, row.desired_count, row.deployment, row.steady_since = Service.Status.DRAINING, 0, None, None
    row.save(update_fields=["status", "desired_count", "deployment", "steady_since"])
    touch(row)
    return row


@operation("ecs:StopServiceDeployment", resource=deployment_arn_of, owners=deployment_owners, writes=True)
def stop_service_deployment(
    caller: Caller, *, service_deployment: str, stop_type: str = "ROLLBACK"
) -> Deployment:
    """End a deployment in progress. ROLLBACK: back to the last completed revision. ABORT: nothing more is started or
    stopped; tasks lost afterwards are replaced from the last completed revision."""
    if stop_type not in ("ROLLBACK", "ABORT"):
        raise invalid("stopType", "ROLLBACK or ABORT")
    found = find_deployment(service_deployment)
    Service.objects.select_for_update().get(pk=found.service_id)
    found = find_deployment(service_deployment)
    request_stop(found, rollback=stop_type == "ROLLBACK")
    return found


def roll_back(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER, to: str | None = None
) -> Deployment:
    """The one click: to the last completed revision, or to the one named. In mid-deployment it is
    StopServiceDeployment with ROLLBACK, afterwards UpdateService from the frozen revision. Not an operation itself:
    both it may become are."""
    row = find_service(service, cluster)
    target = rollback_target(row) if to is None else find_revision(row, to)
    if target is None:
        raise ClientError(f"{row.name} has no other completed revision to roll back to.")
    if (
        row.deployment is not None
        and row.completed_revision_id == target.pk
        and row.deployment.target_id != target.pk
    ):
        return stop_service_deployment(caller, service_deployment=row.deployment.arn, stop_type="ROLLBACK")
    updated = update_service(caller, service=row.arn, cluster=row.cluster.name, from_revision=target.pk)
    deployment = Service.objects.select_related("deployment").get(pk=updated.pk).deployment
    assert deployment is not None
    return deployment


# ---- what they share ---------------------------------------------------------------------------


def _update_external(
    row: Service,
    desired_count: int | None,
    placement_strategy: Sequence[Mapping[str, Any]] | None,
    placement_constraints: Sequence[Mapping[str, Any]] | None,
    grace: int | None,
    propagate_tags: str | None,
    managed_tags: bool | None,
) -> Service:
    """Of a service with task sets: for all of them, from now on."""
    before = row.placement
    row.placement = configuration.placement(
        before.get("placementStrategy") if placement_strategy is None else placement_strategy,
        before.get("placementConstraints") if placement_constraints is None else placement_constraints,
    )
    audit.note_change("placement", before, row.placement)
    if grace is not None:
        row.health_grace = _checked_grace(grace)
    if propagate_tags is not None:
        row.propagate_tags = task_tags.checked_source(propagate_tags)
    if managed_tags is not None:
        row.enable_ecs_managed_tags = configuration.flag(managed_tags, "enableECSManagedTags")
    if desired_count is not None and _checked_count(desired_count) != row.desired_count:
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


def _shape(service: Service, definition: TaskDefinition, frozen: Mapping[str, Any]) -> rebalancing.Shape:
    daemon = service.scheduling_strategy == strategy.DAEMON
    most = service.deployment_configuration["maximumPercent"]
    return rebalancing.Shape(daemon, most, frozen, definition.document)


def _checked_count(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TASKS:
        raise invalid("desiredCount", f"a whole number from 0 to {MOST_TASKS}")
    return value


def _checked_grace(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2_147_483_647:
        raise invalid("healthCheckGracePeriodSeconds", "a whole number of seconds, 0 or more")
    return value


__all__ = [
    "create_service",
    "current_revision",
    "delete_service",
    "roll_back",
    "rollback_target",
    "stop_service_deployment",
    "update_service",
]
