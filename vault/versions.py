"""Versions of a secret and the stages that point to them: rows only, inside an operation's transaction."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence

from base import clock
from base.errors import OperationError, invalid_fields
from vault.lookup import InvalidRequest
from vault.models import CURRENT, PREVIOUS, Secret, SecretStage, SecretVersion

LARGEST = 65536  # bytes of a value, Secrets Manager's limit
MOST_VERSIONS = 100  # deprecated ones beyond it are removed, oldest first
MOST_STAGES = 20  # of one version
VERSION_ID = re.compile(r"[A-Za-z0-9-]{32,64}")
_STAGE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class ResourceExists(OperationError):
    code = "ResourceExistsException"
    status = 400


def checked_value(secret_string: str | None, secret_binary: str | None) -> tuple[bytes, bool] | None:
    """The bytes and whether they are binary; None where no value is given. `secret_binary` is base64.

    Messages never repeat any part of a value.
    """
    if secret_string is None and secret_binary is None:
        return None
    problems: dict[str, str] = {}
    value = b""
    if secret_string is not None and secret_binary is not None:
        problems["secretBinary"] = "give secretString or secretBinary, not both"
    elif secret_binary is not None:
        try:
            value = base64.b64decode(secret_binary, validate=True)
        except (binascii.Error, ValueError, TypeError):
            problems["secretBinary"] = "must be base64"
    elif not isinstance(secret_string, str):
        problems["secretString"] = "must be text"
    else:
        value = secret_string.encode(errors="surrogatepass")
    if not problems and not 1 <= len(value) <= LARGEST:
        problems["secretString" if secret_binary is None else "secretBinary"] = (
            f"has {len(value)} bytes; 1 to {LARGEST} are allowed"
        )
    if problems:
        raise invalid_fields(problems)
    return value, secret_binary is not None


def checked_stages(stages: Sequence[str] | None) -> list[str]:
    wanted = list(dict.fromkeys(stages or [CURRENT]))
    if len(wanted) > MOST_STAGES or any(
        not isinstance(stage, str) or not _STAGE.fullmatch(stage) for stage in wanted
    ):
        raise invalid_fields(
            {"versionStages": f"at most {MOST_STAGES} names of letters, digits, _ and -, not longer than 256"}
        )
    return wanted


def add_version(
    secret: Secret, value: bytes, binary: bool, token: str | None, stages: Sequence[str] | None = None
) -> SecretVersion:
    """Keep a value as a new version. A repeat with the same `token` and value answers the version of the first call."""
    version_id = token or str(uuid.uuid4())
    if not isinstance(version_id, str) or not VERSION_ID.fullmatch(version_id):
        raise invalid_fields({"clientRequestToken": "32 to 64 letters, digits and hyphens"})
    wanted = checked_stages(stages)
    known = secret.versions.filter(version_id=version_id).first()
    if known is not None:
        known.secret = secret
        if known.value() != value or known.binary is not binary:
            raise ResourceExists(
                f"A version of {secret.name} with the id {version_id} exists already with another value.",
                fields={"clientRequestToken": "is taken"},
            )
        return known
    row = SecretVersion(secret=secret, version_id=version_id, binary=binary)
    row.lock(value)
    row.save()
    for stage in wanted:
        point(secret, stage, row)
    Secret.objects.filter(pk=secret.pk).update(changed_at=clock.now())
    _prune(secret)
    return row


def point(secret: Secret, stage: str, version: SecretVersion) -> None:
    """Move a stage to a version. Where AWSCURRENT moves, AWSPREVIOUS follows to where it was."""
    before = SecretStage.objects.filter(secret=secret, stage=stage).select_related("version").first()
    if before is not None and before.version_id == version.pk:
        return
    if stage == CURRENT and before is not None:
        SecretStage.objects.update_or_create(
            secret=secret, stage=PREVIOUS, defaults={"version": before.version}
        )
    SecretStage.objects.update_or_create(secret=secret, stage=stage, defaults={"version": version})
    if stage == CURRENT:  # a version is not both the current and the one before it
        SecretStage.objects.filter(secret=secret, stage=PREVIOUS, version=version).delete()


def move_stage(
    secret: Secret, stage: str, move_to: SecretVersion | None, remove_from: SecretVersion | None
) -> None:
    """Secrets Manager's UpdateSecretVersionStage: who moves a stage says where it is now."""
    checked_stages([stage])
    at = SecretStage.objects.filter(secret=secret, stage=stage).first()
    if at is not None and (remove_from is None or at.version_id != remove_from.pk):
        if move_to is not None and at.version_id == move_to.pk:
            return
        raise InvalidRequest(
            f"The stage {stage} is on another version of {secret.name}: name that one in removeFromVersionId.",
            fields={"removeFromVersionId": "is not where the stage is"},
        )
    if at is None and remove_from is not None:
        raise InvalidRequest(
            f"The stage {stage} is on no version of {secret.name}.",
            fields={"removeFromVersionId": "does not have the stage"},
        )
    if move_to is not None:
        point(secret, stage, move_to)
    elif stage == CURRENT:
        raise InvalidRequest(
            "AWSCURRENT cannot be taken away: move it to another version.",
            fields={"moveToVersionId": "is required for AWSCURRENT"},
        )
    elif at is not None:
        at.delete()
    Secret.objects.filter(pk=secret.pk).update(changed_at=clock.now())


def _prune(secret: Secret) -> None:
    count = secret.versions.count()
    if count <= MOST_VERSIONS:
        return
    deprecated = secret.versions.filter(stages=None).order_by("created_at", "id")
    doomed = list(deprecated.values_list("pk", flat=True)[: count - MOST_VERSIONS])
    SecretVersion.objects.filter(pk__in=doomed).delete()
