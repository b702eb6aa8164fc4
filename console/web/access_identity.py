"""What the pages of users, groups and roles share: attached and inline policies, the boundary, tags, and what of it the
reader may change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from access.models import Group, Policy, Role, User
from access.queries import list_policies
from console.web import changes, links
from console.web.access_places import KINDS, Kind
from console.web.page import address, caller, may
from console.web.policy_words import statements

Identity = User | Group | Role
MOST_CHANGES = 12


def name_of(row: Identity) -> str:
    return row.username if isinstance(row, User) else row.name


def sections(request: HttpRequest, kind: Kind, row: Identity) -> dict[str, Any]:
    """Context of web/access/_permissions.html and its neighbours. The number of queries does not depend on the rows."""
    word, arn, name = KINDS[kind].iam, row.arn, name_of(row)
    may_attach = may(request, f"iam:Attach{word}Policy", arn)
    context: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "arn": arn,
        "may_attach": may_attach,
        "may_detach": may(request, f"iam:Detach{word}Policy", arn),
        "may_put_inline": may(request, f"iam:Put{word}Policy", arn),
        "may_delete_inline": may(request, f"iam:Delete{word}Policy", arn),
        "may_see_attached": may(request, f"iam:ListAttached{word}Policies", arn),
        "may_see_inline": may(request, f"iam:List{word}Policies", arn),
        "simulate_url": address(links.to("simulator"), principal=arn),
        "inline_url": links.to("inline-policy", kind, name),
    }
    attached = list(row.policies.defer("document").order_by("name")) if context["may_see_attached"] else []
    context["attached"] = attached
    context["attachable"] = _attachable(request, attached) if may_attach else []
    if context["may_see_inline"]:
        read = may(request, f"iam:Get{word}Policy", arn)
        context["inline"] = [
            {
                "name": inline.name,
                "words": statements(inline.document) if read else [],
                "url": address(context["inline_url"], policy=inline.name) if read else "",
            }
            for inline in row.inline_policies.order_by("name")
        ]
    return context | changed(request, arn)


def bounded(request: HttpRequest, kind: Kind, row: User | Role) -> dict[str, Any]:
    """Boundary and tags: groups have neither."""
    word, arn = KINDS[kind].iam, row.arn
    may_bound = may(request, f"iam:Put{word}PermissionsBoundary", arn)
    return {
        "boundary": row.boundary,
        "tags": row.tags,
        "may_bound": may_bound,
        "may_unbound": may(request, f"iam:Delete{word}PermissionsBoundary", arn),
        "boundaries": _attachable(request, []) if may_bound else [],
        "may_tag": may(request, f"iam:Tag{word}", arn),
    }


def _attachable(request: HttpRequest, present: list[Policy]) -> list[str]:
    me = caller(request)
    if not me.may("iam:ListPolicies", "*").allowed:
        return []
    taken = {policy.pk for policy in present}
    rows = list_policies(me).prefetch_related(None).order_by("name").values_list("pk", "name")
    return [name for pk, name in rows if pk not in taken]


def changed(request: HttpRequest, arn: str) -> dict[str, Any]:
    """Who changed this identity or policy, newest first, for those who may read the trail."""
    me = caller(request)
    if not changes.may_look(me):
        return {"may_look": may(request, "cloudtrail:LookupEvents", "*"), "changes": []}
    rows = changes.recent(me).filter(resource=arn)[:MOST_CHANGES]
    return {"may_look": may(request, "cloudtrail:LookupEvents", "*"), "changes": changes.entries(rows)}
