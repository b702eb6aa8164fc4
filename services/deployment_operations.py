"""Stopping a deployment, going back to what ran before, answering lifecycle hooks. What begins deployments:
`operations`, `updating`."""

from __future__ import annotations

from access.registry import Caller, operation
from access.trail import audit
from base.errors import ClientError, OperationError, invalid
from clusters.queries import DEFAULT_CLUSTER
from services import hooks
from services.events import announce
from services.lookup import (
    deployment_arn_of,
    deployment_owners,
    find_deployment,
    find_revision,
    find_service,
)
from services.models import Deployment, Service
from services.revisions import rollback_target
from services.rollout import request_stop, touch
from services.scheduler.model import DeploymentStatus, HookStatus
from services.updating import update_service


@operation("ecs:StopServiceDeployment", resource=deployment_arn_of, owners=deployment_owners, writes=True)
def stop_service_deployment(
    caller: Caller, *, service_deployment: str, stop_type: str = "ROLLBACK"
) -> Deployment:
    """End a deployment in progress. ROLLBACK: back to the last completed revision. ABORT: nothing more is started or
    stopped; tasks lost afterwards are replaced from the last completed revision."""
    if stop_type not in ("ROLLBACK", "ABORT"):
        raise invalid("stopType", "ROLLBACK or ABORT")
    found = _locked(service_deployment)
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


@operation("ecs:ContinueServiceDeployment", resource=deployment_arn_of, owners=deployment_owners, writes=True)
def continue_service_deployment(
    caller: Caller, *, service_deployment: str, hook_id: str, action: str = "CONTINUE"
) -> Deployment:
    """Answer a lifecycle hook of type PAUSE. CONTINUE: on to the next stage, once every hook of this one is answered.
    ROLLBACK: back to the last completed revision."""
    if action not in hooks.ACTIONS:
        raise invalid("action", " or ".join(hooks.ACTIONS))
    found = _locked(service_deployment)
    stage = _stage_of(found, hook_id)
    status = HookStatus.SUCCEEDED if action == "CONTINUE" else HookStatus.FAILED
    found.lifecycle_hooks = hooks.resolved(found.lifecycle_hooks, status, hook=hook_id, by=caller.arn)
    found.save(update_fields=["lifecycle_hooks", "updated_at"])
    audit.note_change("hook", str(HookStatus.AWAITING_ACTION), str(status))
    if action == "ROLLBACK":
        try:
            request_stop(found, rollback=True)
        except OperationError as error:
            raise ClientError(error.message) from error  # ECS has no ConflictException here
        return found
    head = f"(service {found.service.name}) (deployment {found.pk})"
    announce(found.service, f"{head} deployment continued at {stage}.")
    touch(found.service)
    return found


def _locked(service_deployment: str) -> Deployment:
    """As it is once its service is locked, for the rest of the transaction."""
    Service.objects.select_for_update().get(pk=find_deployment(service_deployment).service_id)
    return find_deployment(service_deployment)


def _stage_of(deployment: Deployment, hook_id: str) -> str:
    """Where the hook holds the deployment; refused where it does not."""
    known = next((one for one in deployment.lifecycle_hooks if one["hookId"] == hook_id), None)
    if known is None:
        raise invalid(
            "hookId", f"the service deployment {deployment.pk} has reached no lifecycle hook of this id"
        )
    if not hooks.is_awaiting(known):
        raise invalid("hookId", f"awaits no action: it is {known['status']}")
    if deployment.status != DeploymentStatus.IN_PROGRESS:
        raise invalid(
            "serviceDeploymentArn", f"the service deployment is {deployment.status}, not IN_PROGRESS"
        )
    return str(known["stage"])
