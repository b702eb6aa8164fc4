"""/switch-role/: a person becomes a role for a while, seen at the top of every page, and switches back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access.caller import Caller
from access.identities.switching import leave_role, put_role, switched
from access.identities.trust import may_assume
from access.models import Role, User
from base.errors import AccessDenied, OperationError
from console.web import links
from console.web.page import caller, page
from console.web.parts import Crumb

MOST_LOOKED_AT = 500


@page
def choose(request: HttpRequest) -> HttpResponseBase:
    """The roles that the person may become; POST becomes one."""
    own = person(request)
    asked = request.POST.get("role", "").strip() or request.GET.get("role", "").strip()
    context: dict[str, Any] = {"asked": asked, "crumbs": [Crumb(_("Switch role"))]}
    if request.method == "POST":
        try:
            kept = put_role(request, own, role=asked)
        except OperationError as error:
            if isinstance(error, AccessDenied):
                raise
            context["refusal"] = str(error)
        else:
            messages.success(request, _("You are now %(role)s.") % {"role": kept.role_name})
            return redirect("overview")
    context["roles"] = assumable(own)
    context["now"] = switched(request)
    return render(request, "web/access/switch.html", context, status=400 if "refusal" in context else 200)


@require_POST
@page
def back(request: HttpRequest) -> HttpResponseBase:
    leave_role(request)
    messages.success(request, _("You are yourself again."))
    return redirect(links.to("overview"))


def person(request: HttpRequest) -> Caller:
    """The signed-in person as itself, whatever role the session acts as: roles are not chained in the console."""
    me = caller(request)
    if not me.role_id:
        return me
    assert isinstance(request.user, User)
    return Caller.for_user(request.user, face="console", request=request, mfa=me.mfa_at)


def assumable(own: Caller) -> list[Role]:
    """The roles whose trust policy, and the person's own policies, allow it. One query; the rest is evaluated."""
    rows = Role.objects.order_by("name")[:MOST_LOOKED_AT]
    return [row for row in rows if may_assume(own, row, context={"sts:RoleSessionName": own.name}).allowed]
