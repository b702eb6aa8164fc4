"""Access keys: made, switched off, deleted; and found again by those who check a signature."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import DateTimeField, Q, QuerySet

from access.caller import Caller
from access.identities.key_models import AccessKey, TemporaryCredential
from access.identities.names import find_user, user_arn_of
from access.identities.unique_ids import access_key_id
from access.models import User
from access.registry import Need, Params, operation
from access.trail import audit
from base import cipher, here
from base.clock import now
from base.errors import EntityAlreadyExists, LimitExceeded, NoSuchEntity, invalid
from base.prepared import Given, Prepared, PreparedEach

MOST_KEYS = 2
_USED_EVERY = timedelta(minutes=1)
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_SECRET = re.compile(r"[!-~]{16,256}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its secret, which is never shown again."""

    key: AccessKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyLastUsed:
    """GetAccessKeyLastUsed's answer."""

    key_id: str
    username: str
    last_used_at: datetime | None
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a signature is checked with. `session` of temporary keys; `user` of long-lived ones."""

    key_id: str
    secret: str = field(repr=False)
    user: User | None = None
    session: TemporaryCredential | None = None


def new_secret() -> str:
    """40 characters, as AWS's."""
    return secrets.token_urlsafe(30)


def token_digest(session_token: str) -> str:
    """SHA-256 in hex of a session token, which has 256 random bits and more."""
    return hashlib.sha256(session_token.encode()).hexdigest()


def find_key(
    key_id: str, session_token: str = "", *, service: str = "", region: str = ""
) -> Credential | None:
    """The usable credential of that id, with its secret; None when there is none.

    None too when it is inactive, expired or revoked, its user deactivated, or the session token wrong or missing. One
    query, and one more at most once a minute: the last use. The caller compares signatures in constant time.
    """
    if session_token:
        return _temporary(key_id, session_token)
    key = _BY_ID.first(key_id=key_id)
    if key is None:
        return None
    moment = now()
    unused = Q(last_used_at=None) | Q(last_used_at__lte=moment - _USED_EVERY)
    if key.last_used_at is None or key.last_used_at <= moment - _USED_EVERY:
        AccessKey.objects.filter(unused, pk=key.pk).update(
            last_used_at=moment, last_used_service=service[:64], last_used_region=region[:64]
        )
    return Credential(key.key_id, _secret(key.encrypted_secret), user=key.user)


@lru_cache(maxsize=512)
def _secret(encrypted: str) -> str:
    """Of the row at hand. Kept in memory, as the keys that open it are: to decrypt takes as long as a statement."""
    return cipher.decrypt(encrypted)


# A busy client's key and user say at every call what they said: their rows are only read, never changed.
_BY_ID: PreparedEach[AccessKey] = PreparedEach(
    lambda: (
        AccessKey.objects.select_related("user")
        .filter(key_id=Given("key_id"), active=True, user__is_active=True)
        .order_by()[:1]
    ),
    lambda key: key,
    kept=512,
)
_TEMPORARY = Prepared(
    lambda: (
        TemporaryCredential.objects.select_related("user", "role")
        .filter(
            Q(user__isnull=True) | Q(user__is_active=True),
            key_id=Given("key_id"),
            token_digest=Given("token"),
            revoked_at=None,
            expires_at__gt=Given("moment", DateTimeField()),
        )
        .order_by()[:1]
    )
)


def _temporary(key_id: str, session_token: str) -> Credential | None:
    moment = now()
    row = _TEMPORARY.first(key_id=key_id, token=token_digest(session_token), moment=moment)
    if row is None:
        return None
    valid_from = row.role.sessions_valid_from if row.role is not None else None
    if valid_from is not None and row.created_at < valid_from:
        return None
    unused = Q(last_used_at=None) | Q(last_used_at__lte=moment - _USED_EVERY)
    if row.last_used_at is None or row.last_used_at <= moment - _USED_EVERY:
        TemporaryCredential.objects.filter(unused, pk=row.pk).update(last_used_at=moment)
    return Credential(row.key_id, _secret(row.encrypted_secret), session=row)


