"""Writes of secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from access.registry import Caller, operation
from access.trail import audit
from base import clock, live
from base.errors import invalid
from base.tags import MOST, checked
from vault import names
from vault.lookup import (
    InvalidRequest,
    find_secret,
    find_version,
    live_secret,
    new_tags_context,
    refuse_keys,
    secret_operation,
)
from vault.models import Secret, SecretVersion, secret_topics
from vault.versions import ResourceExists, add_version, checked_value, move_stage

SHORTEST_RECOVERY, LONGEST_RECOVERY = 7, 30  # days
_VALUES = ("secret_string", "secret_binary")


@dataclass(frozen=True)
class DeletedSecret:
    """`deletion_date`: when it is gone, or has gone, for good."""

    arn: str
    name: str
    deletion_date: datetime


def _new_arn(params: Mapping[str, Any]) -> str:
    """Of a secret to be: its six letters are not known yet, and no policy can ask for them."""
    name = params["name"]
    return names.secret_arn(name if isinstance(name, str) and name else "*", "??????")


def _new_context(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"secretsmanager:Name": str(params["name"]), **new_tags_context("secretsmanager", params)}


@operation(
    "secretsmanager:CreateSecret", resource=_new_arn, context=_new_context, redact=_VALUES, writes=True
)
def create_secret(
    caller: Caller,
    *,
    name: str,
    description: str = "",
    secret_string: str | None = None,
    secret_binary: str | None = None,
    client_request_token: str | None = None,
    kms_key_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Secret:
    """Create a secret, with its first value where one is given. `secret_binary` is base64."""
    if not isinstance(name, str) or not names.SECRET_NAME.fullmatch(name):
        raise invalid("name", "1 to 512 letters, digits and / _ + = . @ ! -")
    refuse_keys(kmsKeyId=kms_key_id)
    value = checked_value(secret_string, secret_binary)
    known = Secret.objects.filter(name=name).first()
    if known is not None and known.deleted_at is not None:
        raise InvalidRequest(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
            fields={"name": "is scheduled for deletion"},
        )
    if known is not None:
        raise ResourceExists(
            f"The operation failed because the secret {name} already exists.",
            fields={"name": "exists already"},
        )
    row = Secret.objects.create(
        name=name,
        arn=names.secret_arn(name),
        description=_description(description),
        tags=checked(tags),
        created_by=caller.arn,
    )
    audit.note_resource(row.arn)
    if value is not None:
        _keep(row, value, client_request_token)
    live.publish(*secret_topics(row))
    return row


@secret_operation(
    "secretsmanager:PutSecretValue",
    redact=_VALUES,
    writes=True,
)
def put_secret_value(
    caller: Caller,
    *,
    secret_id: str,
    secret_string: str | None = None,
    secret_binary: str | None = None,
    client_request_token: str | None = None,
    version_stages: Sequence[str] | None = None,
) -> SecretVersion:
    """Keep a new value as a new version. It becomes AWSCURRENT unless `version_stages` says otherwise."""
    row = live_secret(secret_id)
    value = checked_value(secret_string, secret_binary)
    if value is None:
        raise invalid("secretString", "a value is required: secretString or secretBinary")
    version = _keep(row, value, client_request_token, version_stages)
    live.publish(*secret_topics(row))
    return version


@secret_operation(
    "secretsmanager:UpdateSecret",
    redact=_VALUES,
    writes=True,
)
def update_secret(
    caller: Caller,
    *,
    secret_id: str,
    description: str | None = None,
    secret_string: str | None = None,
    secret_binary: str | None = None,
    client_request_token: str | None = None,
    kms_key_id: str | None = None,
) -> Secret:
    """Change the description, or the value: as a new version that becomes AWSCURRENT."""
    row = live_secret(secret_id)
    refuse_keys(kmsKeyId=kms_key_id)
    value = checked_value(secret_string, secret_binary)
    if description is not None:
        audit.note_change("description", row.description, description)
        row.description = _description(description)
        row.changed_at = clock.now()
        row.save(update_fields=["description", "changed_at"])
    if value is not None:
        _keep(row, value, client_request_token)
    live.publish(*secret_topics(row))
    return row


def _keep(
    row: Secret, value: tuple[bytes, bool], token: str | None, stages: Sequence[str] | None = None
) -> SecretVersion:
    version = add_version(row, value[0], value[1], token, stages)
    audit.note_change("versionId", None, version.version_id)
    return version


def _description(text: str) -> str:
    if not isinstance(text, str) or len(text) > 2048:
        raise invalid("description", "at most 2048 characters")
    return text


@secret_operation(
    "secretsmanager:DeleteSecret",
    writes=True,
)
def delete_secret(
    caller: Caller,
    *,
    secret_id: str,
    recovery_window_in_days: int | None = None,
    force_delete_without_recovery: bool = False,
) -> DeletedSecret:
    """Mark a secret for deletion: its values can be read no more, and after the recovery window it is gone. Until then
    it can be restored. `force_delete_without_recovery` removes it at once, for good.
    """
    row = find_secret(secret_id)
    if force_delete_without_recovery and recovery_window_in_days is not None:
        raise invalid("recoveryWindowInDays", "not together with forceDeleteWithoutRecovery")
    days = LONGEST_RECOVERY if recovery_window_in_days is None else recovery_window_in_days
    if (
        isinstance(days, bool)
        or not isinstance(days, int)
        or not SHORTEST_RECOVERY <= days <= LONGEST_RECOVERY
    ):
        raise invalid("recoveryWindowInDays", f"{SHORTEST_RECOVERY} to {LONGEST_RECOVERY} days")
    live.publish(*secret_topics(row))
    if force_delete_without_recovery:
        audit.note_change("status", "present", "deleted")
        row.delete()
        return DeletedSecret(row.arn, row.name, clock.now())
    if row.deleted_at is None:
        row.deleted_at = clock.now()
        row.purge_at = row.deleted_at + timedelta(days=days)
        row.save(update_fields=["deleted_at", "purge_at"])
        audit.note_change("deletionDate", None, row.purge_at)
    return DeletedSecret(row.arn, row.name, row.purge_at or clock.now())


@secret_operation(
    "secretsmanager:RestoreSecret",
    writes=True,
)
def restore_secret(caller: Caller, *, secret_id: str) -> Secret:
    """Take back the deletion of a secret that is still in its recovery window."""
    row = find_secret(secret_id)
    audit.note_change("deletionDate", row.purge_at, None)
    row.deleted_at = row.purge_at = None
    row.save(update_fields=["deleted_at", "purge_at"])
    live.publish(*secret_topics(row))
    return row


@secret_operation(
    "secretsmanager:UpdateSecretVersionStage",
    writes=True,
)
def update_secret_version_stage(
    caller: Caller,
    *,
    secret_id: str,
    version_stage: str,
    move_to_version_id: str | None = None,
    remove_from_version_id: str | None = None,
) -> Secret:
    """Move a stage to another version, add it to one, or take it away. Where AWSCURRENT moves, AWSPREVIOUS follows."""
    row = live_secret(secret_id)
    if not version_stage or (move_to_version_id is None and remove_from_version_id is None):
        raise invalid("moveToVersionId", "say where the stage goes, or where it is taken away")
    to = find_version(row, move_to_version_id, None) if move_to_version_id else None
    away = find_version(row, remove_from_version_id, None) if remove_from_version_id else None
    move_stage(row, version_stage, to, away)
    audit.note_change(version_stage, remove_from_version_id, move_to_version_id)
    live.publish(*secret_topics(row))
    return row


@secret_operation("secretsmanager:TagResource", writes=True)
def tag_secret(caller: Caller, *, secret_id: str, tags: Mapping[str, str]) -> None:
    """Add tags to a secret, or change their values."""
    row = find_secret(secret_id)
    new = {**row.tags, **checked(tags)}
    if len(new) > MOST:
        raise invalid("tags", f"at most {MOST} tags, not {len(new)}")
    audit.note_change("tags", row.tags, new)
    row.tags = new
    row.save(update_fields=["tags"])
    live.publish(*secret_topics(row))


@secret_operation(
    "secretsmanager:UntagResource",
    writes=True,
)
def untag_secret(caller: Caller, *, secret_id: str, tag_keys: Sequence[str]) -> None:
    """Take tags away from a secret."""
    row = find_secret(secret_id)
    new = {key: value for key, value in row.tags.items() if key not in set(tag_keys)}
    audit.note_change("tags", row.tags, new)
    row.tags = new
    row.save(update_fields=["tags"])
    live.publish(*secret_topics(row))
