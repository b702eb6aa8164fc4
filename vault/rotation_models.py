"""What is to be rotated, how far a rotation has come, and what went wrong."""

from __future__ import annotations

from django.db import models

from vault.models import Secret


class SecretRotation(models.Model):
    """The rotation of one secret. While `token` is set, one is under way: the id of the version to be."""

    secret = models.OneToOneField(Secret, on_delete=models.CASCADE, related_name="rotation")
    encrypted_hook = models.TextField()  # the URL: it may carry a password of its own
    hook_host = models.CharField(max_length=300)  # what of it is shown
    enabled = models.BooleanField(default=True)
    every_days = models.PositiveIntegerField(null=True, blank=True)  # None: only when asked
    token = models.CharField(max_length=64, blank=True)
    step = models.CharField(max_length=20, blank=True)
    # When there is something to do next: the next step, the next try, or the next rotation.
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    last_rotated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["secret_id"]

    def __str__(self) -> str:
        return f"rotation of {self.secret}"
