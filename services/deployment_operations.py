"""Answering the lifecycle hooks of a deployment. What begins and stops deployments: `operations`."""

from __future__ import annotations

from access.registry import Caller, operation
from access.trail import audit
from base.errors import ClientError, OperationError, invalid
from services import hooks
from services.events import announce
from services.lookup import deployment_arn_of, deployment_owners, find_deployment
from services.models import Deployment, Service
from services.rollout import request_stop, touch
from services.scheduler.model import DeploymentStatus, HookStatus


@operation("ecs:ContinueServiceDeployment", resource=deployment_arn_of, owners=deployment_owners, writes=True)
def continue_service_deployment(
    caller: Caller, *, service_deployment: str, hook_id: str, action: str = "CONTINUE"
) -> Deployment:
    """Answer a lifecycle hook of type PAUSE. CONTINUE: on to the next stage, once every hook of this one is answered.
    ROLLBACK: back to the last completed revision."""
    if action not in hooks.ACTIONS:
        raise invalid("action", " or ".join(hooks.ACTIONS))
    found = find_deployment(service_deployment)
    Service.objects.select_for_update().get(pk=found.service_id)
    found = find_deployment(service_deployment)
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
