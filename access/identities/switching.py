"""Switching roles in the console: the session of a browser acts as a role until it switches back or time is up.

What is kept in the session is the role's id, since when and until when. Every request asks anew: a role that is gone, a
trust policy that no longer allows, a revoked session or a deactivated user end it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest

from access.caller import Caller, Face
from access.identities.principals import LONGEST_SESSION_NAME, role_caller
from access.identities.sts import switch_role
from access.identities.trust import may_assume
from access.models import Role, User
from base.clock import now

SESSION_KEY = "access.role"


@dataclass(frozen=True, slots=True)
class Switched:
    """The role a browser's session acts as, and until when."""

    role_id: int
    role_name: str
    started: datetime
    expires: datetime


def switched(request: HttpRequest) -> Switched | None:
    """What the session says, unless its time is up; whether it still counts is for `session_caller` to find out."""
    raw = _session(request).get(SESSION_KEY)
    if not isinstance(raw, dict):
        return None
    found = Switched(
        raw["role"], raw["name"], datetime.fromisoformat(raw["since"]), datetime.fromisoformat(raw["until"])
    )
    return found if found.expires > now() else None


def put_role(request: HttpRequest, caller: Caller, *, role: str) -> Switched:
    """Let the browser's session act as the role from its next request on: runs the operation `switch_role`.

    `caller`: the person as itself. Raises AccessDenied where the role does not trust it, or is not there.
    """
    row = switch_role(caller, role=role)
    started = now()
    found = Switched(row.pk, row.name, started, started + timedelta(seconds=row.max_session_seconds))
    _session(request)[SESSION_KEY] = {
        "role": found.role_id,
        "name": found.role_name,
        "since": found.started.isoformat(),
        "until": found.expires.isoformat(),
    }
    return found


def leave_role(request: HttpRequest) -> None:
    """Switch back; nothing happens where the session acts as its user."""
    _session(request).pop(SESSION_KEY, None)


def session_caller(
    request: HttpRequest,
    user: User,
    *,
    face: Face = "console",
    mfa: datetime | None = None,
    session_started: datetime | None = None,
) -> Caller:
    """Who a browser's session acts as: its user, or the role it has switched to.

    One query for a user; three for a role: the user's policies and the role's are both asked.
    """
    own = Caller.for_user(user, face=face, request=request, mfa=mfa, session_started=session_started)
    kept = switched(request)
    if kept is None:
        if SESSION_KEY in _session(request):
            leave_role(request)
        return own
    role = Role.objects.filter(pk=kept.role_id).first()
    if role is None or not user.is_active or not _still_counts(own, role, kept):
        leave_role(request)
        return own
    return role_caller(
        role,
        session_name=session_name_of(user),
        assumed_by=own,
        face=face,
        request=request,
        started=kept.started,
        mfa=mfa,
    )


def session_name_of(user: User) -> str:
    return user.username[:LONGEST_SESSION_NAME]


def _still_counts(own: Caller, role: Role, kept: Switched) -> bool:
    revoked = role.sessions_valid_from is not None and kept.started < role.sessions_valid_from
    context = {"sts:RoleSessionName": own.name}
    return not revoked and may_assume(own, role, context=context).allowed


def _session(request: HttpRequest) -> Any:
    return getattr(request, "session", {})
