"""What signing in rests on: second factors, sessions, links by mail, people known to a provider, password rules."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models

from base.clock import now
from base.ids import hex_id


def _session_id() -> str:
    return hex_id(16)


class TotpDevice(models.Model):
    """A phone's authenticator app. Its seed is encrypted; `last_step` makes each code good once; `drift` in steps of
    30 s is how far its clock is off. It counts from `enabled_at` on, when its first code was typed."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="totp_devices")
    name = models.CharField(max_length=64)
    encrypted_seed = models.TextField()
    enabled_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)
    drift = models.SmallIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="totp_device_name_unique_per_user")
        ]

    def __str__(self) -> str:
        return self.name


class Passkey(models.Model):
    """A public key whose other half never leaves the authenticator. `credential_id` in base64url."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=64)
    credential_id = models.CharField(max_length=1400, unique=True)
    public_key = models.BinaryField()
    sign_count = models.PositiveBigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="passkey_name_unique_per_user")]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """One of the codes for the day the phone is gone; good once. Only a keyed digest is kept."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_unique")]

    def __str__(self) -> str:
        return "used" if self.used_at else "unused"


class UserSessionManager(BaseSessionManager["UserSession"]):
    def of(self, user_id: int) -> models.QuerySet[UserSession]:
        """The live sessions of a user, last seen first."""
        return self.filter(user_id=user_id, expire_date__gt=now()).order_by("-last_seen_at")


class UserSession(AbstractBaseSession):
    """A browser's session. `session_key` is the SHA-256 of what the cookie holds, so that a copy of the database
    opens none; `user` is empty until somebody has signed in. See access.signon.session_store."""

    public_id = models.CharField(max_length=16, unique=True, default=_session_id)
    user = models.ForeignKey(
        "access.User", on_delete=models.CASCADE, null=True, blank=True, related_name="browser_sessions"
    )
    started_at = models.DateTimeField(default=now)
    last_seen_at = models.DateTimeField(default=now)
    source_ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    method = models.CharField(max_length=16, blank=True)
    mfa_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserSessionManager] = UserSessionManager()

    def __str__(self) -> str:
        return self.public_id

    @classmethod
    def get_session_store_class(cls) -> Any:
        from access.signon.session_store import SessionStore  # stands on this model

        return SessionStore


class SignInLink(models.Model):
    """An invitation or a password reset: whoever holds the link may set the user's password, once, in time."""

    class Kind(models.TextChoices):
        INVITATION = "invitation"
        RESET = "reset"

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="sign_in_links")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.kind


class OidcIdentity(models.Model):
    """Who a provider's subject is here. The pair (issuer, subject) never changes hands; names and addresses do."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="oidc_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="oidc_subject_unique_per_issuer")
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class PasswordPolicy(models.Model):
    """The account's rules for passwords; one row, `key` = "account". Zero: that rule does not apply."""

    key = models.CharField(max_length=8, unique=True, default="account")
    minimum_password_length = models.PositiveSmallIntegerField(default=10)
    require_uppercase_characters = models.BooleanField(default=False)
    require_lowercase_characters = models.BooleanField(default=False)
    require_numbers = models.BooleanField(default=False)
    require_symbols = models.BooleanField(default=False)
    password_reuse_prevention = models.PositiveSmallIntegerField(default=0)
    max_password_age = models.PositiveSmallIntegerField(default=0)
    require_mfa = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.key


class PastPassword(models.Model):
    """A password a user has had (the current one too), as its hash: for the rule against reuse, and its age."""

    user = models.ForeignKey("access.User", on_delete=models.CASCADE, related_name="past_passwords")
    encoded = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.created_at)
