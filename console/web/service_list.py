"""/services/: every service of every cluster the reader may see."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from console.web import service_rows
from console.web.page import ListState, caller, page
from services.queries import list_services


@page
def services(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, service_rows.SORTS, "name")
    visible = list_services(caller(request))
    found = service_rows.searched(service_rows.prepared(visible), state.q, state.state)
    shown = state.page_of(found)
    return render(
        request,
        "web/services.html",
        {
            "page": shown,
            "rows": service_rows.rows(shown),
            "choices": service_rows.choices(visible),
            "filtered": bool(state.q or state.state),
        },
    )
