"""Roles: what a person, a program or a task may become for a while."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from access.identities.policy_models import IAM_NAME, Policy
from access.identities.unique_ids import role_id
from base import here
from base.clock import now

SHORTEST_SESSION = 900
LONGEST_SESSION = 43_200


class Role(models.Model):
    """An identity without a password. `trust_policy` says who may assume it, its policies what it then may do."""

    name = models.CharField(max_length=64, unique=True, validators=[IAM_NAME])
    unique_id = models.CharField(max_length=21, unique=True, default=role_id, editable=False)
    description = models.CharField(max_length=1000, blank=True)
    trust_policy = models.JSONField()
    # Seconds that a session may last at most.
    max_session_seconds = models.PositiveIntegerField(default=3600)
    boundary = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="bounded_roles"
    )
    policies = models.ManyToManyField(Policy, related_name="roles", blank=True)
    tags = models.JSONField(default=dict, blank=True)
    # Sessions begun before this moment are void (revoke_role_sessions).
    sessions_valid_from = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="role_name_unique_ignoring_case"),
            models.CheckConstraint(
                name="role_session_within_bounds",
                condition=models.Q(
                    max_session_seconds__gte=SHORTEST_SESSION, max_session_seconds__lte=LONGEST_SESSION
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return here.role_arn(self.name)
