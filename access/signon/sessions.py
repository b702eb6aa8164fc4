"""Sessions of the console: begun, described, listed and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.contrib.auth import login
from django.db.models import QuerySet
from django.http import HttpRequest

from access.caller import Caller
from access.identities.names import find_user, user_arn_of
from access.models import User
from access.registry import operation
from access.signon.models import UserSession
from access.signon.session_store import ABOUT, SessionStore
from access.trail import audit
from base.clock import now
from base.errors import NoSuchEntity
from base.ids import hex_id

Method = Literal["password", "passkey", "oidc"]
_BACKEND = "access.backends.PasswordBackend"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a request's session knows of its sign-in; all None without one. `id` is the one that lists show."""

    id: str | None = None
    started: datetime | None = None
    mfa_at: datetime | None = None
    method: str = ""


def begin(request: HttpRequest, user: User, method: Method, *, mfa: bool) -> None:
    """Make the request's session the user's. The key in the cookie is a new one: nobody else can know it."""
    login(request, user, backend=_BACKEND)
    moment = now().isoformat()
    request.session[ABOUT] = {
        "id": hex_id(16),
        "at": moment,
        "ip": getattr(request, "source_ip", ""),
        "agent": str(request.META.get("HTTP_USER_AGENT") or "")[:400],
        "method": method,
        "mfa_at": moment if mfa else None,
    }


def renew(request: HttpRequest, user: User) -> None:
    """After the user's password changed: this session goes on, under a new key, as it was begun."""
    about = request.session.get(ABOUT)
    login(request, user, backend=_BACKEND)
    if about:
        request.session[ABOUT] = about


def mark_mfa(request: HttpRequest) -> None:
    """A second factor has just been given in this session."""
    about = dict(request.session.get(ABOUT) or {})
    if about:
        request.session[ABOUT] = about | {"mfa_at": now().isoformat()}


def facts(request: HttpRequest) -> Facts:
    """Of the request's session; for Caller.for_user(mfa=, session_started=)."""
    session = getattr(request, "session", None)
    about = session.get(ABOUT) if session is not None else None
    if not about:
        return Facts()
    mfa_at = about.get("mfa_at")
    return Facts(
        id=about["id"],
        started=datetime.fromisoformat(about["at"]),
        mfa_at=datetime.fromisoformat(mfa_at) if mfa_at else None,
        method=about.get("method", ""),
    )


def note_seen(request: HttpRequest) -> None:
    """A person did something in this session, if it is anybody's."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        session.seen(getattr(request, "source_ip", ""))


def end_all(user: User, keep: str | None = None) -> int:
    """End a user's sessions, all but the one of that id; how many. A function below operations."""
    rows = UserSession.objects.filter(user=user)
    if keep:
        rows = rows.exclude(public_id=keep)
    count, _ = rows.delete()
    return count


@operation("slipway:ListSessions", resource=user_arn_of, writes=False)
def list_sessions(caller: Caller, *, username: str) -> QuerySet[UserSession]:
    """The browser sessions of a user that are alive, last seen first: device, address, since when."""
    return UserSession.objects.of(find_user(username).pk)


@operation("slipway:EndSession", resource=user_arn_of, writes=True)
def end_session(caller: Caller, *, username: str, session: str) -> None:
    """Sign one browser of a user out, at once."""
    row = UserSession.objects.of(find_user(username).pk).filter(public_id=session).first()
    if row is None:
        raise NoSuchEntity(f"{username} has no session {session}.", fields={"session": "not found"})
    audit.note_change("session", f"{row.public_id} from {row.source_ip or 'unknown'}", None)
    row.delete()


@operation("slipway:EndSession", resource=user_arn_of, writes=True)
def end_sessions(caller: Caller, *, username: str, keep: str | None = None) -> int:
    """Sign every browser of a user out, but the session `keep` if one is named. Returns how many were ended."""
    user = find_user(username)
    count = end_all(user, keep)
    audit.note_change("sessions", count, 0)
    return count
