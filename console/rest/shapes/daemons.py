"""Daemon task definitions, daemons, their revisions and deployments, as REST answers them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Whole
from console.rest.shapes.services import DefinitionSummaryShape
from services.daemons.configuration import provider_names, shown
from services.daemons.document import described
from services.daemons.lookup import status_of, wanted_revision
from services.models import Deployment, Service, ServiceRevision, TaskDefinition


class DaemonDefinitionSummaryShape(DefinitionSummaryShape):
    """One revision in a list, without its document."""

    taskDefinitionArn = None  # type: ignore[assignment]
    deregisteredAt = None  # type: ignore[assignment]
    daemonTaskDefinitionArn = Text("arn")
    deleteRequestedAt = Moment("delete_requested_at")

    class Meta:
        ref_name = "DaemonTaskDefinitionSummary"


class DaemonDefinitionShape(Shape):
    """One revision: the fields of its document, as ECS's DescribeDaemonTaskDefinition has them, and these."""

    daemonTaskDefinitionArn = Text("arn")
    family = Text("family.name")
    revision = Whole()
    status = Text()
    registeredAt = Moment("registered_at")
    registeredBy = Text("registered_by", help_text="ARN.")
    deleteRequestedAt = Moment("delete_requested_at")
    containerDefinitions = FreeList("document.containerDefinitions")
    volumes = FreeList("document.volumes")
    tags = Tags()

    class Meta:
        ref_name = "DaemonTaskDefinition"

    def to_representation(self, instance: TaskDefinition) -> dict[str, Any]:
        return {**super().to_representation(instance), **described(instance.document)}


class DaemonShape(Shape):
    daemonArn = Text("arn")
    daemonName = Text("name")
    clusterArn = Text("cluster.arn")
    status = serializers.SerializerMethodField()
    daemonTaskDefinitionArn = serializers.SerializerMethodField()
    capacityProviders = serializers.SerializerMethodField()
    critical = serializers.SerializerMethodField()
    desiredCount = Whole("desired_count", help_text="Instances that are to have it.")
    runningCount = Whole("running_count")
    pendingCount = Whole("pending_count")
    deploymentArn = Text("deployment_arn", help_text="The newest deployment's.")
    deploymentConfiguration = serializers.SerializerMethodField()
    waiting = Text(help_text="What it waits for, in words.")
    tags = Tags()
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    updatedAt = Moment("updated_at")

    class Meta:
        ref_name = "Daemon"

    def get_status(self, row: Service) -> str:
        """ACTIVE or DELETE_IN_PROGRESS."""
        return status_of(row)

    @extend_schema_field({"type": "string", "nullable": True})
    def get_daemonTaskDefinitionArn(self, row: Service) -> str | None:
        """What it is to run; null where its first deployment failed."""
        wanted = wanted_revision(row)
        return wanted.task_definition.arn if wanted is not None else None

    def get_capacityProviders(self, row: Service) -> list[str]:
        wanted = wanted_revision(row)
        return provider_names(wanted.configuration) if wanted is not None else []

    def get_critical(self, row: Service) -> bool:
        wanted = wanted_revision(row)
        return wanted is not None and bool(wanted.configuration["critical"])

    @extend_schema_field(Free)
    def get_deploymentConfiguration(self, row: Service) -> dict[str, Any]:
        return shown(row.deployment_configuration)


class DaemonRevisionShape(Shape):
    daemonRevisionArn = Text("arn")
    number = Whole()
    daemonArn = Text("service.arn")
    clusterArn = Text("service.cluster.arn")
    daemonTaskDefinitionArn = Text("task_definition.arn")
    capacityProviders = serializers.SerializerMethodField()
    propagateTags = Text("configuration.propagateTags")
    enableECSManagedTags = Flag("configuration.enableECSManagedTags")
    enableExecuteCommand = Flag("configuration.enableExecuteCommand")
    critical = Flag("configuration.critical")
    containerImages = Free("images", help_text="Container name to image and digest.")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    completedAt = Moment("completed_at")

    class Meta:
        ref_name = "DaemonRevision"

    def get_capacityProviders(self, row: ServiceRevision) -> list[str]:
        return provider_names(row.configuration)


class DaemonDeploymentShape(Shape):
    daemonDeploymentArn = Text("arn")
    number = Whole()
    daemonArn = Text("service.arn")
    clusterArn = Text("service.cluster.arn")
    status = Text()
    statusReason = Text("status_reason")
    targetDaemonRevisionArn = Text("target.arn")
    sourceDaemonRevisionArn = Text("source.arn", default=None, allow_null=True)
    rollbackDaemonRevisionArn = Text("rollback.arn", default=None, allow_null=True)
    rollbackReason = Text("rollback_reason")
    failedTasks = Whole("failed_tasks", help_text="As the circuit breaker counts.")
    deploymentConfiguration = serializers.SerializerMethodField()
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    startedAt = Moment("started_at")
    finishedAt = Moment("finished_at")

    class Meta:
        ref_name = "DaemonDeployment"

    @extend_schema_field(Free)
    def get_deploymentConfiguration(self, row: Deployment) -> dict[str, Any]:
        return shown(row.configuration)
