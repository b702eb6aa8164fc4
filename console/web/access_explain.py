"""/access/explain/: why something was refused. `?action=&resource=` asks for the reader, `?record=` about a denial of
the audit trail. What the reader may not know of others is left out by access.authorization.explanation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.authorization.explanation import Explanation, explain, explain_record
from access.caller import Caller
from access.language.simulation import Layer
from base.errors import invalid
from console.web import access_words, links
from console.web.page import address, caller, page
from console.web.parts import Crumb
from console.web.policy_editor import written


@page
def why(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    record = request.GET.get("record", "")
    found = _of_record(me, record) if record else _asked(me, request)
    who = found.principal.rsplit("/", 1)[-1]
    context: dict[str, Any] = {
        "found": found,
        "said": access_words.said(found.evaluation),
        "record": record,
        "who": who,
        "mine": found.principal in (me.arn, me.role_arn),
        "statement": "" if found.statement is None else written(_named(found)),
        "where": [_layer(layer) for layer in found.where],
        "simulate_url": address(
            links.to("simulator"),
            principal=found.principal,
            actions=found.action,
            resources="" if found.resource == "*" else found.resource,
        ),
        "crumbs": [Crumb(_("Why?"))],
    }
    return render(request, "web/access/explain.html", context)


def _of_record(me: Caller, record: str) -> Explanation:
    return explain_record(me, int(record) if record.isdigit() and len(record) < 18 else -1)


def _asked(me: Caller, request: HttpRequest) -> Explanation:
    action = request.GET.get("action", "").strip()[:200]
    service, _colon, name = action.partition(":")
    if not (service and name):
        raise invalid("action", _("is an IAM action such as ecs:UpdateService"))
    return explain(me, action=action, resource=request.GET.get("resource", "").strip()[:1024] or "*")


def _named(found: Explanation) -> dict[str, Any]:
    """With a Sid that tells what it is for."""
    sid = "".join(letter for letter in found.action.rpartition(":")[2] if letter.isalnum())
    return {**(found.statement or {}), "Sid": sid or "Allow"}


def _layer(layer: Layer) -> str:
    return {
        "identity": _("a policy of theirs, or of one of their groups"),
        "boundary": _("the permissions boundary"),
        "session": _("the policy given when the role was assumed"),
        "resource": _("the policy of the resource"),
    }[layer]
