"""Clusters and container instances, as REST answers them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clusters import instance_settings
from clusters.models import CapacityProvider, Cluster, ContainerInstance
from console.resources import gpus, numbers
from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Texts, Whole


class ClusterShape(Shape):
    clusterArn = Text("arn")
    clusterName = Text("name")
    status = Text()
    activeServicesCount = Whole("active_services")
    runningTasksCount = Whole("running_tasks")
    pendingTasksCount = Whole("pending_tasks")
    registeredContainerInstancesCount = serializers.SerializerMethodField()
    configuration = Free()
    capacityProviders = Texts("capacity_providers", help_text="Names of those it may use.")
    defaultCapacityProviderStrategy = FreeList("default_capacity_provider_strategy")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    tags = Tags()

    class Meta:
        ref_name = "Cluster"

    def get_registeredContainerInstancesCount(self, row: Cluster) -> int:
        counted: int | None = getattr(row, "registered_instances", None)
        if counted is not None:
            return counted
        return row.instances.exclude(status=ContainerInstance.Status.INACTIVE).count()


class ClusterNetworkShape(Shape):
    name = Text()
    clusterArn = Text("cluster.arn")
    vpcId = Text("vpc_id")
    subnetId = Text("subnet_id")
    securityGroupId = Text("security_group_id")
    driver = Text(help_text="bridge: one on each engine. overlay: one over all of them.")
    dockerName = Text("docker_name", help_text="Of the Docker network that tasks join.")
    trouble = Text(help_text="What keeps an overlay from being whole.")
    checkedAt = Moment("checked_at")

    class Meta:
        ref_name = "ClusterNetwork"


class ContainerInstanceShape(Shape):
    containerInstanceArn = Text("arn")
    containerInstanceId = Text("id")
    ec2InstanceId = Text(
        "ec2_instance_id", help_text="In EC2's form: what cluster queries ask as ec2InstanceId."
    )
    name = Text()
    clusterArn = Text("cluster.arn")
    status = Text()
    url = Text()
    sshHostKey = Text("ssh_host_key", help_text="What an ssh:// host must show, one key a line.")
    agentConnected = Flag("connected", help_text="While false, what runs there is unknown, not gone.")
    connectionError = Text("connection_error", help_text="Why the engine cannot be reached.")
    connectedAt = Moment("connected_at", help_text="Start of the present connection.")
    disconnectedAt = Moment("disconnected_at", help_text="Start of the last outage.")
    lostAt = Moment("lost_at", help_text="Since when it counts as lost; null while it does not.")
    lastSeenAt = Moment("last_seen_at")
    registeredAt = Moment("registered_at")
    registeredBy = Text("registered_by", help_text="ARN.")
    deregisteredAt = Moment("deregistered_at")
    runningTasksCount = Whole("running_tasks")
    pendingTasksCount = Whole("pending_tasks")
    registeredResources = serializers.SerializerMethodField()
    remainingResources = serializers.SerializerMethodField()
    usedHostPorts = serializers.SerializerMethodField()
    diskTotal = Whole("disk_total", allow_null=True, help_text="MiB of the engine's data root, where known.")
    diskFree = Whole("disk_free", allow_null=True, help_text="MiB.")
    versionInfo = Free("info", help_text="What the engine said of itself.")
    jointLimits = Flag(
        "joint_limits", help_text="Whether a task's limits hold over all its containers together."
    )
    settings = serializers.SerializerMethodField()
    overlay = Free(help_text="As a node of the swarm that carries the cluster's overlay; empty without one.")
    attributes = Tags()
    capabilities = Texts(help_text="Attributes for what it can do, by name: they have no value.")
    tags = Tags()

    class Meta:
        ref_name = "ContainerInstance"

    def get_settings(self, row: ContainerInstance) -> dict[str, str]:
        """What is in force: its own, or the installation's."""
        return {
            instance_settings.PULL_BEHAVIOR: instance_settings.pull_behavior(row),
            instance_settings.IMAGE_CLEANUP: instance_settings.image_cleanup(row),
        }

    def get_registeredResources(self, row: ContainerInstance) -> list[dict[str, Any]]:
        return [*numbers({"CPU": row.cpu, "MEMORY": row.memory}), *gpus(row, row.gpus)]

    def get_remainingResources(self, row: ContainerInstance) -> list[dict[str, Any]]:
        left = {"CPU": row.cpu - row.cpu_reserved, "MEMORY": row.memory - row.memory_reserved}
        return [*numbers(left), *gpus(row, row.free_gpus)]

    def get_usedHostPorts(self, row: ContainerInstance) -> list[str]:
        return sorted(str(port) for port in row.host_ports.all())


class CapacityProviderShape(Shape):
    capacityProviderArn = Text("arn")
    name = Text()
    status = Text()
    type = serializers.SerializerMethodField()
    autoScalingGroupProvider = Free("configuration", help_text="Empty for FARGATE and FARGATE_SPOT.")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    tags = Tags()

    class Meta:
        ref_name = "CapacityProvider"

    def get_type(self, row: CapacityProvider) -> str:
        return row.name if row.built_in else "EC2_AUTOSCALING"


class AttributeShape(Shape):
    name = Text()
    value = Text(required=False, help_text="Left out where it has none.")
    targetType = Text()
    targetId = Text(help_text="ARN of the container instance.")

    class Meta:
        ref_name = "Attribute"


class AttributesShape(Shape):
    attributes = AttributeShape(many=True, source="*")

    class Meta:
        ref_name = "Attributes"


class CleaningShape(Shape):
    """What was last found on an instance, the things to be removed or removed first."""

    lookedAt = Moment("looked_at")
    cleanedAt = Moment("cleaned_at")
    nextAt = Moment("wake_at", help_text="When it is looked at again by itself.")
    freedBytes = Whole("freed", help_text="Bytes of images that the last cleaning removed.")
    otherImages = Whole("others", help_text="Images there that Slipway did not bring and never removes.")
    error = Text(help_text="Why it could not be looked at.")
    items = FreeList(
        help_text="kind (container, image, network, volume), name, size in bytes, verdict (keep, remove, removed, "
        "failed) and the reason of each."
    )

    class Meta:
        ref_name = "ContainerInstanceCleaning"


class SettingShape(Shape):
    name = Text()
    value = Text()
    principalArn = Text("principal_arn", help_text="For whom: a user, a role, or the account's root for all.")
    managed = Flag(help_text="Not for users to change.")

    class Meta:
        ref_name = "AccountSetting"


class SettingsShape(Shape):
    items: Any = SettingShape(many=True)

    class Meta:
        ref_name = "AccountSettings"
