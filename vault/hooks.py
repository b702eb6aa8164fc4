"""Rotating secrets by a hook: a URL that is asked, step by step, to make, set, test and finish a new version.

The hook gets what Secrets Manager gives a rotation function, as JSON: {"SecretId", "ClientRequestToken", "Step"}, Step
being createSecret, setSecret, testSecret, finishSecret in this order. It works through the API as anybody does: keeps
the new value as AWSPENDING under that token, and in the last step moves AWSCURRENT there. It answers 200 when the step
is done, 202 to be asked again; anything else is a failure, and the step is asked for again later, ever less often.
Source: AWS Secrets Manager User Guide, "Lambda rotation functions".
"""

from __future__ import annotations

import json
import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

import requests
from django.db import transaction

from access.registry import system_caller
from access.trail import audit, records
from base import cipher, clock, live
from base.errors import ServerError
from base.outgoing import ForbiddenAddress, Session
from vault.models import CURRENT, PENDING, SecretStage, secret_topics
from vault.rotation_models import SecretRotation

log = logging.getLogger(__name__)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_TIME_OUT = 30.0  # seconds for one answer of a hook
_LEASE = timedelta(seconds=90)
_AGAIN = timedelta(seconds=30)  # after 202
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


class HookFailed(Exception):
    """The message says what went wrong, without anything of the URL but its host."""


def begin(rotation: SecretRotation, token: str | None = None) -> None:
    """Have a rotation start at once. One that is under way goes on as it is, with its own version."""
    if not rotation.token:
        rotation.token = token or pending_version(rotation) or str(uuid.uuid4())
        rotation.step = STEPS[0]
    rotation.due_at, rotation.failures, rotation.error = clock.now(), 0, ""
    rotation.save(update_fields=["token", "step", "due_at", "failures", "error"])


def pending_version(rotation: SecretRotation) -> str:
    """The version that an earlier rotation left pending, to be gone on with; "" where there is none."""
    stages = dict(
        SecretStage.objects.filter(secret=rotation.secret_id, stage__in=(CURRENT, PENDING)).values_list(
            "stage", "version__version_id"
        )
    )
    found = stages.get(PENDING, "")
    return "" if found == stages.get(CURRENT) else found


def next_time(rotation: SecretRotation) -> datetime | None:
    """When it is rotated next by its rule; counted from the last time, or from now."""
    if not rotation.every_days:
        return None
    return (rotation.last_rotated_at or clock.now()) + timedelta(days=rotation.every_days)


def work() -> int:
    """Carry every rotation that is due as far as it goes; answers how many were looked at."""
    due = SecretRotation.objects.filter(enabled=True, due_at__lte=clock.now(), secret__deleted_at=None)
    looked = 0
    for key in due.order_by("due_at").values_list("pk", flat=True)[:100]:
        # By guarded update: another worker that came first has moved it.
        if due.filter(pk=key).update(due_at=clock.now() + _LEASE):
            _rotate(SecretRotation.objects.select_related("secret").get(pk=key))
            looked += 1
    return looked


def _rotate(rotation: SecretRotation) -> None:
    if not rotation.token:
        begin(rotation)
    while rotation.step:
        try:
            done = _ask(rotation)
        except HookFailed as failure:
            _failed(rotation, str(failure))
            return
        following = STEPS.index(rotation.step) + 1
        step = STEPS[following] if following < len(STEPS) else ""
        if not done:
            _move(rotation, due_at=clock.now() + _AGAIN)
            return
        if not _move(rotation, step=step, failures=0, error="", due_at=clock.now() + _LEASE):
            return
    if _current_version(rotation) == rotation.token:
        _finished(rotation)
    else:
        rotation.step = STEPS[-1]
        _failed(rotation, f"finishSecret was answered, but {CURRENT} is not on the new version")


def _move(rotation: SecretRotation, **fields: Any) -> bool:
    """False where the rotation was cancelled meanwhile: nothing was changed."""
    moved = SecretRotation.objects.filter(pk=rotation.pk, enabled=True, token=rotation.token).update(**fields)
    for name, value in fields.items():
        setattr(rotation, name, value)
    return bool(moved)


def _ask(rotation: SecretRotation) -> bool:
    """Whether the step is done. Raises HookFailed."""
    event = {"SecretId": rotation.secret.arn, "ClientRequestToken": rotation.token, "Step": rotation.step}
    try:
        with Session(_TIME_OUT) as session:
            status, _ = session.fetch(
                "POST",
                cipher.decrypt(rotation.encrypted_hook),
                most=65536,
                data=json.dumps(event),
                headers={"Content-Type": "application/json"},
            )
    except ForbiddenAddress as error:
        raise HookFailed(f"{rotation.step}: {error}") from None
    except requests.RequestException as error:
        # Its text may quote the URL.
        raise HookFailed(
            f"{rotation.step}: {rotation.hook_host} did not answer ({type(error).__name__})"
        ) from None
    if status not in (200, 202, 204):
        raise HookFailed(f"{rotation.step}: {rotation.hook_host} answered with status {status}")
    return status != 202


def _current_version(rotation: SecretRotation) -> str:
    row = SecretStage.objects.filter(secret=rotation.secret_id, stage=CURRENT).select_related("version")
    return "".join(stage.version.version_id for stage in row)


def _failed(rotation: SecretRotation, reason: str) -> None:
    log.warning("rotation of %s: %s", rotation.secret.arn, reason)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(rotation.failures, 10))
    first = rotation.failures == 0
    with transaction.atomic():
        told = _move(
            rotation,
            step=rotation.step,
            failures=rotation.failures + 1,
            error=reason,
            due_at=clock.now() + pause,
        )
        if told and first:  # recorded once, not at every try
            _record(rotation, reason)
    live.publish(*secret_topics(rotation.secret))


def _finished(rotation: SecretRotation) -> None:
    token, rotation.last_rotated_at = rotation.token, clock.now()
    with transaction.atomic():
        if _move(rotation, last_rotated_at=rotation.last_rotated_at, due_at=next_time(rotation)):
            _record(rotation)
            SecretRotation.objects.filter(pk=rotation.pk, token=token).update(token="")
    live.publish(*secret_topics(rotation.secret))


def _record(rotation: SecretRotation, failure: str = "") -> None:
    record = records.of_call(
        system_caller("rotation"),
        "rotate_secret",
        "secretsmanager:RotateSecret",
        [rotation.secret.arn],
        error=ServerError(failure) if failure else None,
        params={"version_id": rotation.token},
    )
    audit.write(record)
