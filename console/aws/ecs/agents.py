"""What only ECS's own agents and namespaces would ask: answered with what is so here, or refused with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.caller import Caller
from access.registry import authorize
from base import here
from base.errors import ClientError, NotFound, OperationError
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster, find_instance
from console.aws.ecs.common import Document
from console.aws.handlers import answers

_PULLED = "Slipway asks the engines itself: no agent reports to it."


@answers("ecs", "ListServicesByNamespace", refuses="NamespaceNotFoundException")
def list_services_by_namespace(
    caller: Caller, *, namespace: str, nextToken: str = "", maxResults: int = 10
) -> Document:
    authorize(caller, "ecs:ListServicesByNamespace", "*")
    raise NotFound(
        f"There is no namespace {namespace[:200]}: Service Connect is not supported by this release of Slipway.",
        code="NamespaceNotFoundException",
    )


@answers("ecs", "UpdateContainerAgent", refuses="NoUpdateAvailableException")
def update_container_agent(
    caller: Caller, *, containerInstance: str, cluster: str = DEFAULT_CLUSTER
) -> Document:
    arn = here.container_instance_arn(cluster_name(cluster), containerInstance.rsplit("/", 1)[-1])
    authorize(caller, "ecs:UpdateContainerAgent", arn)
    find_instance(find_cluster(cluster), containerInstance)
    raise OperationError(
        "There is no agent on the instance, so there is nothing to update.", code="NoUpdateAvailableException"
    )


@answers("ecs", "RegisterContainerInstance", refuses="ClientException")
def register_container_instance(
    caller: Caller, *, cluster: str = DEFAULT_CLUSTER, **members: Any
) -> Document:
    authorize(caller, "ecs:RegisterContainerInstance", here.cluster_arn(cluster_name(cluster)))
    raise ClientError(
        "RegisterContainerInstance is how ECS's agent announces itself, without an address. Register a Docker Engine "
        "by its address: in the console, by POST /api/v1/clusters/{cluster}/container-instances, or with "
        "`manage.py register_instance`."
    )


def _refuse_report(caller: Caller, action: str, cluster: str) -> Document:
    authorize(caller, f"ecs:{action}", here.cluster_arn(cluster_name(cluster)))
    raise ClientError(f"{action} is what ECS's agent reports with. {_PULLED}")


@answers("ecs", "SubmitTaskStateChange", refuses="ClientException")
def submit_task_state_change(caller: Caller, *, cluster: str = DEFAULT_CLUSTER, **members: Any) -> Document:
    return _refuse_report(caller, "SubmitTaskStateChange", cluster)


@answers("ecs", "SubmitContainerStateChange", refuses="ClientException")
def submit_container_state_change(
    caller: Caller, *, cluster: str = DEFAULT_CLUSTER, **members: Any
) -> Document:
    return _refuse_report(caller, "SubmitContainerStateChange", cluster)


@answers("ecs", "SubmitAttachmentStateChanges", refuses="ClientException")
def submit_attachment_state_changes(
    caller: Caller, *, attachments: Sequence[Document], cluster: str = DEFAULT_CLUSTER
) -> Document:
    return _refuse_report(caller, "SubmitAttachmentStateChanges", cluster)
