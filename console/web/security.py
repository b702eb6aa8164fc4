"""The headers that tell a browser what a page of ours may do: everything from ourselves, no inline script, no other
host, no frame around it. Django's SecurityMiddleware adds HSTS, nosniff, Referrer-Policy and the opener policy."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

_DIRECTIVES = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Passkeys and the clipboard are used, by our own pages only; nothing else of the machine is.
_FEATURES = (
    *(f"{name}=()" for name in ("accelerometer", "autoplay", "camera", "display-capture", "fullscreen")),
    *(f"{name}=()" for name in ("geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment")),
    *(f"{name}=()" for name in ("screen-wake-lock", "serial", "usb", "xr-spatial-tracking")),
    *(
        f"{name}=(self)"
        for name in ("clipboard-write", "publickey-credentials-get", "publickey-credentials-create")
    ),
)
PERMISSIONS_POLICY = ", ".join(_FEATURES)


def content_security_policy(style_nonce: str = "") -> str:
    """The header's value; `style_nonce` admits the page's one inline style element, if it has one."""
    directives = dict(_DIRECTIVES)
    if style_nonce:
        directives["style-src"] += f" 'nonce-{style_nonce}'"
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class SecurityHeadersMiddleware:
    """Adds the policies to every response that has none. A template may use `{{ request.csp_nonce }}` on a
    `<style>` or `<link>`; only then does the header carry the nonce."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        used: list[str] = []

        def nonce() -> str:
            used.append(secrets.token_urlsafe(16))
            return used[0]

        request.csp_nonce = SimpleLazyObject(nonce)  # type: ignore[attr-defined]
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _with_policies(response, used)

        async def finish() -> HttpResponseBase:
            return _with_policies(await response, used)

        return finish()


def _with_policies(response: HttpResponseBase, used: list[str]) -> HttpResponseBase:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_security_policy(used[0] if used else ""))
    headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response
