"""Rules that run tasks by the clock, what they run, and what became of it."""

from __future__ import annotations

from django.db import models

from base import here


class Rule(models.Model):
    """`next_at`: when it fires next; None while it is disabled or never will again."""

    name = models.CharField(max_length=64, unique=True)
    arn = models.CharField(max_length=300, unique=True)
    description = models.CharField(max_length=512, blank=True)
    expression = models.CharField(max_length=256)
    enabled = models.BooleanField(default=True)
    tags = models.JSONField(default=dict, blank=True)
    since = models.DateTimeField()  # what a rate counts from: when it got this expression, or was enabled
    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        return "ENABLED" if self.enabled else "DISABLED"


class RuleTarget(models.Model):
    """One ECS target, in AWS's form, checked."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="targets")
    target_id = models.CharField(max_length=64)
    document = models.JSONField()

    class Meta:
        ordering = ["rule_id", "target_id"]
        constraints = [models.UniqueConstraint(fields=["rule", "target_id"], name="one_target_id_per_rule")]

    def __str__(self) -> str:
        return self.target_id


class RuleRun(models.Model):
    """One firing of one target. Its id is the client token of its RunTask, so it starts its tasks once."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        STARTED = "STARTED"
        FAILED = "FAILED"
        MISSED = "MISSED"  # nothing ran at its time, nor shortly after

    id = models.CharField(primary_key=True, max_length=32)
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="runs")
    target_id = models.CharField(max_length=64)
    document = models.JSONField()  # the target as it was
    scheduled_for = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True)
    tasks = models.JSONField(default=list)  # ids
    attempts = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-scheduled_for", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "target_id", "scheduled_for"], name="one_run_of_a_target_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule} at {self.scheduled_for:%Y-%m-%d %H:%M}"


def rule_arn(name: str) -> str:
    own = here.names()
    return f"arn:{own.partition}:events:{own.region}:{own.account}:rule/{name}"
