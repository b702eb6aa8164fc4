"""The audit trail's rows: records, the checkpoints of their chain, and where the chain stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from base.clock import now

_APPEND_ONLY = "The audit trail is append-only."


class AuditRecordQuerySet(models.QuerySet["AuditRecord"]):
    def update(self, **kwargs: Any) -> int:
        raise TypeError(_APPEND_ONLY)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{_APPEND_ONLY[:-1]}; access.trail.chain.forget_before applies its retention.")


class AuditRecord(models.Model):
    """Who did what, to what, from where, when, with which result. Append-only: the database itself refuses changes
    (access/trail/database_guard.py). `seq` and `hash` are null until the record is sealed (access/trail/chain.py)."""

    class Result(models.TextChoices):
        SUCCESS = "success"
        DENIED = "denied"
        FAILED = "failed"

    at = models.DateTimeField(default=now, editable=False)
    request_id = models.CharField(max_length=64, blank=True, db_index=True)
    actor_arn = models.CharField(max_length=256, blank=True)
    actor_name = models.CharField(max_length=128, blank=True)
    # The role acted through, and the ARN of who assumed it; both empty for a user acting as such.
    role_arn = models.CharField(max_length=256, blank=True, default="")
    assumed_by = models.CharField(max_length=256, blank=True, default="")
    face = models.CharField(max_length=16)
    source_ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=256, blank=True, default="")
    # Whether a second factor stood behind the request; null where that has no meaning (Slipway itself).
    mfa = models.BooleanField(null=True, default=None)
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
    # Of a denial, what an explanation needs: {"keys": condition key -> value or values, "owners": [ARN]}.
    context = models.JSONField(default=dict)
    # Place in the chain (from 1, without gaps) and SHA-256 of the previous hash and this record.
    seq = models.BigIntegerField(null=True, unique=True, editable=False)
    hash = models.CharField(max_length=64, blank=True, default="", editable=False)

    objects: ClassVar[models.Manager[AuditRecord]] = models.Manager.from_queryset(AuditRecordQuerySet)()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-at"], name="audit_at"),
            models.Index(fields=["actor_name", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["result", "-id"], name="audit_result"),
            # Few records are made through roles: the others cost these indexes nothing.
            models.Index(fields=["role_arn", "-id"], condition=~models.Q(role_arn=""), name="audit_role"),
            models.Index(
                fields=["assumed_by", "-id"], condition=~models.Q(assumed_by=""), name="audit_assumed_by"
            ),
            models.Index(fields=["id"], condition=models.Q(seq__isnull=True), name="audit_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.result}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(_APPEND_ONLY)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError(_APPEND_ONLY)


class AuditCheckpoint(models.Model):
    """A signed statement that the record numbered `seq` had `hash`. Outlives the record."""

    class Kind(models.TextChoices):
        PERIODIC = "periodic"
        # The retention has deleted every record up to `seq`: the chain now begins after it.
        RETENTION = "retention"

    number = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    at = models.DateTimeField()
    seq = models.BigIntegerField(db_index=True)
    hash = models.CharField(max_length=64)
    # Records sealed since the checkpoint before.
    count = models.BigIntegerField()
    # The signature of the checkpoint before: checkpoints are a chain of their own.
    previous = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"#{self.number} {self.kind} at {self.seq}"


class AuditChain(models.Model):
    """Where the chain stands. One row, changed by guarded updates only, signed as a whole but for `verified_*`."""

    key = models.CharField(primary_key=True, max_length=10, default="this")
    # The last sealed record's number and hash, and when it was sealed.
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")
    sealed_at = models.DateTimeField(null=True)
    # Records up to this number may be deleted, and nothing else (access/trail/database_guard.py).
    forgotten_seq = models.BigIntegerField(default=0)
    checkpoints = models.BigIntegerField(default=0)
    key_id = models.CharField(max_length=16, blank=True, default="")
    signature = models.CharField(max_length=64, blank=True, default="")
    # The last verification's outcome, for the page; not part of the proof.
    verified_at = models.DateTimeField(null=True)
    verified_seq = models.BigIntegerField(default=0)
    verified_problems = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"sealed up to {self.seq}"
