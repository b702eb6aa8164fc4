"""Django's session engine for people: sessions one can list and end, that end when idle, and whose keys are digests.

SESSION_ENGINE. It is Django's database engine over access.UserSession (the extension its documentation describes):
what the cookie holds is hashed before it is looked up, so a copy of the database opens no session.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from access.signon.models import UserSession
from base.clock import now

ABOUT = "slipway_sign_in"
"""The session's key that holds how it was begun: see access.signon.sessions.begin."""
_SEEN_EVERY = timedelta(minutes=1)


def digest_of(key: str) -> str:
    """SHA-256 in hex, cut to the 40 characters that Django's column has: 160 bits of a random key of 165."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    """`row`: the session as it was loaded; None when there is none."""

    row: UserSession | None = None

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def _get_session_from_db(self) -> UserSession | None:
        found = UserSession.objects.filter(session_key=digest_of(self.session_key or "")).first()
        return self._if_alive(found)

    async def _aget_session_from_db(self) -> UserSession | None:
        found = await UserSession.objects.filter(session_key=digest_of(self.session_key or "")).afirst()
        return self._if_alive(found)

    def _if_alive(self, found: UserSession | None) -> UserSession | None:
        if found is None or has_ended(found):
            self._session_key = None
            return None
        self.row = found
        return found

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(digest_of(session_key)))

    async def aexists(self, session_key: str) -> bool:
        return bool(await super().aexists(digest_of(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        row = cast(UserSession, super().create_model_instance(data))
        return _described(row, data, self.get_expiry_age())

    async def acreate_model_instance(self, data: dict[str, Any]) -> UserSession:
        row = cast(UserSession, await super().acreate_model_instance(data))
        return _described(row, data, await self.aget_expiry_age())

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            UserSession.objects.filter(session_key=digest_of(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            await UserSession.objects.filter(session_key=digest_of(key)).adelete()

    def seen(self, source_ip: str) -> None:
        """Note that the session is used, from where; one write a minute at most."""
        moment = now()
        if self.row is None or self.row.user_id is None or self.row.last_seen_at > moment - _SEEN_EVERY:
            return
        UserSession.objects.filter(pk=self.row.pk, last_seen_at__lte=moment - _SEEN_EVERY).update(
            last_seen_at=moment, source_ip=source_ip
        )


def has_ended(row: UserSession) -> bool:
    """Past its end, past its longest life whatever was done in it, or idle for too long."""
    moment = now()
    if row.expire_date <= moment:
        return True
    if row.user_id is None:
        return False
    longest = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    idle = timedelta(minutes=settings.SLIPWAY_SESSION_IDLE_MINUTES)
    return row.started_at + longest <= moment or bool(idle and row.last_seen_at + idle <= moment)


def _described(row: UserSession, data: dict[str, Any], age: int) -> UserSession:
    """The row with the columns that lists are made of, from the session's own data; `age` in seconds from now."""
    row.expire_date = now() + timedelta(seconds=age)
    row.session_key = digest_of(row.session_key)
    row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
    about = data.get(ABOUT) or {}
    # Django saves whole rows: a session keeps its name and its beginning through that.
    row.public_id = about.get("id") or hashlib.sha256(f"id:{row.session_key}".encode()).hexdigest()[:16]
    row.started_at = _moment(about.get("at")) or now()
    row.source_ip = about.get("ip", "")
    row.user_agent = about.get("agent", "")
    row.method = about.get("method", "")
    row.mfa_at = _moment(about.get("mfa_at"))
    return row


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
