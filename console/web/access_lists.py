"""/access/users/, /access/groups/, /access/roles/, /access/policies/: searched, filtered, sorted, page by page."""

from __future__ import annotations

from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.identities.roles import list_roles
from access.models import AccessKey
from access.queries import list_groups, list_policies, list_users
from base import here
from console.web.page import ListState, caller, may, page
from console.web.parts import Choice
from console.web.policy_words import statements


@page
def users(request: HttpRequest) -> HttpResponseBase:
    me = caller(request)
    state = ListState.of(
        request, {"name": ["username"], "created": ["created_at", "pk"], "seen": ["last_login", "pk"]}, "name"
    )
    rows = list_users(me)
    if state.q:
        rows = rows.filter(
            Q(username__icontains=state.q) | Q(display_name__icontains=state.q) | Q(email__icontains=state.q)
        )
    if state.state in {"active", "inactive"}:
        rows = rows.filter(is_active=state.state == "active")
    has_key = AccessKey.objects.filter(user=OuterRef("pk"), active=True)
    shown = state.page_of(rows.annotate(has_key=Exists(has_key)))
    context = {
        "page": shown,
        "rows": [
            {
                "user": user,
                # Who may see a user need not see its groups.
                "groups": list(user.groups.all()) if _groups_shown(request, user.arn) else [],
                "me": user.pk == me.user_id,
            }
            for user in shown
        ],
        "choices": [
            Choice("", _("All")),
            Choice("active", _("Active")),
            Choice("inactive", _("Deactivated")),
        ],
        "filtered": bool(state.q or state.state),
        "may_create": may(request, "iam:CreateUser", here.user_arn("*")),
    }
    return render(request, "web/access/users.html", context)


def _groups_shown(request: HttpRequest, arn: str) -> bool:
    return caller(request).may("iam:ListGroupsForUser", arn).allowed


@page
def groups(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, {"name": ["name"], "created": ["created_at", "pk"]}, "name")
    rows = list_groups(caller(request))
    if state.q:
        rows = rows.filter(Q(name__icontains=state.q) | Q(description__icontains=state.q))
    shown = state.page_of(rows)
    context = {
        "page": shown,
        "rows": shown,
        "filtered": bool(state.q),
        "may_create": may(request, "iam:CreateGroup", here.group_arn("*")),
    }
    return render(request, "web/access/groups.html", context)


@page
def roles(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(
        request, {"name": ["name"], "created": ["created_at", "pk"], "used": ["last_used_at", "pk"]}, "name"
    )
    rows = list_roles(caller(request)).prefetch_related(None)
    if state.q:
        rows = rows.filter(Q(name__icontains=state.q) | Q(description__icontains=state.q))
    shown = state.page_of(rows.annotate(policy_count=Count("policies", distinct=True)))
    context = {
        "page": shown,
        "rows": [{"role": role, "trusted": trusted(role.trust_policy)} for role in shown],
        "filtered": bool(state.q),
        "may_create": may(request, "iam:CreateRole", here.role_arn("*")),
    }
    return render(request, "web/access/roles.html", context)


def trusted(document: object) -> list[str]:
    """Whom a trust policy lets in, by the last part of their names."""
    found = [who for said in statements(document) if said.allows for who in said.principals]
    return list(dict.fromkeys(_short(who) for who in found))


def _short(principal: str) -> str:
    if principal == here.names().iam("root") or principal == here.names().account:
        return _("everyone of this account")
    if principal == "*":
        return _("everyone")
    return principal.split(":", 5)[-1].removeprefix("user/") if principal.startswith("arn:") else principal


@page
def policies(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(
        request, {"name": ["name"], "changed": ["updated_at", "pk"], "used": ["uses", "name"]}, "name"
    )
    rows = list_policies(caller(request)).prefetch_related(None)
    if state.q:
        rows = rows.filter(Q(name__icontains=state.q) | Q(description__icontains=state.q))
    if state.state in {"own", "ready-made"}:
        rows = rows.filter(ready_made=state.state == "ready-made")
    counted = rows.annotate(
        uses=Count("users", distinct=True) + Count("groups", distinct=True) + Count("roles", distinct=True)
    )
    shown = state.page_of(counted.defer("document"))
    context = {
        "page": shown,
        "rows": shown,
        "choices": [
            Choice("", _("All")),
            Choice("own", _("Your own")),
            Choice("ready-made", _("Ready-made")),
        ],
        "filtered": bool(state.q or state.state),
        "may_create": may(request, "iam:CreatePolicy", here.policy_arn("*")),
    }
    return render(request, "web/access/policies.html", context)
