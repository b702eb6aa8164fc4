"""Roles, versions, inline policies, access keys and sessions, as REST answers them."""

from __future__ import annotations

from rest_framework import serializers

from access.models import PolicyVersion, Role, TemporaryCredential
from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Texts, Whole


class RoleShape(Shape):
    role = Text("name")
    arn = Text()
    roleId = Text("unique_id")
    description = Text()
    assumeRolePolicyDocument = Free("trust_policy")
    maxSessionSeconds = Whole("max_session_seconds")
    permissionsBoundary = Text("boundary.name", allow_null=True)
    policies = serializers.SerializerMethodField()
    tags = Tags()
    createdAt = Moment("created_at")
    lastUsedAt = Moment("last_used_at", help_text="When a session of it last began.")

    class Meta:
        ref_name = "Role"

    def get_policies(self, row: Role) -> list[str]:
        return sorted(policy.name for policy in row.policies.all())


class RoleSessionShape(Shape):
    """Never with its secrets."""

    accessKeyId = Text("key_id")
    sessionName = Text("session_name")
    assumedBy = Text("assumed_by", help_text="The ARN of who assumed the role.")
    sourceIdentity = Text("source_identity")
    tags = Tags()
    mfa = serializers.SerializerMethodField()
    createdAt = Moment("created_at")
    expiresAt = Moment("expires_at")
    lastUsedAt = Moment("last_used_at", help_text="To the minute.")

    class Meta:
        ref_name = "RoleSession"

    def get_mfa(self, row: TemporaryCredential) -> bool:
        return row.mfa_at is not None


class IssuedSessionShape(Shape):
    """The only answer that ever holds the secrets."""

    accessKeyId = Text("credential.key_id")
    secretAccessKey = Text("secret", help_text="Keep it: it is shown this once.")
    sessionToken = Text("session_token")
    expiresAt = Moment("credential.expires_at")
    arn = Text(help_text="What the bearer of these keys is.")
    userId = Text("user_id")

    class Meta:
        ref_name = "IssuedSession"


class IdentityShape(Shape):
    arn = Text()
    account = Text()
    userId = Text("user_id")
    assumedBy = Text("assumed_by", help_text="The ARN of who assumed the role; empty for a user.")

    class Meta:
        ref_name = "Identity"


class AccessKeyShape(Shape):
    accessKeyId = Text("key_id")
    active = Flag()
    createdAt = Moment("created_at")
    lastUsedAt = Moment("last_used_at", help_text="To the minute.")
    lastUsedService = Text("last_used_service")
    lastUsedRegion = Text("last_used_region")

    class Meta:
        ref_name = "AccessKey"


class IssuedKeyShape(Shape):
    """The only answer that ever holds the secret."""

    accessKeyId = Text("key.key_id")
    secretAccessKey = Text("secret", help_text="Keep it: it is shown this once.")
    active = Flag("key.active")
    createdAt = Moment("key.created_at")

    class Meta:
        ref_name = "IssuedAccessKey"


class KeyLastUsedShape(Shape):
    accessKeyId = Text("key_id")
    username = Text()
    lastUsedAt = Moment("last_used_at")
    service = Text()
    region = Text()

    class Meta:
        ref_name = "AccessKeyLastUsed"


class AttachedPolicyShape(Shape):
    policy = Text("name")
    arn = Text()
    description = Text()

    class Meta:
        ref_name = "AttachedPolicy"


class InlinePolicyShape(Shape):
    policyName = Text("name")
    document = Free()
    createdAt = Moment("created_at")
    updatedAt = Moment("updated_at")

    class Meta:
        ref_name = "InlinePolicy"


class PolicyVersionShape(Shape):
    version = Text("version_id")
    isDefault = serializers.SerializerMethodField()
    document = Free()
    createdAt = Moment("created_at")

    class Meta:
        ref_name = "PolicyVersion"

    def get_isDefault(self, row: PolicyVersion) -> bool:
        return row.is_default


class PolicyHoldersShape(Shape):
    users = Texts()
    groups = Texts()
    roles = Texts()
    boundedUsers = Texts("bounded_users", help_text="Users whose permissions boundary it is.")
    boundedRoles = Texts("bounded_roles", help_text="Roles whose permissions boundary it is.")

    class Meta:
        ref_name = "PolicyHolders"


class TagsShape(Shape):
    tags = Tags("*")

    class Meta:
        ref_name = "IdentityTags"


class SummaryShape(Shape):
    summary = serializers.DictField(child=serializers.IntegerField(), source="*")

    class Meta:
        ref_name = "AccountSummary"


class AuthorizationDetailsShape(Shape):
    """In AWS's form and names."""

    users = FreeList()
    groups = FreeList()
    roles = FreeList()
    policies = FreeList()

    class Meta:
        ref_name = "AuthorizationDetails"
