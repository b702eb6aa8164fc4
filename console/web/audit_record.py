"""/audit/<id>/: one record with all it knows: who, through which role, what changed, where it stands in the chain."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.trail.search import lookup_events
from console.web import changes, links
from console.web.page import address, caller, page
from console.web.parts import Crumb

MOST_CHANGES = 200


@page
def record(request: HttpRequest, record: int) -> HttpResponseBase:
    found = lookup_events(caller(request)).filter(pk=record).first()
    if found is None:
        raise Http404
    differences = list(changes.differences_of(found.changes))
    explain = links.to("access-explain") if found.result == "denied" else ""
    context = {
        "record": found,
        "entry": changes.entries([found])[0],
        "crumbs": [Crumb(_("Audit"), links.to("audit")), Crumb(_("Record %(id)d") % {"id": found.pk})],
        "resources": [(arn, links.of_arn(arn)) for arn in found.resources if arn != "*"],
        "differences": differences[:MOST_CHANGES],
        "left_out": max(len(differences) - MOST_CHANGES, 0),
        # By subscript: in a template `context.keys` is the method of a dict.
        "conditions": sorted((found.context.get("keys") or {}).items()),
        "explain": address(explain, record=found.pk) if explain else "",
        "same_request": address(links.to("audit"), request=found.request_id) if found.request_id else "",
        "same_person": address(links.to("audit"), actor=found.assumed_by or found.actor_arn),
    }
    return render(request, "web/audit_record.html", context)
