"""Who calls: `Authorization: Bearer <token>`; a browser's session too, with its CSRF token, by DRF's own class."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access.identities.tokens import authenticate
from access.models import User
from access.trail.refused import record_bad_token
from console.rest.throttling import note_bad_token, refuse_guessing

_SCHEME = b"bearer"


class BearerAuthentication(BaseAuthentication):
    """The active user whose token it is. A token that is not good is refused, whatever else the request carries."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != _SCHEME:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The Authorization header is not of the form: Bearer <token>.")
        refuse_guessing(request)
        secret = parts[1].decode("latin-1")
        user = authenticate(secret)
        if user is None:
            note_bad_token(request)
            record_bad_token(request._request, secret)
            raise AuthenticationFailed(
                "The token is unknown, expired or revoked, or its user is deactivated."
            )
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        """Makes refusals 401 with a challenge."""
        return 'Bearer realm="slipway"'
