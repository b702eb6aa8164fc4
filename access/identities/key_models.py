"""Keys that sign requests: a user's own, and temporary ones of sessions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from access.identities.unique_ids import access_key_id, temporary_key_id
from base.clock import now


class AccessKey(models.Model):
    """A user's key. The secret is shown once and kept encrypted, since a signature is checked with the secret."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="access_keys")
    key_id = models.CharField(max_length=128, unique=True, default=access_key_id)
    encrypted_secret = models.TextField()
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    # Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_service = models.CharField(max_length=64, blank=True)
    last_used_region = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.key_id


class TemporaryCredential(models.Model):
    """A session of a role, or of a user (GetSessionToken), until it expires or is revoked.

    `session_policies`: documents that hold it further. `tags`: session tags; `transitive_tags` the keys of those that
    later sessions inherit. `assumed_by`: the ARN of who assumed the role. `mfa_at`: when the second factor was given.
    """

    key_id = models.CharField(max_length=128, unique=True, default=temporary_key_id)
    encrypted_secret = models.TextField()
    token_digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        "access.User", on_delete=models.CASCADE, null=True, blank=True, related_name="sessions_by_key"
    )
    role = models.ForeignKey(
        "access.Role", on_delete=models.CASCADE, null=True, blank=True, related_name="sessions"
    )
    session_name = models.CharField(max_length=64, blank=True)
    assumed_by = models.CharField(max_length=256, blank=True)
    session_policies = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    transitive_tags = models.JSONField(default=list, blank=True)
    source_identity = models.CharField(max_length=64, blank=True)
    mfa_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="temporary_credential_of_user_or_role",
                condition=Q(user__isnull=False, role__isnull=True) | Q(user__isnull=True, role__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.key_id
