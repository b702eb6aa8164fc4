"""Task definitions, services, their revisions, deployments and events, as REST answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Whole
from services import hooks
from services.models import Deployment, Service, ServiceRevision, TaskDefinition
from services.revisions import shown_revision

# ---- task definitions --------------------------------------------------------------------------


class FamilyShape(Shape):
    family = Text("name")
    newestRevision = Whole("newest")
    activeRevisions = Whole("active")
    newestRegisteredAt = Moment("newest_at")

    class Meta:
        ref_name = "TaskDefinitionFamily"


class DefinitionSummaryShape(Shape):
    """One revision in a list, without its document."""

    taskDefinitionArn = Text("arn")
    family = Text("family.name")
    revision = Whole()
    status = Text()
    cpu = Whole(help_text="CPU units that one task reserves.")
    memory = Whole(help_text="MiB that one task reserves.")
    images = serializers.SerializerMethodField()
    registeredAt = Moment("registered_at")
    registeredBy = Text("registered_by", help_text="ARN.")
    deregisteredAt = Moment("deregistered_at")
    tags = Tags()

    class Meta:
        ref_name = "TaskDefinitionSummary"

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_images(self, row: TaskDefinition) -> dict[str, str]:
        """Container name to image."""
        return {container["name"]: container["image"] for container in row.containers}


class DefinitionShape(Shape):
    """One revision: the fields of its document, as ECS's DescribeTaskDefinition has them, and these."""

    taskDefinitionArn = Text("arn")
    family = Text("family.name")
    revision = Whole()
    status = Text()
    registeredAt = Moment("registered_at")
    registeredBy = Text("registered_by", help_text="ARN.")
    deregisteredAt = Moment("deregistered_at")
    containerDefinitions = FreeList("document.containerDefinitions")
    volumes = FreeList("document.volumes")
    networkMode = Text("document.networkMode")
    tags = Tags()

    class Meta:
        ref_name = "TaskDefinition"

    def to_representation(self, instance: TaskDefinition) -> dict[str, Any]:
        return {**instance.document, **super().to_representation(instance)}


class ChangeShape(Shape):
    path = Text(help_text="The place, by names: containerDefinitions[web].environment[LOG_LEVEL].")
    label = Text(help_text="The place in words.")  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=["added", "removed", "changed"])
    before = Text(allow_null=True, help_text="null: not set.")
    after = Text(allow_null=True, help_text="null: not set.")

    class Meta:
        ref_name = "Change"


class ComparisonShape(Shape):
    before = Text(help_text="ARN of the first revision.")
    after = Text(help_text="ARN of the second.")
    changes = ChangeShape(many=True)

    class Meta:
        ref_name = "Comparison"


# ---- services ----------------------------------------------------------------------------------


class Frozen(Shape):
    """The part of a configuration that service revisions freeze."""

    launchType = serializers.SerializerMethodField()
    capacityProviderStrategy = serializers.SerializerMethodField()
    networkConfiguration = serializers.SerializerMethodField()
    placementStrategy = serializers.SerializerMethodField()
    placementConstraints = serializers.SerializerMethodField()

    def get_fields(self) -> dict[str, Any]:
        """Names and states are read first."""
        found = super().get_fields()
        return found | {name: found.pop(name) for name in tuple(Frozen._declared_fields)}

    def configuration(self, row: Any) -> Mapping[str, Any]:
        raise NotImplementedError

    @extend_schema_field({"type": "string", "nullable": True})
    def get_launchType(self, row: Any) -> str | None:
        return self.configuration(row).get("launchType")

    @extend_schema_field(FreeList)
    def get_capacityProviderStrategy(self, row: Any) -> list[Any]:
        return list(self.configuration(row).get("capacityProviderStrategy") or [])

    @extend_schema_field(Free)
    def get_networkConfiguration(self, row: Any) -> dict[str, Any]:
        return dict(self.configuration(row).get("networkConfiguration") or {})

    @extend_schema_field(FreeList)
    def get_placementStrategy(self, row: Any) -> list[Any]:
        return list(self.configuration(row).get("placementStrategy") or [])

    @extend_schema_field(FreeList)
    def get_placementConstraints(self, row: Any) -> list[Any]:
        return list(self.configuration(row).get("placementConstraints") or [])


class ServiceShape(Frozen):
    serviceArn = Text("arn")
    serviceName = Text("name")
    clusterArn = Text("cluster.arn")
    status = Text()
    schedulingStrategy = Text("scheduling_strategy")
    deploymentController = Text(
        "deployment_controller",
        help_text="ECS: deployments; EXTERNAL: task sets, and the fields of the primary one.",
    )
    desiredCount = Whole("desired_count")
    runningCount = Whole("running_count")
    pendingCount = Whole("pending_count")
    taskDefinition = serializers.SerializerMethodField()
    serviceRevisionArn = serializers.SerializerMethodField()
    currentServiceDeployment = Text(
        "deployment.arn", default=None, allow_null=True, help_text="ARN of the deployment in progress."
    )
    deploymentConfiguration = Free("deployment_configuration")
    healthCheckGracePeriodSeconds = Whole("health_grace")
    propagateTags = Text("propagate_tags")
    enableECSManagedTags = Flag("enable_ecs_managed_tags", help_text="For the tasks started from now on.")
    availabilityZoneRebalancing = Text("availability_zone_rebalancing")
    enableExecuteCommand = Flag("enable_execute_command", help_text="For the tasks started from now on.")
    steadySince = Moment("steady_since", help_text="null while it is not in a steady state.")
    waitingFor = Text("waiting", help_text="What it waits for, in words.")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    tags = Tags()

    class Meta:
        ref_name = "Service"

    def configuration(self, row: Service) -> Mapping[str, Any]:
        current = self._current(row)
        return {**(current.configuration if current is not None else {}), **row.placement}

    def get_taskDefinition(self, row: Service) -> str | None:
        """ARN of the revision it is to run now; null where there is no primary task set."""
        current = self._current(row)
        return None if current is None else current.task_definition.arn

    def get_serviceRevisionArn(self, row: Service) -> str | None:
        """ARN of the configuration it is to run now; null where there is no primary task set."""
        current = self._current(row)
        return None if current is None else current.arn

    @staticmethod
    def _current(row: Service) -> ServiceRevision | None:
        """As services.revisions.shown_revision; in lists the newest revisions have been fetched together."""
        fetched: list[ServiceRevision] | None = getattr(row, "newest_revisions", None)
        if fetched and row.deployment is None and row.completed_revision is None and not row.is_external:
            return fetched[0]
        return shown_revision(row)


