"""Services made and deleted. Changed: `updating`; their deployments: `deployment_operations`; tasks:
`task_operations`; task definitions: `definitions`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from base import here
from base.errors import InvalidParameter, invalid
from base.tags import checked
from clusters.models import Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services import (
    condition_keys,
    configuration,
    creation_token,
    freezing,
    rebalancing,
    strategy,
    task_tags,
)
from services.client_tokens import digest_of
from services.definitions import needs_of_definition
from services.lookup import (
    find_active_service,
    find_definition,
    service_arn_of,
)
from services.models import EXTERNAL, Service
from services.rollout import begin_deployment, end_deployment, new_revision, touch
from services.scheduler.model import DeploymentStatus
from services.task_sets import controller
from services.task_sets.state import drain

_NAME = re.compile(r"^[A-Za-z0-9_-]{1,255}$")


def _new_service_arn(params: Params) -> str:
    return here.service_arn(cluster_name(params["cluster"]), params["service_name"])


def _needs_of_creation(caller: Caller, params: Params) -> Iterator[Need]:
    yield from needs_of_definition(caller, params)
    yield from tagging_need("CreateService", _new_service_arn(params), params["tags"])


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
        desired_count=0
        if daemon
        else configuration.desired_count(1 if desired_count is None else desired_count),
        deployment_configuration=deploying,
        health_grace=configuration.health_grace(health_check_grace_period_seconds),
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
