"""/audit/: who did what, to what, from where, with which result. Pages by the last record's number, so that new
records do not move what is being read."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.models import AuditRecord
from access.queries import lookup_events
from console.web import changes
from console.web.page import address, caller, page
from console.web.parts import Choice

PER_PAGE = 50
_KEPT = ("q", "actor", "action", "result")


@page
def audit(request: HttpRequest) -> HttpResponseBase:
    asked = {name: request.GET.get(name, "").strip()[:200] for name in _KEPT}
    before = request.GET.get("before", "")
    result = asked["result"] if asked["result"] in AuditRecord.Result.values else ""
    rows = lookup_events(
        caller(request),
        actor=asked["actor"],
        action=asked["action"],
        result=result,
        before_id=int(before) if before.isdigit() else None,
    )
    if asked["q"]:
        rows = searched(rows, asked["q"])
    found = list(rows[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    context = {
        "entries": changes.entries(shown),
        "older": address(request.path, **asked, before=shown[-1].pk) if len(found) > PER_PAGE else "",
        "newest": address(request.path, **asked) if before else "",
        "asked": asked,
        "active": [
            {"label": asked[name], "url": address(request.path, **(asked | {name: ""}))}
            for name in ("actor", "action")
            if asked[name]
        ],
        "filtered": any(asked.values()),
        "choices": [
            Choice("", _("All")),
            Choice("success", _("Done")),
            Choice("denied", _("Denied")),
            Choice("failed", _("Failed")),
        ],
    }
    return render(request, "web/audit.html", context)


def searched(rows: QuerySet[AuditRecord], q: str) -> QuerySet[AuditRecord]:
    """By who, what, on what, from where, or by the request."""
    return rows.filter(
        Q(actor_name__icontains=q)
        | Q(action__icontains=q)
        | Q(resource__icontains=q)
        | Q(request_id=q)
        | Q(source_ip=q)
    )
