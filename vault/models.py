"""Secrets with their versions and stages, parameters with theirs.

Values stand in one column, `sealed`, and nowhere else: encrypted, and bound to the ARN and version of their row.
"""

from __future__ import annotations

from django.db import models

from base import cipher, clock

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


class Secret(models.Model):
    """One secret. Its ARN ends with six letters of its own, so that a deleted name used again is another secret."""

    name = models.CharField(max_length=512, unique=True)
    arn = models.CharField(max_length=700, unique=True)
    description = models.CharField(max_length=2048, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    policy = models.JSONField(null=True, blank=True)  # the resource policy, as given
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=400, blank=True)
    changed_at = models.DateTimeField(default=clock.now)
    accessed_on = models.DateField(null=True, blank=True)  # the last day a value of it was read
    # When it was deleted, and when it is gone for good: in between it can be restored.
    deleted_at = models.DateTimeField(null=True, blank=True)
    purge_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SecretVersion(models.Model):
    """One value of a secret. Which stages point to it says whether it is in use; without any it is deprecated."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="versions")
    version_id = models.CharField(max_length=64)
    sealed = models.TextField()
    key_id = models.CharField(max_length=16, db_index=True)  # the key that `sealed` needs
    binary = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    accessed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["secret", "version_id"], name="one_version_id_per_secret")
        ]

    def __str__(self) -> str:
        return self.version_id

    @property
    def about(self) -> str:
        return f"{self.secret.arn}|{self.version_id}"

    @property
    def is_current(self) -> bool:
        return any(one.stage == CURRENT for one in self.stages.all())

    def lock(self, value: bytes) -> None:
        self.sealed = cipher.seal(value, self.about)
        self.key_id = cipher.sealed_under(self.sealed)

    def value(self) -> bytes:
        return cipher.unseal(self.sealed, self.about)


class SecretStage(models.Model):
    """A stage of a secret ("AWSCURRENT") points to one version at a time."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="stages")
    stage = models.CharField(max_length=256)
    version = models.ForeignKey(SecretVersion, on_delete=models.CASCADE, related_name="stages")

    class Meta:
        ordering = ["stage"]
        constraints = [models.UniqueConstraint(fields=["secret", "stage"], name="one_version_per_stage")]

    def __str__(self) -> str:
        return self.stage


class Parameter(models.Model):
    """One parameter. What its newest version says of it stands on the row; its values on the versions."""

    class Type(models.TextChoices):
        STRING = "String"
        STRING_LIST = "StringList"
        SECURE_STRING = "SecureString"

    name = models.CharField(max_length=1011, unique=True)
    # "a" and "/a" have one ARN, so they cannot both be there: a policy could not tell them apart.
    arn = models.CharField(max_length=1200, unique=True)
    type = models.CharField(max_length=20, choices=Type.choices)
    description = models.CharField(max_length=1024, blank=True)
    allowed_pattern = models.CharField(max_length=1024, blank=True)
    tier = models.CharField(max_length=20, default="Standard")
    data_type = models.CharField(max_length=20, default="text")
    tags = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    modified_at = models.DateTimeField(default=clock.now)
    modified_by = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Its name as a part of addresses, without the first slash."""
        return self.name.removeprefix("/")

    @property
    def secure(self) -> bool:
        return self.type == self.Type.SECURE_STRING


class ParameterVersion(models.Model):
    """One value of a parameter, with what was said of it then. All values are encrypted, not only SecureString's."""

    parameter = models.ForeignKey(Parameter, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    type = models.CharField(max_length=20, choices=Parameter.Type.choices)
    sealed = models.TextField()
    key_id = models.CharField(max_length=16, db_index=True)
    labels = models.JSONField(default=list, blank=True)
    description = models.CharField(max_length=1024, blank=True)
    allowed_pattern = models.CharField(max_length=1024, blank=True)
    tier = models.CharField(max_length=20, default="Standard")
    data_type = models.CharField(max_length=20, default="text")
    modified_at = models.DateTimeField(default=clock.now)
    modified_by = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["parameter", "version"], name="one_version_number_per_parameter")
        ]

    def __str__(self) -> str:
        return f"{self.parameter.name}:{self.version}"

    @property
    def about(self) -> str:
        return f"{self.parameter.arn}|{self.version}"

    def lock(self, value: str) -> None:
        self.sealed = cipher.seal(value.encode(), self.about)
        self.key_id = cipher.sealed_under(self.sealed)

    def value(self) -> str:
        return cipher.unseal(self.sealed, self.about).decode()


def secret_topics(secret: Secret) -> tuple[str, ...]:
    """What the pages that show this secret follow."""
    return ("secrets",)


def parameter_topics(parameter: Parameter) -> tuple[str, ...]:
    return ("parameters",)


from vault.rotation_models import SecretRotation  # noqa: E402, F401  (so that Django finds it)