class RevisionShape(Frozen):
    serviceRevisionArn = Text("arn")
    id = Text()
    number = Whole()
    serviceArn = Text("service.arn")
    taskDefinition = Text("task_definition.arn")
    containerImages = serializers.SerializerMethodField()
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    completedAt = Moment("completed_at", help_text="The last time a deployment of it completed.")

    class Meta:
        ref_name = "ServiceRevision"

    def configuration(self, row: ServiceRevision) -> Mapping[str, Any]:
        return row.configuration

    def get_containerImages(self, row: ServiceRevision) -> list[dict[str, str]]:
        """The digest each image was resolved to, once for all its tasks."""
        return [
            {"containerName": name, "image": found.get("image", ""), "imageDigest": found.get("digest") or ""}
            for name, found in row.images.items()
        ]


class RevisionReference(Shape):
    serviceRevisionArn = Text("arn")
    number = Whole()
    taskDefinition = Text("task_definition.arn")

    class Meta:
        ref_name = "ServiceRevisionReference"


class HookShape(Shape):
    """A lifecycle hook that the deployment reached."""

    hookId = Text("hook_id", help_text="For `continue`, while it is AWAITING_ACTION.")
    targetType = Text("target_type", help_text="PAUSE.")
    lifecycleStage = Text("stage")
    status = Text(help_text="AWAITING_ACTION, SUCCEEDED, FAILED or TIMED_OUT.")
    createdAt = Moment("created_at", help_text="Since when it holds the deployment.")
    expiresAt = Moment("expires_at", help_text="When it times out.")
    timeoutAction = Text("timeout_action", help_text="What is done then: CONTINUE or ROLLBACK.")
    resolvedAt = Moment("resolved_at")
    resolvedBy = Text("resolved_by", help_text="ARN of who continued it or rolled it back.")

    class Meta:
        ref_name = "LifecycleHookDetail"


class DeploymentShape(Shape):
    serviceDeploymentArn = Text("arn")
    id = Text()
    number = Whole()
    serviceArn = Text("service.arn")
    clusterArn = Text("service.cluster.arn")
    status = Text()
    statusReason = Text("status_reason")
    targetServiceRevision = RevisionReference(source="target")
    sourceServiceRevision = RevisionReference(
        source="source", allow_null=True, help_text="What was completed before it."
    )
    rollback = serializers.SerializerMethodField()
    isRollback = Flag("is_rollback", help_text="Whether it was asked for as a rollback.")
    lifecycleStage = Text(
        "lifecycle_stage", help_text="How far it is, where it has lifecycle hooks; else empty."
    )
    lifecycleHookDetails = serializers.SerializerMethodField()
    failedTasks = Whole("failed_tasks", help_text="As the circuit breaker counts them.")
    deploymentConfiguration = Free("configuration")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    startedAt = Moment("started_at")
    finishedAt = Moment("finished_at")
    updatedAt = Moment("updated_at")

    class Meta:
        ref_name = "ServiceDeployment"

    @extend_schema_field(HookShape(many=True))
    def get_lifecycleHookDetails(self, row: Deployment) -> Any:
        """Of each lifecycle hook that it reached."""
        return HookShape(hooks.details(row), many=True).data

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "properties": {
                "reason": {"type": "string"},
                "startedAt": {"type": "string", "format": "date-time", "nullable": True},
                "serviceRevisionArn": {"type": "string"},
            },
        }
    )
    def get_rollback(self, row: Deployment) -> dict[str, Any] | None:
        """Where it is going back, or went back, to; null where it does not."""
        if row.rollback is None:
            return None
        return {
            "reason": row.rollback_reason,
            "startedAt": row.rollback_started_at,
            "serviceRevisionArn": row.rollback.arn,
        }


class EventShape(Shape):
    id = Text("event_id")
    createdAt = Moment("created_at")
    message = Text()

    class Meta:
        ref_name = "ServiceEvent"


class PreviewShape(Shape):
    """What a rollback would change against what is to run now."""

    current = RevisionReference()
    target = RevisionReference()
    stopsDeployment = Text(
        allow_null=True,
        help_text="ARN of the deployment in progress that it would end with ROLLBACK, or null.",
    )
    desiredCount = Whole(help_text="Stays as it is.")
    changes = ChangeShape(many=True)

    class Meta:
        ref_name = "RollbackPreview"
