"""Users, groups, policies, tokens and the audit trail, as REST answers them."""

from __future__ import annotations

from typing import get_args

from rest_framework import serializers

from access.models import AuditRecord, Group, Policy, User
from access.trail.verification import Kind
from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Texts, Whole


class UserShape(Shape):
    username = Text()
    arn = Text()
    displayName = Text("display_name")
    email = Text()
    isActive = Flag("is_active")
    userId = Text("unique_id")
    permissionsBoundary = Text("boundary.name", allow_null=True)
    tags = Tags()
    groups = serializers.SerializerMethodField()
    createdAt = Moment("created_at")

    class Meta:
        ref_name = "User"

    def get_groups(self, row: User) -> list[str]:
        return sorted(group.name for group in row.groups.all())


class GroupShape(Shape):
    group = Text("name")
    arn = Text()
    description = Text()
    scope = Texts(help_text="ARN patterns it is held to; none: everywhere.")
    members = serializers.SerializerMethodField()
    policies = serializers.SerializerMethodField()
    createdAt = Moment("created_at")

    class Meta:
        ref_name = "Group"

    def get_members(self, row: Group) -> list[str]:
        return sorted(user.username for user in row.members.all())

    def get_policies(self, row: Group) -> list[str]:
        return sorted(policy.name for policy in row.policies.all())


class PolicyShape(Shape):
    policy = Text("name")
    arn = Text()
    description = Text()
    document = Free()
    defaultVersion = Text("default_version_id")
    tags = Tags()
    readyMade = Flag("ready_made", help_text="Slipway's own: renewed at every start, never edited.")
    groups = serializers.SerializerMethodField()
    createdAt = Moment("created_at")
    updatedAt = Moment("updated_at")

    class Meta:
        ref_name = "Policy"

    def get_groups(self, row: Policy) -> list[str]:
        return sorted(group.name for group in row.groups.all())


class TokenShape(Shape):
    name = Text()
    prefix = Text(help_text="The first characters of its secret.")
    createdAt = Moment("created_at")
    expiresAt = Moment("expires_at", help_text="null: never.")
    lastUsedAt = Moment("last_used_at", help_text="To the minute.")

    class Meta:
        ref_name = "Token"


class IssuedTokenShape(Shape):
    """The only answer that ever holds the secret."""

    name = Text("token.name")
    prefix = Text("token.prefix")
    createdAt = Moment("token.created_at")
    expiresAt = Moment("token.expires_at")
    secret = Text(help_text="Keep it: it is shown this once.")

    class Meta:
        ref_name = "IssuedToken"


class AuditShape(Shape):
    id = serializers.IntegerField()
    at = Moment()
    requestId = Text("request_id")
    actorArn = Text("actor_arn")
    actorName = Text("actor_name")
    roleArn = Text("role_arn", help_text="The role acted through; empty for a user acting as such.")
    assumedBy = Text("assumed_by", help_text="Who assumed that role.")
    face = Text()
    sourceIp = Text("source_ip")
    userAgent = Text("user_agent")
    mfa = serializers.BooleanField(allow_null=True, help_text="Whether a second factor stood behind it.")
    operation = Text()
    action = Text()
    resource = Text()
    resources = Texts()
    result = serializers.ChoiceField(choices=AuditRecord.Result.values)
    errorCode = Text("error_code")
    errorMessage = Text("error_message")
    parameters = Free()
    changes = FreeList(help_text="field, before, after")
    # DRF takes declared fields off the class, so that a serializer's own `context` stays.
    context = Free(  # type: ignore[assignment]
        help_text="Of a denial: the condition keys it was decided with, and owners."
    )
    seq = serializers.IntegerField(allow_null=True, help_text="Place in the chain; null until it is sealed.")
    hash = Text()

    class Meta:
        ref_name = "AuditRecord"


class TrailStatusShape(Shape):
    sealedSeq = Whole("sealed_seq", help_text="The last sealed record's place.")
    sealedHash = Text("sealed_hash", help_text="Its hash: note it elsewhere to prove the trail later.")
    sealedAt = Moment("sealed_at")
    unsealed = Whole(help_text="Records that wait for their seal.")
    firstSeq = Whole("first_seq", help_text="The oldest place that the retention has left.")
    oldestAt = Moment("oldest_at")
    checkpoints = Whole()
    lastCheckpointSeq = Whole("last_checkpoint_seq")
    lastCheckpointAt = Moment("last_checkpoint_at")
    verifiedAt = Moment("verified_at")
    verifiedSeq = Whole("verified_seq")
    problems = Texts(help_text="What the last verification found.")
    guarded = Flag(help_text="Whether the database refuses changes.")
    signed = Flag(help_text="Whether the head's signature holds.")
    keepDays = Whole("keep_days")

    class Meta:
        ref_name = "TrailStatus"


class TrailProblemShape(Shape):
    kind = serializers.ChoiceField(choices=get_args(Kind))
    message = Text()
    seq = Whole(allow_null=True)
    record = Whole(allow_null=True, help_text="The record's id.")

    class Meta:
        ref_name = "TrailProblem"


class VerificationShape(Shape):
    whole = Flag()
    at = Moment()
    first = Whole()
    last = Whole()
    records = Whole()
    unsealed = Whole()
    checkpoints = Whole()
    head = Text()
    problems = TrailProblemShape(many=True)
    more = Flag(help_text="There are further problems.")

    class Meta:
        ref_name = "TrailVerification"
