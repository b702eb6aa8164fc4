"""Every address of the console, by face."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import JavaScriptCatalog

from console.health import healthz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("i18n/catalog.js", JavaScriptCatalog.as_view(), name="javascript-catalog"),
]
# The most particular prefixes first; the pages own the rest.
for _face, _prefix in (
    ("console.live.urls", "live/"),
    ("console.rest.urls", "api/"),
    ("console.web.urls", ""),
):
    if find_spec(_face.rpartition(".")[0]) and find_spec(_face):
        urlpatterns.append(path(_prefix, include(_face)))

handler400 = "console.web.errors.bad_request"
handler403 = "console.web.errors.forbidden"
handler404 = "console.web.errors.not_found"
handler500 = "console.web.errors.server_error"
