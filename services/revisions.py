"""Which revision a service is to run, and where it can go back to."""

from __future__ import annotations

from base.errors import InvalidParameter
from services.models import Service, ServiceRevision


def current_revision(service: Service) -> ServiceRevision:
    """What a service that has deployments is to run now: of the one in progress, else the last completed, else the
    newest. Raises InvalidParameter for one that has task sets."""
    if service.is_external:
        raise InvalidParameter(
            f"{service.name} has the deployment controller EXTERNAL, and so no deployments: use its task sets.",
            fields={"service": "its deploymentController is EXTERNAL"},
        )
    if service.deployment is not None:
        return service.deployment.effective
    if service.completed_revision is not None:
        return service.completed_revision
    newest = service.revisions.order_by("-number").first()
    assert newest is not None  # a service is created with its first revision
    return newest


def shown_revision(service: Service) -> ServiceRevision | None:
    """What is shown as the service's own. Of one with task sets the primary's; None while there is none."""
    return service.completed_revision if service.is_external else current_revision(service)


def rollback_target(service: Service) -> ServiceRevision | None:
    """Where "roll back" goes by default: in mid-deployment to the last completed revision, otherwise to the one that
    had completed before it. None where there is none."""
    completed = service.completed_revision
    if (
        service.deployment is not None
        and completed is not None
        and service.deployment.target_id != completed.pk
    ):
        return completed
    earlier = service.revisions.exclude(completed_at=None)
    if completed is not None:
        earlier = earlier.exclude(pk=completed.pk)
    return earlier.select_related("task_definition__family").order_by("-completed_at").first()
