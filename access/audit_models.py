"""The audit trail's rows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from base.clock import now


class AuditRecordQuerySet(models.QuerySet["AuditRecord"]):
    def update(self, **kwargs: Any) -> int:
        raise TypeError("The audit trail is append-only.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("The audit trail is append-only; access.audit.forget_before applies its retention.")


class AuditRecord(models.Model):
    """Who did what, to what, from where, when, with which result. Append-only."""

    class Result(models.TextChoices):
        SUCCESS = "success"
        DENIED = "denied"
        FAILED = "failed"

    at = models.DateTimeField(default=now, editable=False)
    request_id = models.CharField(max_length=64, blank=True, db_index=True)
    actor_arn = models.CharField(max_length=256, blank=True)
    actor_name = models.CharField(max_length=128, blank=True)
    face = models.CharField(max_length=16)
    source_ip = models.CharField(max_length=45, blank=True)
    operation = models.CharField(max_length=128)
    action = models.CharField(max_length=128)
    # The first ARN concerned, indexed for search; all of them, in order, in `resources`.
    resource = models.CharField(max_length=1024, blank=True, db_index=True)
    resources = models.JSONField(default=list)
    result = models.CharField(max_length=8, choices=Result.choices)
    error_code = models.CharField(max_length=128, blank=True)
    error_message = models.TextField(blank=True)
    parameters = models.JSONField(default=dict)
    # [{"field", "before", "after"}]
    changes = models.JSONField(default=list)

    objects: ClassVar[models.Manager[AuditRecord]] = models.Manager.from_queryset(AuditRecordQuerySet)()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-at"], name="audit_at"),
            models.Index(fields=["actor_name", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["result", "-id"], name="audit_result"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.result}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The audit trail is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("The audit trail is append-only.")
