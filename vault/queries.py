"""Reads of secrets. Those that answer a value are recorded, as writes are."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, operation
from access.trail import audit
from base import clock
from base.cipher import CipherError
from base.errors import ServerError
from vault.lookup import find_secret, find_version, live_secret, secret_operation
from vault.models import Secret, SecretVersion


@dataclass(frozen=True)
class SecretValue:
    """A value that was read. `secret_binary` is base64. Never printed: neither value is part of its text."""

    arn: str
    name: str
    version_id: str
    version_stages: tuple[str, ...]
    created_at: datetime
    secret_string: str | None = field(default=None, repr=False)
    secret_binary: str | None = field(default=None, repr=False)


@secret_operation(
    "secretsmanager:GetSecretValue",
    writes=False,
    audited_read=True,
)
def get_secret_value(
    caller: Caller, *, secret_id: str, version_id: str | None = None, version_stage: str | None = None
) -> SecretValue:
    """The value of a secret: its AWSCURRENT one, or the version or stage asked for. Every call is recorded."""
    secret = live_secret(secret_id)
    version = find_version(secret, version_id, version_stage)
    try:
        raw = version.value()
    except CipherError as error:
        raise ServerError(f"The value of {secret.name} cannot be decrypted: {error}.") from None
    _note_access(secret, version)
    audit.note_resource(secret.arn)
    return SecretValue(
        arn=secret.arn,
        name=secret.name,
        version_id=version.version_id,
        version_stages=tuple(stage.stage for stage in version.stages.all()),
        created_at=version.created_at,
        secret_string=None if version.binary else raw.decode(errors="surrogatepass"),
        secret_binary=base64.b64encode(raw).decode("ascii") if version.binary else None,
    )


def _note_access(secret: Secret, version: SecretVersion) -> None:
    """The day of the last read: one write a day at most."""
    today = clock.now().date()
    for row in (secret, version):
        if row.accessed_on != today:
            type(row)._default_manager.filter(pk=row.pk).update(accessed_on=today)


@secret_operation(
    "secretsmanager:DescribeSecret",
    writes=False,
)
def describe_secret(caller: Caller, *, secret_id: str) -> Secret:
    """A secret with its versions and stages, never a value."""
    return find_secret(secret_id)


@operation("secretsmanager:ListSecrets", resource="*", writes=False)
def list_secrets(caller: Caller, *, include_planned_deletion: bool = False) -> QuerySet[Secret]:
    """The secrets this caller may describe, by name; those marked for deletion only where they are asked for."""
    rows = Secret.objects.select_related("rotation").prefetch_related("versions__stages")
    if not include_planned_deletion:
        rows = rows.filter(deleted_at=None)
    return visible(rows, caller, "secretsmanager:DescribeSecret")


@secret_operation(
    "secretsmanager:ListSecretVersionIds",
    writes=False,
)
def list_secret_version_ids(
    caller: Caller, *, secret_id: str, include_deprecated: bool = False
) -> QuerySet[SecretVersion]:
    """The versions of a secret, newest first; those without a stage only where they are asked for."""
    rows = find_secret(secret_id).versions.prefetch_related("stages")
    return rows if include_deprecated else rows.filter(~Q(stages=None)).distinct()
