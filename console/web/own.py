"""What pages about signing in share: where the console is, the person's own caller, and pictures of seeds."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

import segno
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from access.caller import Caller
from access.models import User
from access.signon import sessions
from access.signon.mfa import IssuedDevice
from access.signon.passkeys import Site
from base.cipher import decrypt, encrypt

_SEED = "slipway_new_seed"


class Seed(NamedTuple):
    """Of an authenticator app that is being added."""

    name: str
    seed: str
    uri: str


def site_of(request: HttpRequest) -> Site:
    """The console as this browser names it; Django has held the host to ALLOWED_HOSTS."""
    origin = f"{request.scheme}://{request.get_host()}"
    return Site(urlsplit(origin).hostname or "", origin)


def passkeys_work(request: HttpRequest) -> bool:
    """Browsers make passkeys for names only, over TLS or on localhost."""
    host = site_of(request).host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False


def own_caller(request: HttpRequest) -> Caller:
    """The person, even while the session acts as a role: one's own sign-in is looked after as oneself."""
    user = request.user
    assert isinstance(user, User)
    known = sessions.facts(request)
    return Caller.for_user(
        user, face="console", request=request, mfa=known.mfa_at, session_started=known.started
    )


def keep_seed(request: HttpRequest, issued: IssuedDevice) -> None:
    """Until its first code is typed the page shows the seed again; the session, a row, holds it encrypted."""
    request.session[_SEED] = [issued.device.name, encrypt(issued.seed), encrypt(issued.uri)]


def kept_seed(request: HttpRequest) -> Seed | None:
    kept = request.session.get(_SEED)
    return Seed(kept[0], decrypt(kept[1]), decrypt(kept[2])) if kept else None


def drop_seed(request: HttpRequest) -> None:
    request.session.pop(_SEED, None)


def qr(text: str) -> SafeString:
    """An inline SVG without styles, black on white whatever the theme: cameras want it so."""
    drawn = segno.make(text, error="m").svg_inline(
        scale=5, border=3, dark="#000", light="#fff", omitsize=True
    )
    return mark_safe(drawn)  # noqa: S308 - segno's own drawing of our text, as squares
