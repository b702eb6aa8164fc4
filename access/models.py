"""Users, groups and tokens; policies, roles, keys and the audit trail have modules of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from access.identities.key_models import AccessKey, TemporaryCredential
from access.identities.policy_models import IAM_NAME, IAM_NAME_PATTERN, InlinePolicy, Policy, PolicyVersion
from access.identities.role_models import Role
from access.identities.unique_ids import group_id, user_id
from access.trail.models import AuditRecord
from base import here
from base.clock import now

__all__ = [
    "IAM_NAME",
    "IAM_NAME_PATTERN",
    "AccessKey",
    "AuditRecord",
    "Group",
    "InlinePolicy",
    "OidcIdentity",
    "Passkey",
    "PasswordPolicy",
    "PastPassword",
    "Policy",
    "PolicyVersion",
    "RecoveryCode",
    "Role",
    "SignInGuard",
    "SignInLink",
    "TemporaryCredential",
    "Token",
    "TotpDevice",
    "User",
    "UserSession",
]


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A user without groups: may do nothing. Not audited; operations are (access.operations.create_user)."""
        user: User = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person, or a program with tokens and keys. What it may do comes from its groups and its own policies.

    `boundary`: a policy that must allow as well whatever the others allow.
    """

    username = models.CharField(max_length=64, unique=True, validators=[IAM_NAME])
    unique_id = models.CharField(max_length=21, unique=True, default=user_id, editable=False)
    display_name = models.CharField(max_length=128, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    boundary = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="bounded_users"
    )
    policies = models.ManyToManyField(Policy, related_name="users", blank=True)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["username"]
        constraints = [
            # As IAM has it: "Ana" and "ana" cannot both exist, so that nobody is taken for another.
            models.UniqueConstraint(Lower("username"), name="username_unique_ignoring_case"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def arn(self) -> str:
        return here.user_arn(self.username)

    def get_full_name(self) -> str:
        return self.display_name or self.username

    def get_short_name(self) -> str:
        return self.username


class Group(models.Model):
    """Users who share policies. `scope` holds its Allow statements to the ARN patterns listed; empty: everywhere."""

    name = models.CharField(max_length=128, unique=True, validators=[IAM_NAME])
    unique_id = models.CharField(max_length=21, unique=True, default=group_id, editable=False)
    description = models.CharField(max_length=1000, blank=True)
    scope = models.JSONField(default=list, blank=True)
    members = models.ManyToManyField(User, related_name="groups", blank=True)
    policies = models.ManyToManyField(Policy, related_name="groups", blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return here.group_arn(self.name)


class Token(models.Model):
    """A bearer token for REST. The secret is shown once; only its SHA-256 is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="token_name_unique_per_user")]

    def __str__(self) -> str:
        return f"{self.prefix}... ({self.name})"


class SignInGuard(models.Model):
    """Failed sign-ins of one name from one address: what makes the next try wait."""

    key = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_failure_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.failures} failures"


# Django finds a room's models here; these stand on User and are kept apart for their number.
from access.signon.models import (  # noqa: E402
    OidcIdentity,
    Passkey,
    PasswordPolicy,
    PastPassword,
    RecoveryCode,
    SignInLink,
    TotpDevice,
    UserSession,
)
