"""The addresses of the pages. A list and what is in it share a prefix; tabs and filters are in the query string.

One line per page. A page that is not built yet is not here, and the navigation leaves it out.
"""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from console.web import session

urlpatterns: list[URLPattern] = [
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-out/", session.sign_out, name="sign-out"),
]

if settings.DEBUG:
    from console.web import styleguide

    urlpatterns += [
        path("styleguide/", styleguide.show, name="styleguide"),
        path("styleguide/chart.json", styleguide.chart, name="styleguide-chart"),
        path("styleguide/log.json", styleguide.log, name="styleguide-log"),
        path("styleguide/search.json", styleguide.search, name="styleguide-search"),
        path("styleguide/refusal/", styleguide.refusal, name="styleguide-refusal"),
        path("styleguide/failure/", styleguide.failure, name="styleguide-failure"),
    ]
