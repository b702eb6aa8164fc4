"""A task role's credentials: a session of the role, named after the task, handed out anew well before it ends."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from django.conf import settings

from access.identities.sts import IssuedSession, session_for_service
from access.models import Role
from base import clock
from console.local.refusals import Refused
from services.models import Task
from services.roles import trusted_role
from services.task_identity import task_role_arn

_lock = threading.Lock()
_issued: dict[tuple[str, int], IssuedSession] = {}
"""By task and role. In memory only: a session's secret is kept nowhere else in clear, and a restart issues another."""


def of_task(task: Task) -> dict[str, Any]:
    """In the form that SDKs expect. Raises RoleNotAssumed where the role is gone or does not trust ECS tasks."""
    arn = task_role_arn(task)
    if not arn:
        raise Refused(404, "NoRole", "This task has no task role.")
    role = trusted_role(arn)
    issued = _session(task, role)
    return {
        "RoleArn": arn,
        "AccessKeyId": issued.credential.key_id,
        "SecretAccessKey": issued.secret,
        "Token": issued.session_token,
        "Expiration": issued.credential.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _session(task: Task, role: Role) -> IssuedSession:
    lifetime = max(900, settings.SLIPWAY_TASK_CREDENTIALS_SECONDS)
    now = clock.now()
    key = (task.pk, role.pk)
    with _lock:
        known = _issued.get(key)
        revoked = role.sessions_valid_from
        if (
            known is not None
            and known.credential.expires_at - now > timedelta(seconds=lifetime / 2)
            and (revoked is None or known.credential.created_at >= revoked)
        ):
            return known
        for old in [one for one, its in _issued.items() if its.credential.expires_at <= now]:
            del _issued[old]
        _issued[key] = session_for_service(role, session_name=task.pk, seconds=lifetime)
        return _issued[key]
