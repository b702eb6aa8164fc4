"""Sign-on by OpenID Connect, with Authlib: authorization code, PKCE, state, nonce; the issuer is the operator's word.

The settings name one provider. Its addresses come from its own discovery document, which must name the same issuer; no
redirect is followed, and connections go through base.outgoing, so that a provider cannot send us to a cloud's metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from django.conf import settings
from django.http import HttpRequest
from joserfc.errors import JoseError

from base.clock import now
from base.outgoing import ForbiddenAddress, PinnedAdapter

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has; never "none", and never one made with our own client secret."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
TIMEOUT = 10.0
METADATA_FOR = 3600
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcFailure(Exception):
    """Sign-on did not work. The message is for the log and the audit trail; it holds no token and no code."""


@dataclass(frozen=True, slots=True)
class Provider:
    """As the environment describes it. `group_map`: a group there -> groups here."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    scopes: str
    groups_claim: str
    username_claim: str
    group_map: Mapping[str, Sequence[str]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for. `groups`: as it calls them. `mfa`: it says that it asked for a second factor."""

    issuer: str
    subject: str
    username: str
    display_name: str
    email: str
    groups: tuple[str, ...]
    mfa: bool


def provider() -> Provider | None:
    """The provider of the settings; None when there is none."""
    issuer = settings.SLIPWAY_OIDC_ISSUER.rstrip("/")
    if not issuer:
        return None
    return Provider(
        issuer=issuer,
        client_id=settings.SLIPWAY_OIDC_CLIENT_ID,
        client_secret=settings.SLIPWAY_OIDC_CLIENT_SECRET,
        name=settings.SLIPWAY_OIDC_NAME or urlsplit(issuer).hostname or issuer,
        scopes=settings.SLIPWAY_OIDC_SCOPES,
        groups_claim=settings.SLIPWAY_OIDC_GROUPS_CLAIM,
        username_claim=settings.SLIPWAY_OIDC_USERNAME_CLAIM,
        group_map=parse_group_map(settings.SLIPWAY_OIDC_GROUP_MAP),
    )


def parse_group_map(text: str) -> dict[str, list[str]]:
    """ "platform=administrator,dev=deployer,dev=operator" -> {"platform": ["administrator"], "dev": [...]}. A part
    without "=" is ignored: it maps nothing."""
    found: dict[str, list[str]] = {}
    for part in text.split(","):
        theirs, equals, ours = part.rpartition("=")
        if equals and theirs.strip() and ours.strip():
            found.setdefault(theirs.strip(), []).append(ours.strip())
    return found


def authorization_url(request: HttpRequest, provider: Provider, redirect_uri: str) -> str:
    """Where to send the browser. State, nonce and code verifier stay in its session here. Raises OidcFailure."""
    try:
        app = _app(provider)
        made = app.create_authorization_url(redirect_uri)
        app.save_authorize_data(request, redirect_uri=redirect_uri, **made)
    except _TROUBLE as error:
        raise _failure(error) from None
    return str(made["url"])


def finish(request: HttpRequest, provider: Provider) -> Person:
    """The person who came back with a code, once its ID token has been checked: signature by a key of the provider's,
    issuer, audience, time, nonce. Raises OidcFailure."""
    try:
        app = _app(provider)
        token = app.authorize_access_token(
            request,
            claims_cls=CodeIDToken,
            claims_options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "exp": {"essential": True},
            },
            leeway=LEEWAY,
        )
    except _TROUBLE as error:
        raise _failure(error) from None
    claims = token.get("userinfo")
    if not claims or not isinstance(claims.get("sub"), str) or not 1 <= len(claims["sub"]) <= 255:
        raise OidcFailure("The provider sent no ID token that names a subject.")
    return _person(provider, claims)


def _person(provider: Provider, claims: Mapping[str, Any]) -> Person:
    groups = claims.get(provider.groups_claim)
    listed = groups if isinstance(groups, list) else [groups]
    # An address counts only when the provider has seen that it is the person's.
    email = claims.get("email") if claims.get("email_verified") is True else ""
    methods = claims.get("amr")
    return Person(
        issuer=provider.issuer,
        subject=claims["sub"],
        username=_text(claims.get(provider.username_claim)),
        display_name=_text(claims.get("name"))[:128],
        email=_text(email)[:254],
        groups=tuple(one for one in listed if isinstance(one, str)),
        mfa=isinstance(methods, list) and "mfa" in methods,
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


# --- the client ----------------------------------------------------------------------------------------


class _Session(OAuth2Session):  # type: ignore[misc]
    """Authlib's session on our own connections: see base.outgoing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, PinnedAdapter())

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        kwargs |= {"allow_redirects": False, "timeout": TIMEOUT}
        answer = super().request(method, url, *args, **kwargs)
        if answer.is_redirect:
            raise OidcFailure(f"{urlsplit(url).netloc} redirects; the address must be its final one.")
        return answer


class _App(DjangoOAuth2App):  # type: ignore[misc]
    client_cls = _Session

    def __init__(self, provider: Provider) -> None:
        super().__init__(
            DjangoIntegration("oidc"),
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            client_kwargs={"scope": provider.scopes, "code_challenge_method": "S256"},
            server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
        )
        self.issuer = provider.issuer

    def load_server_metadata(self) -> Any:
        metadata = super().load_server_metadata()
        if "_checked" not in metadata:
            try:
                _check(self.issuer, metadata)
            except OidcFailure:
                metadata.clear()  # asked again next time, once the provider is set right
                raise
            offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
            metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in ALGORITHMS]
            metadata["_checked"] = True
        return metadata


def _check(issuer: str, metadata: Mapping[str, Any]) -> None:
    """The document is the issuer's own, and leads nowhere that is less safe than the issuer itself."""
    if str(metadata.get("issuer", "")).rstrip("/") != issuer:
        raise OidcFailure("The provider's discovery document names another issuer.")
    for name in _ENDPOINTS:
        address = metadata.get(name)
        if not isinstance(address, str) or urlsplit(address).scheme not in _schemes(issuer):
            raise OidcFailure(f"The provider's discovery document has no safe {name}.")


def _schemes(issuer: str) -> tuple[str, ...]:
    """http only for a provider on this very machine (a test, a sidecar)."""
    parts = urlsplit(issuer)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return ("https", "http") if parts.scheme == "http" and local else ("https",)


def _app(provider: Provider) -> _App:
    if urlsplit(provider.issuer).scheme not in _schemes(provider.issuer):
        raise OidcFailure("SLIPWAY_OIDC_ISSUER must be an https address.")
    secret = hashlib.sha256(provider.client_secret.encode()).hexdigest()
    # Kept for the length of one window: discovery and keys are asked for once in it, keys again when one is unknown.
    return _kept(provider, secret, int(now().timestamp() // METADATA_FOR))


@lru_cache(maxsize=4)
def _kept(provider: Provider, secret: str, window: int) -> _App:
    return _App(provider)


_TROUBLE = (
    OAuthError,
    JoseError,
    OidcFailure,
    ForbiddenAddress,
    requests.RequestException,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
"""What a provider that answers nonsense makes Authlib raise."""


def _failure(error: Exception) -> OidcFailure:
    if isinstance(error, OidcFailure):
        return error
    if isinstance(error, OAuthError):
        return OidcFailure(f"The provider or its answer was refused: {error.error or type(error).__name__}.")
    if isinstance(error, requests.RequestException | ForbiddenAddress):
        return OidcFailure(f"The provider cannot be reached: {type(error).__name__}.")
    return OidcFailure(f"The provider's answer was refused: {type(error).__name__}.")
