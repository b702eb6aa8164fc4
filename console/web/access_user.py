"""/access/users/<name>/: one user, what it may do and why, its keys."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from access.identities.keys import IssuedKey, create_access_key
from access.models import User
from access.queries import get_user, list_groups
from console.web.access_identity import bounded, sections
from console.web.access_places import crumbs
from console.web.page import caller, may, page
from console.web.parts import YES

MOST_KEYS = 2


@page
def user(request: HttpRequest, name: str) -> HttpResponseBase:
    return _show(request, get_user(caller(request), username=name))


@never_cache
@require_POST
@page
def create_key(request: HttpRequest, name: str) -> HttpResponseBase:
    """The secret is in this answer and in no other: reloading the page asks for another key."""
    made = create_access_key(caller(request), username=name)
    response = _show(request, get_user(caller(request), username=name), made)
    response["Cache-Control"] = "no-store"
    return response


def _show(request: HttpRequest, row: User, made: IssuedKey | None = None) -> HttpResponseBase:
    arn, itself = row.arn, row.pk == caller(request).user_id
    own = _("You cannot do this to yourself.") if itself else ""
    context: dict[str, Any] = {
        "person": row,
        "itself": itself,
        "made": made,
        "crumbs": crumbs("users", row.username),
        "may_update": may(request, "iam:UpdateUser", arn),
        "may_deactivate": may(request, "iam:UpdateUser", arn, reason=own),
        "may_delete": may(request, "iam:DeleteUser", arn, reason=own),
        **sections(request, "users", row),
        **bounded(request, "users", row),
        **_groups(request, row),
        **_keys(request, row),
    }
    return render(request, "web/access/user.html", context)


def _groups(request: HttpRequest, row: User) -> dict[str, Any]:
    seen = may(request, "iam:ListGroupsForUser", row.arn)
    me = caller(request)
    groups = list(row.groups.order_by("name").prefetch_related("policies", "inline_policies")) if seen else []
    joined = {group.pk for group in groups}
    addable = []
    if me.may("iam:ListGroups", "*").allowed:
        listed = list_groups(me).prefetch_related(None).order_by("name")
        addable = [
            group.name
            for group in listed
            if group.pk not in joined and me.may("iam:AddUserToGroup", group.arn).allowed
        ]
    return {
        "may_see_groups": seen,
        "groups": [
            {
                "group": group,
                "policies": list(group.policies.all()),
                "inline": len(group.inline_policies.all()),
                "may_remove": may(request, "iam:RemoveUserFromGroup", group.arn),
            }
            for group in groups
        ],
        "addable": addable,
        "may_add": YES if addable else may(request, "iam:AddUserToGroup", "*"),
    }


def _keys(request: HttpRequest, row: User) -> dict[str, Any]:
    seen = may(request, "iam:ListAccessKeys", row.arn)
    keys = list(row.access_keys.order_by("created_at", "pk")) if seen else []
    full = _("A user has at most two access keys. Delete one first.") if len(keys) >= MOST_KEYS else ""
    return {
        "may_see_keys": seen,
        "keys": keys,
        "may_create_key": may(request, "iam:CreateAccessKey", row.arn, reason=full),
        "may_update_key": may(request, "iam:UpdateAccessKey", row.arn),
        "may_delete_key": may(request, "iam:DeleteAccessKey", row.arn),
    }
