"""/audit/: who did what, to what, from where, with which result. Filters stand in the address. Pages by the last
record's number, so that new records do not move what is being read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from access.trail.models import AuditRecord
from access.trail.search import export_audit_trail, get_trail_status, lookup_events, verify_audit_trail
from console.streams import Stream
from console.web import changes, links
from console.web.page import address, caller, may, page, wanted
from console.web.parts import Choice

PER_PAGE = 50
STATUS = "cloudtrail:GetTrailStatus"
EXPORT = "slipway:ExportAuditTrail"
VERIFY = "slipway:VerifyAuditTrail"
# Field of the form -> parameter of LookupEvents.
_PARAMETERS = {
    "q": "text",
    "result": "result",
    "actor": "actor",
    "role": "role",
    "action": "action",
    "resource": "resource_prefix",
    "request": "request_id",
    "since": "since",
    "until": "until",
}


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, required=False, widget=widget)


class Filters(forms.Form):
    """What the address may say. A filter that cannot be read is shown with its mistake and finds nothing."""

    q = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    result = forms.ChoiceField(
        choices=[("", ""), *AuditRecord.Result.choices], required=False, widget=forms.HiddenInput
    )
    actor = forms.CharField(label=gettext_lazy("Person"), required=False, max_length=256)
    role = forms.CharField(label=gettext_lazy("Through role"), required=False, max_length=256)
    action = forms.CharField(label=gettext_lazy("Action"), required=False, max_length=128)
    resource = forms.CharField(label=gettext_lazy("Resource begins with"), required=False, max_length=1024)
    request = forms.CharField(label=gettext_lazy("Request id"), required=False, max_length=64)
    since = _moment(gettext_lazy("From"))
    until = _moment(gettext_lazy("To"))

    @classmethod
    def of(cls, request: HttpRequest) -> Filters:
        form = cls(request.GET, auto_id="filter-%s")
        form.is_valid()
        return form

    @property
    def asked(self) -> dict[str, str]:
        """As it stands in the address, what is empty left out."""
        given = ((name, str(self.data.get(name, "")).strip()[:1024]) for name in _PARAMETERS)
        return {name: value for name, value in given if value}

    @property
    def parameters(self) -> dict[str, Any]:
        """For the operations of access.trail.search."""
        return {
            parameter: self.cleaned_data[name]
            for name, parameter in _PARAMETERS.items()
            if self.cleaned_data.get(name)
        }


@page
def audit(request: HttpRequest) -> HttpResponseBase:
    me, form = caller(request), Filters.of(request)
    context: dict[str, Any] = {"form": form, "may_export": may(request, EXPORT, "*")}
    asked = form.asked
    if wanted(request, "audit-list"):
        context |= _listed(request, form, asked)
    if wanted(request, "audit-chain") and me.may(STATUS, "*").allowed:
        context |= {"status": get_trail_status(me), "may_verify": may(request, VERIFY, "*")}
    context["export"] = address(links.to("audit-export"), **asked)
    return render(request, "web/audit.html", context)


def _listed(request: HttpRequest, form: Filters, asked: Mapping[str, str]) -> dict[str, Any]:
    before = request.GET.get("before", "")
    rows = lookup_events(
        caller(request), **form.parameters, before_id=int(before) if before.isdigit() else None
    )
    found = list(rows[: PER_PAGE + 1]) if not form.errors else []
    shown = found[:PER_PAGE]
    return {
        "entries": changes.entries(shown),
        "older": address(request.path, **asked, before=shown[-1].pk) if len(found) > PER_PAGE else "",
        "newest": address(request.path, **asked) if before else "",
        "active": [
            {
                "label": f"{form.fields[name].label}: {value}",
                "url": address(request.path, **{key: other for key, other in asked.items() if key != name}),
            }
            for name, value in asked.items()
            if name not in ("q", "result")
        ],
        "filtered": bool(asked),
        "choices": [
            Choice("", _("All")),
            Choice("success", _("Done")),
            Choice("denied", _("Denied")),
            Choice("failed", _("Failed")),
        ],
    }


@page
def export(request: HttpRequest) -> HttpResponseBase:
    """What the same filters find, as JSON lines."""
    form = Filters.of(request)
    if form.errors:
        return redirect(address(links.to("audit"), **form.asked))
    pieces = export_audit_trail(caller(request), **form.parameters)
    return Stream(pieces, content_type="application/x-ndjson", filename="audit.jsonl")


@require_POST
@page
def verify(request: HttpRequest) -> HttpResponseBase:
    """Check the whole chain now, and say what came out."""
    found = verify_audit_trail(caller(request))
    if found.whole:
        said = ngettext(
            "The trail is whole: %(n)d record verified.",
            "The trail is whole: %(n)d records verified.",
            found.records,
        )
        messages.success(request, said % {"n": found.records})
    else:
        said = ngettext(
            "The trail is not whole: %(n)d finding.",
            "The trail is not whole: %(n)d findings.",
            len(found.problems),
        )
        messages.error(request, said % {"n": len(found.problems)})
    return redirect("audit")
