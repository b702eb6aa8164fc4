"""What containers said: log streams and their lines, kept by Slipway after the container is gone."""

from __future__ import annotations

from django.db import models


class LogStream(models.Model):
    """The output of one container of one task. Bounded: the oldest lines go first."""

    group = models.CharField(max_length=512)
    name = models.CharField(max_length=512)
    task_id = models.CharField(max_length=32, db_index=True)
    container = models.CharField(max_length=255)
    service_arn = models.CharField(max_length=400, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    collected_until = models.DateTimeField(null=True, blank=True)  # time of the newest line kept
    lines_at_newest = models.PositiveIntegerField(default=0)  # how many lines carry exactly that time
    lines = models.PositiveIntegerField(default=0)
    dropped = models.PositiveBigIntegerField(default=0)  # lines given up to the bound
    complete = models.BooleanField(default=False)  # the container is gone, nothing more will come

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task_id", "container"], name="one_stream_per_container")
        ]

    def __str__(self) -> str:
        return f"{self.group}:{self.name}"


class LogEvent(models.Model):
    """One line."""

    stream = models.ForeignKey(LogStream, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    source = models.CharField(max_length=6, default="stdout")  # stdout | stderr
    message = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["stream", "at", "id"], name="log_by_stream_and_time")]
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.message[:80]
