"""Bearer tokens of REST: issued once, kept as a digest, revoked."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q, QuerySet

from access.caller import Caller
from access.identities.names import find_user, user_arn_of
from access.models import Token, User
from access.registry import operation
from access.trail import audit
from base.clock import now
from base.errors import EntityAlreadyExists, LimitExceeded, NoSuchEntity, invalid

_MARK = "slp_"
_SHOWN = 12
_USED_EVERY = timedelta(minutes=1)
TOKENS_PER_USER = 50
LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its secret, which can never be read again."""

    token: Token
    secret: str = field(repr=False)


def digest_of(secret: str) -> str:
    """SHA-256 in hex. The secret has 256 random bits, so a slow hash would protect nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(secret: str) -> User | None:
    """The active user whose unexpired token this is. Writes its last use, at most once a minute."""
    if not secret.startswith(_MARK):
        return None
    moment = now()
    token = (
        Token.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=moment), digest=digest_of(secret), user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or token.last_used_at <= moment - _USED_EVERY:
        Token.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lte=moment - _USED_EVERY), pk=token.pk
        ).update(last_used_at=moment)
    return token.user


@operation("iam:CreateServiceSpecificCredential", resource=user_arn_of, writes=True)
def create_token(
    caller: Caller, *, username: str, name: str, expires_in_days: int | None = 90
) -> IssuedToken:
    """Issue a bearer token for REST. Its secret is in the answer and nowhere else; None: it never expires."""
    if not isinstance(name, str) or not name.strip() or len(name) > 64:
        raise invalid("name", "between 1 and 64 characters")
    if expires_in_days is not None and not (
        isinstance(expires_in_days, int) and 1 <= expires_in_days <= LONGEST_DAYS
    ):
        raise invalid("expires_in_days", f"a number of days between 1 and {LONGEST_DAYS}, or none")
    user = find_user(username)
    if Token.objects.filter(user=user, name=name).exists():
        raise EntityAlreadyExists(
            f"{username} already has a token named {name}.", fields={"name": "is taken"}
        )
    if Token.objects.filter(user=user).count() >= TOKENS_PER_USER:
        raise LimitExceeded(f"{username} has {TOKENS_PER_USER} tokens already; revoke one first.")
    secret = _MARK + secrets.token_urlsafe(32)
    expires_at = None if expires_in_days is None else now() + timedelta(days=expires_in_days)
    token = Token.objects.create(
        user=user, name=name, prefix=secret[:_SHOWN], digest=digest_of(secret), expires_at=expires_at
    )
    audit.note_change("token", None, f"{token.prefix}... ({name})")
    return IssuedToken(token, secret)


@operation("iam:DeleteServiceSpecificCredential", resource=user_arn_of, writes=True)
def revoke_token(caller: Caller, *, username: str, name: str) -> None:
    """Make a token worthless at once."""
    token = Token.objects.filter(user=find_user(username), name=name).first()
    if token is None:
        raise NoSuchEntity(f"{username} has no token named {name}.")
    audit.note_change("token", f"{token.prefix}... ({name})", None)
    token.delete()


@operation("iam:ListServiceSpecificCredentials", resource=user_arn_of, writes=False)
def list_tokens(caller: Caller, *, username: str) -> QuerySet[Token]:
    """The tokens of a user, newest first; never their secrets."""
    return Token.objects.filter(user=find_user(username))
