"""Task sets: what a service of the deployment controller EXTERNAL runs instead of deployments.

A task set is one service revision with a scale: the revision freezes its configuration and pins its images, and its
tasks are the revision's tasks. So it is known by the revision's number: "ecs-svc/1234567890123456789".
"""

from __future__ import annotations

from datetime import datetime

from django.db import models

from services.models import Service, ServiceRevision
from services.scheduler.task_sets import computed_count


class TaskSet(models.Model):
    """The row goes when the last task of a DRAINING one has ended; the revision stays as long as its tasks are kept."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"  # PRIMARY too: which one that is, the service says
        DRAINING = "DRAINING"

    class Stability(models.TextChoices):
        STABILIZING = "STABILIZING"
        STEADY_STATE = "STEADY_STATE"

    revision = models.OneToOneField(
        ServiceRevision, on_delete=models.CASCADE, primary_key=True, related_name="task_set"
    )
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="task_sets")
    arn = models.CharField(max_length=600, unique=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    scale = models.FloatField(default=0.0)  # percent of the service's desired count, 0 to 100
    external_id = models.CharField(max_length=255, blank=True)
    stability = models.CharField(max_length=20, choices=Stability.choices, default=Stability.STABILIZING)
    stability_at = models.DateTimeField()
    waiting = models.TextField(blank=True)  # what it waits for, in words
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=400, blank=True)
    updated_at = models.DateTimeField()
    client_token = models.CharField(max_length=36, blank=True, db_index=True)
    request_digest = models.CharField(max_length=64, blank=True)
    # Resolving its images once, for all its tasks, and the claim of the job that does; as on a deployment.
    image_error = models.TextField(blank=True)
    image_failures = models.PositiveIntegerField(default=0)
    wake_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "revision_id"]

    def __str__(self) -> str:
        return self.id

    @property
    def id(self) -> str:
        """As ECS has it, and as the `startedBy` of its tasks."""
        return f"ecs-svc/{self.revision_id}"

    @property
    def shown_status(self) -> str:
        """PRIMARY, ACTIVE or DRAINING."""
        is_primary = self.status == self.Status.ACTIVE and self.service.completed_revision_id == self.pk
        return "PRIMARY" if is_primary else str(self.status)

    @property
    def desired_count(self) -> int:
        """ECS's computedDesiredCount."""
        if self.status != self.Status.ACTIVE or self.service.status != Service.Status.ACTIVE:
            return 0
        return computed_count(self.service.desired_count, self.scale)

    @property
    def steady_since(self) -> datetime | None:
        return self.stability_at if self.stability == self.Stability.STEADY_STATE else None

    # ---- as services.control.resolving asks of whatever starts tasks ---------------------------------------

    @property
    def effective(self) -> ServiceRevision:
        return self.revision

    @property
    def in_progress(self) -> bool:
        return self.status == self.Status.ACTIVE