def has_expired(key_id: str, session_token: str) -> bool:
    """Whether these were temporary keys whose time is over: who held them may be told so."""
    return TemporaryCredential.objects.filter(
        key_id=key_id, token_digest=token_digest(session_token), expires_at__lte=now()
    ).exists()


@operation("iam:CreateAccessKey", resource=user_arn_of, writes=True)
def create_access_key(caller: Caller, *, username: str) -> IssuedKey:
    """Give a user an access key. Its secret is in the answer and nowhere else; a user has two keys at most."""
    return _issue(_with_room(username), access_key_id(), new_secret())


@operation("slipway:ImportAccessKey", resource=user_arn_of, writes=True)
def import_access_key(caller: Caller, *, username: str, key_id: str, secret_access_key: str) -> AccessKey:
    """Give a user an access key chosen elsewhere, such as at set-up. A user has two keys at most."""
    if not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
        raise invalid("key_id", "16 to 128 letters, digits and underscores")
    if not isinstance(secret_access_key, str) or _SECRET.fullmatch(secret_access_key) is None:
        raise invalid("secret_access_key", "16 to 256 printable characters without spaces")
    user = _with_room(username)
    if AccessKey.objects.filter(key_id=key_id).exists():
        raise EntityAlreadyExists(f"There is an access key {key_id} already.", fields={"key_id": "is taken"})
    return _issue(user, key_id, secret_access_key).key


def _with_room(username: str) -> User:
    user = User.objects.select_for_update().get(pk=find_user(username).pk)
    if user.access_keys.count() >= MOST_KEYS:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}.")
    return user


def _issue(user: User, key_id: str, secret: str) -> IssuedKey:
    key = AccessKey.objects.create(user=user, key_id=key_id, encrypted_secret=cipher.encrypt(secret))
    audit.note_change("accessKey", None, key.key_id)
    return IssuedKey(key, secret)


@operation("iam:UpdateAccessKey", resource=user_arn_of, writes=True)
def update_access_key(caller: Caller, *, username: str, key_id: str, active: bool) -> AccessKey:
    """Switch an access key on or off."""
    key = _find(username, key_id)
    if not isinstance(active, bool):
        raise invalid("active", "must be true or false")
    audit.note_change("active", key.active, active)
    key.active = active
    key.save(update_fields=["active"])
    return key


@operation("iam:DeleteAccessKey", resource=user_arn_of, writes=True)
def delete_access_key(caller: Caller, *, username: str, key_id: str) -> None:
    """Delete an access key for good."""
    key = _find(username, key_id)
    audit.note_change("accessKey", key.key_id, None)
    key.delete()


@operation("iam:ListAccessKeys", resource=user_arn_of, writes=False)
def list_access_keys(caller: Caller, *, username: str) -> QuerySet[AccessKey]:
    """The access keys of a user, oldest first; never their secrets."""
    return find_user(username).access_keys.all()


def _need_of_last_used(caller: Caller, params: Params) -> Iterable[Need]:
    """On the key's user; whoever names a key that is not there needs the action on every user to hear of it."""
    key = AccessKey.objects.select_related("user").filter(key_id=params["key_id"]).first()
    yield Need("iam:GetAccessKeyLastUsed", here.user_arn("*") if key is None else key.user.arn)


@operation("iam:GetAccessKeyLastUsed", resource=lambda params: [], extra=_need_of_last_used, writes=False)
def get_access_key_last_used(caller: Caller, *, key_id: str) -> KeyLastUsed:
    """Whose key it is, and when, for which service and where it was last used, to the minute."""
    key = AccessKey.objects.select_related("user").filter(key_id=key_id).first()
    if key is None:
        raise NoSuchEntity(
            f"The Access Key with id {key_id} cannot be found.", fields={"key_id": "not found"}
        )
    return KeyLastUsed(
        key.key_id, key.user.username, key.last_used_at, key.last_used_service, key.last_used_region
    )


def _find(username: str, key_id: str) -> AccessKey:
    key = find_user(username).access_keys.filter(key_id=key_id).first()
    if key is None:
        raise NoSuchEntity(
            f"The Access Key with id {key_id} cannot be found.", fields={"key_id": "not found"}
        )
    return key
