"""Secrets and parameters, as REST answers them. Values are in two shapes only, each named for it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.rest.shapes.common import Flag, Free, Moment, Shape, Tags, Text, Texts, Whole
from vault.models import Parameter, Secret, SecretVersion


class RotationShape(Shape):
    """How a secret is rotated, and how far that has come. Of the hook only its host is shown."""

    enabled = Flag()
    hookHost = Text("hook_host")
    automaticallyAfterDays = Whole(
        "every_days", allow_null=True, help_text="null: only when it is asked for."
    )
    lastRotatedAt = Moment("last_rotated_at")
    nextAt = Moment("due_at", help_text="When the next step, try or rotation is due.")
    step = Text(help_text="The step under way; empty: none is.")
    versionId = Text("token", help_text="The version being made; empty: none is.")
    error = Text(help_text="Why the last try of the step failed.")

    class Meta:
        ref_name = "SecretRotation"


class SecretShape(Shape):
    name = Text()
    arn = Text()
    description = Text()
    tags = Tags()
    versionIdsToStages = serializers.SerializerMethodField(
        help_text="Version id to the stages that point to it; versions without any are left out."
    )
    rotation = serializers.SerializerMethodField(help_text="null: it was never rotated.")
    createdAt = Moment("created_at")
    lastChangedAt = Moment("changed_at")
    lastAccessedOn = serializers.DateField(
        source="accessed_on", allow_null=True, help_text="The last day a value of it was read."
    )
    deletionDate = Moment("purge_at", help_text="When it will be gone; null: it is not marked for deletion.")

    class Meta:
        ref_name = "Secret"

    @extend_schema_field(RotationShape(allow_null=True))
    def get_rotation(self, row: Secret) -> dict[str, Any] | None:
        rotation = getattr(row, "rotation", None)
        return None if rotation is None else dict(RotationShape(rotation).data)

    def get_versionIdsToStages(self, row: Secret) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for version in row.versions.all():
            if stages := sorted(str(stage) for stage in version.stages.all()):
                found[version.version_id] = stages
        return found


class DeletedSecretShape(Shape):
    name = Text()
    arn = Text()
    deletionDate = Moment("deletion_date", help_text="When it is gone for good.")

    class Meta:
        ref_name = "DeletedSecret"


class SecretVersionShape(Shape):
    versionId = Text("version_id")
    versionStages = serializers.SerializerMethodField()
    createdAt = Moment("created_at")
    lastAccessedOn = serializers.DateField(source="accessed_on", allow_null=True)

    class Meta:
        ref_name = "SecretVersion"

    def get_versionStages(self, row: SecretVersion) -> list[str]:
        return sorted(str(stage) for stage in row.stages.all())


class SecretValueShape(Shape):
    """The answer that holds a secret's value; asking for it is recorded."""

    name = Text()
    arn = Text()
    versionId = Text("version_id")
    versionStages = Texts("version_stages")
    secretString = Text("secret_string", allow_null=True)
    secretBinary = Text("secret_binary", allow_null=True, help_text="Base64.")
    createdAt = Moment("created_at")

    class Meta:
        ref_name = "SecretValue"


class ParameterShape(Shape):
    name = Text()
    arn = Text()
    type = serializers.ChoiceField(choices=Parameter.Type.values)
    description = Text()
    version = Whole()
    tier = Text()
    dataType = Text("data_type")
    allowedPattern = Text("allowed_pattern")
    tags = Tags()
    lastModifiedAt = Moment("modified_at")
    lastModifiedBy = Text("modified_by")

    class Meta:
        ref_name = "Parameter"


class ParameterVersionShape(Shape):
    version = Whole()
    type = serializers.ChoiceField(choices=Parameter.Type.values)
    tier = Text()
    labels = Texts()

    class Meta:
        ref_name = "ParameterVersion"


class ParameterValueShape(Shape):
    """The answer that holds a parameter's value; asking for it is recorded."""

    name = Text()
    arn = Text()
    type = serializers.ChoiceField(choices=Parameter.Type.values)
    version = Whole()
    selector = Text(help_text="The version or label that was asked for.")
    dataType = Text("data_type")
    value = Text()
    lastModifiedAt = Moment("modified_at")

    class Meta:
        ref_name = "ParameterValue"


class ParameterValuesShape(Shape):
    parameters = ParameterValueShape(many=True)
    invalidParameters = Texts("invalid_parameters", help_text="Names that are not there.")

    class Meta:
        ref_name = "ParameterValues"


class PastValueShape(Shape):
    version = Whole()
    type = serializers.ChoiceField(choices=Parameter.Type.values)
    labels = Texts()
    description = Text()
    value = Text()
    lastModifiedAt = Moment("modified_at")
    lastModifiedBy = Text("modified_by")

    class Meta:
        ref_name = "PastValue"


class ParameterHistoryShape(Shape):
    versions = PastValueShape(many=True)

    class Meta:
        ref_name = "ParameterHistory"


def as_history(values: Any) -> dict[str, Any]:
    """What get_parameter_history answers, as ParameterHistoryShape takes it."""
    return {"versions": values}


class SecretPolicyShape(Shape):
    name = Text()
    arn = Text()
    resourcePolicy = Free(
        "resource_policy", allow_null=True, help_text="The policy, in IAM's form; null: none."
    )

    class Meta:
        ref_name = "SecretPolicy"
