"""Who may have a terminal: asked when the WebSocket comes, and again while it is open."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest

from access.caller import Caller
from access.identities.principals import role_caller
from access.middleware import console_caller, prepare
from access.models import Role, User
from access.signon import sessions as browser_sessions
from access.signon.session_store import SessionStore
from services.condition_keys import exec_context
from services.execute.models import ExecSession

P = ParamSpec("P")
R = TypeVar("R")

SIGNED_OUT = "You have signed out."
NOT_ALLOWED = "You may not execute commands here any more."


@dataclass
class Guest:
    """Who opened a WebSocket. `actor`: the ARN the browser's session acts as; None for a program, which has a token
    and no browser. `session`: the session of ExecuteCommand, once its token was shown."""

    request: HttpRequest
    actor: str | None
    session: ExecSession | None = None
    used: bool = False
    """Something was typed since we last looked."""


async def with_database(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`work` in a thread, whose connection is given back afterwards: a terminal is open for hours."""

    def run() -> R:
        try:
            return work(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


async def arrived(scope: dict[str, object]) -> Guest | None:
    """None where a page of somebody else, or nobody's browser, asks."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, io.BytesIO())
    origin = request.headers.get("Origin")
    if origin is not None and not _own_origin(request, origin):
        return None
    prepare(request)
    if origin is None:
        return Guest(request, None)
    caller = await with_database(_caller_of_browser, request)
    return Guest(request, caller.arn) if caller is not None else None


def _own_origin(request: HttpRequest, origin: str) -> bool:
    try:
        host = request.get_host()
    except DisallowedHost:
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host


def _caller_of_browser(request: HttpRequest) -> Caller | None:
    """Who the browser's session acts as now, read anew; None where it has ended."""
    store = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.session = store
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    request.user = user
    return console_caller(request)


def admitted(guest: Guest) -> str:
    """ "" while the terminal may stay; else why not, for who sits at it."""
    row = guest.session
    assert row is not None
    if guest.actor is None:
        caller = _caller_of_token(row)
    else:
        caller = _caller_of_browser(guest.request)
        if caller is not None and caller.arn != guest.actor:
            return SIGNED_OUT  # or switched to another role
        if guest.used:
            browser_sessions.note_seen(guest.request)  # who types is there
            guest.used = False
    if caller is None:
        return SIGNED_OUT if guest.actor is not None else NOT_ALLOWED
    owners = [row.owner_arn] if row.owner_arn else []
    context = exec_context(row)
    allowed = all(
        caller.may("ecs:ExecuteCommand", arn, context, owners).allowed
        for arn in (row.task_arn, row.cluster_arn)
    )
    return "" if allowed else NOT_ALLOWED


def _caller_of_token(row: ExecSession) -> Caller | None:
    """Who asked for the session, with what that identity may do now; a session's own policies are not asked again."""
    kept = row.caller
    if kept.get("system"):
        return None
    request = HttpRequest()
    request.source_ip = kept["source_ip"]  # type: ignore[attr-defined]
    request.META["HTTP_USER_AGENT"] = kept["user_agent"]
    mfa = datetime.fromisoformat(kept["mfa_at"]) if kept.get("mfa_at") else None
    if kept["role_id"] is not None:
        role = Role.objects.filter(pk=kept["role_id"]).first()
        if role is None or (
            role.sessions_valid_from is not None and row.created_at < role.sessions_valid_from
        ):
            return None
        name = str(kept["arn"]).rpartition("/")[2]
        return role_caller(
            role, session_name=name, assumed_by=kept["assumed_by"], face=kept["face"], request=request,
            started=row.created_at, mfa=mfa,
        )  # fmt: skip
    user = User.objects.filter(pk=kept["user_id"], is_active=True).first()
    if user is None:
        return None
    return Caller.for_user(user, face=kept["face"], request=request, mfa=mfa)
