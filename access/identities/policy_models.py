"""Policies: managed ones with their versions, and inline ones that belong to one identity."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from access.identities.unique_ids import policy_id
from base import here
from base.clock import now

# IAM's own alphabet for the names of users, groups, roles and policies.
IAM_NAME_PATTERN = r"\A[A-Za-z0-9+=,.@_-]+\Z"
IAM_NAME = RegexValidator(IAM_NAME_PATTERN, "Use letters, digits and + = , . @ _ - only.")


class Policy(models.Model):
    """A managed policy: attached to users, groups and roles, or the boundary of users and roles.

    `document` is the one of its default version, which is the one in force. Ready-made ones are Slipway's: renewed at
    every start, never edited.
    """

    name = models.CharField(max_length=128, unique=True, validators=[IAM_NAME])
    unique_id = models.CharField(max_length=21, unique=True, default=policy_id, editable=False)
    description = models.CharField(max_length=1000, blank=True)
    document = models.JSONField()
    ready_made = models.BooleanField(default=False)
    default_version = models.PositiveIntegerField(default=1)
    # Of all versions there ever were: a number is never given twice.
    last_version = models.PositiveIntegerField(default=1)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new policy has its document as version v1 from the first moment."""
        adding = self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            if adding:
                PolicyVersion.objects.create(policy=self, number=self.default_version, document=self.document)

    @property
    def arn(self) -> str:
        return here.policy_arn(self.name, ready_made=self.ready_made)

    @property
    def default_version_id(self) -> str:
        return f"v{self.default_version}"


class PolicyVersion(models.Model):
    """One document of a managed policy; at most five are kept."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_unique")]

    def __str__(self) -> str:
        return f"{self.policy.name} {self.version_id}"

    @property
    def version_id(self) -> str:
        return f"v{self.number}"

    @property
    def is_default(self) -> bool:
        return self.number == self.policy.default_version


class InlinePolicy(models.Model):
    """A policy of exactly one user, group or role; it goes with its owner."""

    name = models.CharField(max_length=128, validators=[IAM_NAME])
    document = models.JSONField()
    user = models.ForeignKey(
        "access.User", on_delete=models.CASCADE, null=True, blank=True, related_name="inline_policies"
    )
    group = models.ForeignKey(
        "access.Group", on_delete=models.CASCADE, null=True, blank=True, related_name="inline_policies"
    )
    role = models.ForeignKey(
        "access.Role", on_delete=models.CASCADE, null=True, blank=True, related_name="inline_policies"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "inline policies"
        constraints = [
            models.CheckConstraint(
                name="inline_policy_has_one_owner",
                condition=Q(user__isnull=False, group__isnull=True, role__isnull=True)
                | Q(user__isnull=True, group__isnull=False, role__isnull=True)
                | Q(user__isnull=True, group__isnull=True, role__isnull=False),
            ),
            models.UniqueConstraint("user", Lower("name"), name="inline_policy_unique_of_user"),
            models.UniqueConstraint("group", Lower("name"), name="inline_policy_unique_of_group"),
            models.UniqueConstraint("role", Lower("name"), name="inline_policy_unique_of_role"),
        ]

    def __str__(self) -> str:
        return self.name
