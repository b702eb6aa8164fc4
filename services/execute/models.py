"""Sessions of ExecuteCommand: who had which command in which container, and what it wrote."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q


class ExecSession(models.Model):
    """One session. PENDING until its token is shown; OPENING until a command runs; ENDED for good.

    It outlives its task's row, which is forgotten a day after its end, as the audit trail does.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING"
        OPENING = "OPENING"
        ACTIVE = "ACTIVE"
        ENDED = "ENDED"

    id = models.CharField(primary_key=True, max_length=64)
    task = models.ForeignKey(
        "services.Task", null=True, blank=True, on_delete=models.SET_NULL, related_name="exec_sessions"
    )
    task_arn = models.CharField(max_length=500, db_index=True)
    owner_arn = models.CharField(max_length=500, blank=True)  # its service's
    cluster_arn = models.CharField(max_length=400)
    container = models.CharField(max_length=255)
    container_arn = models.CharField(max_length=700)
    runtime_id = models.CharField(max_length=80)
    command = models.CharField(max_length=4096)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)

    # The caller as audit records tell it: arn, name, face, user_id, role_id, role_arn, assumed_by, source_ip, …
    caller = models.JSONField(default=dict)
    actor = models.CharField(max_length=256, db_index=True)  # the caller's ARN
    token_digest = models.CharField(max_length=64)
    token_expires_at = models.DateTimeField()

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)  # last sign of life of the process that holds it
    end_requested = models.CharField(max_length=300, blank=True)  # why somebody else wants it to end
    exit_code = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)  # why it ended
    bytes_in = models.PositiveBigIntegerField(default=0)
    bytes_out = models.PositiveBigIntegerField(default=0)

    # Where its transcript is kept, for who may read it; "": none is kept.
    log_group = models.CharField(max_length=512, blank=True)
    transcript_bytes = models.PositiveIntegerField(default=0)
    transcript_cut = models.BooleanField(default=False)  # more was written than is kept

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["created_at"], condition=~Q(status="ENDED"), name="exec_session_open"),
            models.Index(fields=["ended_at"], name="exec_session_ended"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def duration_seconds(self) -> float | None:
        """Of the command's run; None for one that never began or has not ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def token_is_over(self, now: datetime) -> bool:
        return self.status == self.Status.PENDING and self.token_expires_at <= now


class ExecTranscript(models.Model):
    """A piece of what a session's terminal was sent. Input is kept only as far as it was echoed: passwords are not."""

    session = models.ForeignKey(ExecSession, on_delete=models.CASCADE, related_name="transcript")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    data = models.BinaryField()

    class Meta:
        ordering = ["session_id", "number"]
        constraints = [models.UniqueConstraint(fields=["session", "number"], name="one_piece_per_number")]

    def __str__(self) -> str:
        return f"{self.session_id} #{self.number}"
