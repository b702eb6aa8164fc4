"""/audit/<id>/: one record with all it knows: who, through which role, what changed, where it stands in the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.trail import lookup_events
from console.web import changes, links
from console.web.page import address, caller, page
from console.web.parts import Change, Crumb

MOST_CHANGES = 200
_MISSING = object()


@page
def record(request: HttpRequest, record: int) -> HttpResponseBase:
    found = lookup_events(caller(request)).filter(pk=record).first()
    if found is None:
        raise Http404
    differences = list(differences_of(found.changes))
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


def differences_of(recorded: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """The record's changes, field by field; of documents only what differs in them, under its path."""
    for change in recorded:
        yield from _between(str(change.get("field", "")), change.get("before"), change.get("after"))


def _between(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _between(f"{path}.{name}", before.get(name, _MISSING), after.get(name, _MISSING))
    elif isinstance(before, list) and isinstance(after, list) and _documents(before, after):
        for number in range(max(len(before), len(after))):
            yield from _between(f"{path}[{number}]", _at(before, number), _at(after, number))
    elif _text(before) != _text(after):
        yield Change(path, _text(before), _text(after))


def _documents(before: list[Any], after: list[Any]) -> bool:
    """Lists of documents are compared one by one, lists of words as a whole."""
    return any(isinstance(item, dict) for item in (*before, *after))


def _at(items: list[Any], number: int) -> Any:
    return items[number] if number < len(items) else _MISSING


def _text(value: Any) -> str | None:
    if value is None or value is _MISSING:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
