"""Clusters and their container instances."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.clusters import (
    AttributesShape,
    CapacityProviderShape,
    CleaningShape,
    ClusterNetworkShape,
    ClusterShape,
    ContainerInstanceShape,
    SettingShape,
    SettingsShape,
)
from services.seen import count_what_is_seen

_ACCOUNT = "Account settings"
_CLUSTERS = "Clusters"
_INSTANCES = "Container instances"
_CAPACITY = "Capacity providers"
_ATTRIBUTE = {"name": "rack", "value": "7", "targetId": "0f3c5c8d2e7b4a5f9d1c6b7a8e9f0a1b"}


def _counted(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.annotate(registered_instances=Count("instances", filter=~Q(instances__status="INACTIVE")))


def _with_what_is_held(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.prefetch_related("host_ports", "held_gpus")


def _providers(name: str) -> Listing:
    return Listing(
        "describe_capacity_providers",
        CapacityProviderShape,
        name=name,
        orders={"name": ("name",), "createdAt": ("created_at",)},
        order="name",
    )


def _instances(name: str) -> Listing:
    return Listing(
        "list_container_instances",
        ContainerInstanceShape,
        name=name,
        prepare=_with_what_is_held,
        words={"status": ("ACTIVE", "DRAINING")},
        filters={
            "name": Filter("name__icontains", "Part of its name."),
            "agentConnected": Filter("connected", "Whether its engine is reached.", flag=True),
        },
        orders={
            "name": ("cluster__name", "name"),
            "registeredAt": ("registered_at",),
            "runningTasksCount": ("running_tasks",),
        },
        order="name",
    )


ENDPOINTS = [
    Endpoint(
        "clusters",
        _CLUSTERS,
        GET=Listing(
            "list_clusters",
            ClusterShape,
            prepare=_counted,
            seen=count_what_is_seen,
            filters={"name": Filter("name__icontains", "Part of its name.")},
            orders={
                "name": ("name",),
                "createdAt": ("created_at",),
                "runningTasksCount": ("running_tasks",),
                "activeServicesCount": ("active_services",),
            },
            order="name",
        ),
        POST=Action(
            "create_cluster",
            ClusterShape,
            status=201,
            example={"clusterName": "production", "tags": {"team": "shop"}},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>",
        _CLUSTERS,
        GET=Action("describe_cluster", ClusterShape, seen=count_what_is_seen),
        PATCH=Action(
            "update_cluster",
            ClusterShape,
            seen=count_what_is_seen,
            example={"configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}},
        ),
        DELETE=Action("delete_cluster", ClusterShape),
    ),
    Endpoint(
        "clusters/<str:cluster>/settings",
        _CLUSTERS,
        PUT=Action(
            "update_cluster_settings",
            ClusterShape,
            seen=count_what_is_seen,
            example={"settings": [{"name": "containerInsights", "value": "disabled"}]},
        ),
    ),
    Endpoint(
        "capacity-providers",
        _CAPACITY,
        GET=_providers("listCapacityProviders"),
        POST=Action(
            "create_capacity_provider",
            CapacityProviderShape,
            status=201,
            example={"name": "fast", "autoScalingGroupProvider": {"autoScalingGroupArn": "fast-hosts"}},
        ),
    ),
    Endpoint(
        "capacity-providers/<str:capacityProvider>",
        _CAPACITY,
        DELETE=Action("delete_capacity_provider", CapacityProviderShape),
    ),
    Endpoint(
        "capacity-providers/<str:name>/settings",
        _CAPACITY,
        PUT=Action(
            "update_capacity_provider",
            CapacityProviderShape,
            example={"autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 90}}},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/capacity-providers",
        _CAPACITY,
        GET=_providers("listCapacityProvidersOfCluster"),
        PUT=Action(
            "put_cluster_capacity_providers",
            ClusterShape,
            example={
                "capacityProviders": ["fast"],
                "defaultCapacityProviderStrategy": [{"capacityProvider": "fast", "weight": 1, "base": 2}],
            },
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/attributes",
        _INSTANCES,
        GET=Action("list_attributes", AttributesShape, words={"target_type": ("container-instance",)}),
        PUT=Action("put_attributes", AttributesShape, example={"attributes": [_ATTRIBUTE]}),
    ),
    Endpoint(
        "clusters/<str:cluster>/attributes/delete",
        _INSTANCES,
        POST=Action(
            "delete_attributes",
            AttributesShape,
            example={"attributes": [{name: _ATTRIBUTE[name] for name in ("name", "targetId")}]},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/network",
        _CLUSTERS,
        PATCH=Action(
            "update_cluster_network",
            ClusterNetworkShape,
            words={"driver": ("bridge", "overlay")},
            example={"driver": "overlay"},
        ),
    ),
    Endpoint("container-instances", _INSTANCES, GET=_instances("listContainerInstances")),
    Endpoint(
        "clusters/<str:cluster>/container-instances",
        _INSTANCES,
        GET=_instances("listContainerInstancesOfCluster"),
        POST=Action(
            "register_container_instance",
            ContainerInstanceShape,
            status=201,
            example={"url": "unix:///var/run/docker.sock", "name": "host-a", "attributes": {"rack": "7"}},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/container-instances/<str:containerInstance>",
        _INSTANCES,
        GET=Action("describe_container_instance", ContainerInstanceShape),
        PATCH=Action(
            "update_container_instance_state",
            ContainerInstanceShape,
            words={"status": ("ACTIVE", "DRAINING")},
            example={"status": "DRAINING"},
        ),
        DELETE=Action("deregister_container_instance", ContainerInstanceShape),
    ),
    Endpoint(
        "account-settings",
        _ACCOUNT,
        GET=Action("list_account_settings", SettingsShape, prepare=lambda found: {"items": found}),
        PUT=Action(
            "put_account_setting",
            SettingShape,
            example={"name": "taskLongArnFormat", "value": "enabled"},
        ),
        DELETE=Action("delete_account_setting", SettingShape),
    ),
    Endpoint(
        "account-settings/default",
        _ACCOUNT,
        PUT=Action(
            "put_account_setting_default",
            SettingShape,
            example={"name": "taskLongArnFormat", "value": "enabled"},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/container-instances/<str:containerInstance>/settings",
        _INSTANCES,
        PATCH=Action(
            "update_container_instance_settings",
            ContainerInstanceShape,
            example={"imagePullBehavior": "prefer-cached"},
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/container-instances/<str:containerInstance>/cleaning",
        _INSTANCES,
        GET=Action("describe_container_instance_cleaning", CleaningShape),
        POST=Action("clean_container_instance", CleaningShape, status=202, example={"dryRun": True}),
    ),
]
