"""/access/groups/<name>/: one group: members, policies, scope."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from access.queries import get_group, list_users
from console.web.access_identity import sections
from console.web.access_places import crumbs
from console.web.page import ListState, caller, may, page

PER_PAGE = 25
MOST_OFFERED = 500


@page
def group(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = get_group(me, group=name)
    members = row.members.all()
    state = ListState.of(request, {"name": ["username"]}, "name")
    may_add = may(request, "iam:AddUserToGroup", row.arn)
    addable: list[str] = []
    if may_add and me.may("iam:ListUsers", "*").allowed:
        outside = list_users(me).prefetch_related(None).filter(~Q(groups=row)).order_by("username")
        addable = list(outside.values_list("username", flat=True)[:MOST_OFFERED])
    shown = state.page_of(members, PER_PAGE)
    context: dict[str, Any] = {
        "row": row,
        "page": shown,
        "total": shown.paginator.count,
        "addable": addable,
        "crumbs": crumbs("groups", row.name),
        "may_update": may(request, "iam:UpdateGroup", row.arn),
        "may_delete": may(request, "iam:DeleteGroup", row.arn),
        "may_add": may_add,
        "may_remove": may(request, "iam:RemoveUserFromGroup", row.arn),
        **sections(request, "groups", row),
    }
    return render(request, "web/access/group.html", context)
