"""Making service revisions and deployments: rows only, inside an operation's transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from base import clock, here, ids, live
from base.errors import ClientError
from services import hooks
from services.events import announce
from services.models import Deployment, Service, ServiceRevision, TaskDefinition
from services.scheduler.model import DeploymentStatus, HookStatus
from services.wakeup import wake_service


def service_topics(service: Service) -> tuple[str, ...]:
    """The pages that show this service."""
    return (
        f"{service.kind}:{service.cluster.name}/{service.name}",
        f"cluster:{service.cluster.name}",
        "services",
        "overview",
    )


def new_revision(
    service: Service, definition: TaskDefinition, configuration: dict[str, Any], created_by: str
) -> ServiceRevision:
    """Freeze a configuration under the service's next number. Its images are resolved once, by the control loop."""
    Service.every.filter(pk=service.pk).update(newest_revision=F("newest_revision") + 1)
    service.refresh_from_db(fields=["newest_revision"])
    revision_id = ids.numeric_id()
    arn_of = here.daemon_revision_arn if service.daemon else here.service_revision_arn
    return ServiceRevision.objects.create(
        id=revision_id,
        service=service,
        number=service.newest_revision,
        arn=arn_of(service.cluster.name, service.name, revision_id),
        task_definition=definition,
        configuration=configuration,
        created_by=created_by,
    )


def begin_deployment(
    service: Service,
    target: ServiceRevision,
    created_by: str,
    *,
    is_rollback: bool = False,
    force: bool = False,
) -> Deployment:
    """Make `target` what the service is to run. A deployment still in progress ends, superseded."""
    if service.deployment is not None:
        end_deployment(service.deployment, DeploymentStatus.STOPPED, "Superseded by a newer deployment.")
    Service.every.filter(pk=service.pk).update(newest_deployment=F("newest_deployment") + 1)
    service.refresh_from_db(fields=["newest_deployment"])
    deployment_id = ids.deployment_id()
    arn_of = here.daemon_deployment_arn if service.daemon else here.service_deployment_arn
    deployment = Deployment.objects.create(
        id=deployment_id,
        service=service,
        number=service.newest_deployment,
        arn=arn_of(service.cluster.name, service.name, deployment_id),
        target=target,
        source=service.completed_revision,
        is_rollback=is_rollback,
        force=force,
        configuration=service.deployment_configuration,
        created_by=created_by,
    )
    service.deployment = deployment
    service.steady_since = None
    service.save(update_fields=["deployment", "steady_since"])
    kind = "rollback" if is_rollback else "deployment"
    announce(
        service,
        f"({service.kind} {service.name}) (deployment {deployment.id}) {kind} to {target.task_definition} started.",
    )
    touch(service)
    return deployment


def end_deployment(deployment: Deployment, status: DeploymentStatus, reason: str) -> bool:
    """Finish a deployment that is in progress; False where something else finished it before."""
    now = clock.now()
    fields: dict[str, Any] = {"status": status, "finished_at": now, "updated_at": now}
    if reason:  # else why it was rolled back stays
        fields["status_reason"] = reason
    fields["lifecycle_hooks"] = hooks.resolved(deployment.lifecycle_hooks, HookStatus.FAILED)
    return bool(Deployment.objects.filter(pk=deployment.pk, finished_at=None).update(**fields))


def request_stop(deployment: Deployment, *, rollback: bool) -> None:
    """Ask the control loop to end this deployment: back to the last completed revision, or just there."""
    service = deployment.service
    if not deployment.in_progress:
        raise ClientError(
            f"The service deployment {deployment.id} is {deployment.status}: only one in progress can be stopped.",
            code="ConflictException",
            status=409,
        )
    if rollback:
        if deployment.status in (DeploymentStatus.ROLLBACK_REQUESTED, DeploymentStatus.ROLLBACK_IN_PROGRESS):
            raise ClientError(
                f"The service deployment {deployment.id} is rolling back already.",
                code="ConflictException",
                status=409,
            )
        back_to = service.completed_revision
        if back_to is None or back_to.pk == deployment.target_id:
            raise ClientError(
                f"The service deployment {deployment.id} cannot be rolled back: no other revision of "
                f"{service.name} has completed. Stop it with ABORT, or deploy another revision.",
                code="ConflictException",
                status=409,
            )
        deployment.rollback = back_to
        deployment.rollback_reason = "Rollback requested by a user."
        deployment.status = DeploymentStatus.ROLLBACK_REQUESTED
    else:
        deployment.status = DeploymentStatus.STOP_REQUESTED
    deployment.lifecycle_hooks = hooks.resolved(deployment.lifecycle_hooks, HookStatus.FAILED)
    deployment.save(update_fields=["rollback", "rollback_reason", "status", "lifecycle_hooks", "updated_at"])
    touch(service)


def touch(service: Service) -> None:
    """Wake the loop and refresh the pages."""
    wake_service(service.pk)
    live.publish(*service_topics(service))
