"""/access/policies/<name>/: one managed policy, in words and as JSON, its versions compared, who has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from access.models import Policy, PolicyVersion
from access.queries import get_policy
from base import here
from base.errors import NoSuchEntity
from console.web import links
from console.web.access_identity import changed
from console.web.access_places import policy_crumbs
from console.web.page import address, caller, may, page
from console.web.parts import Change
from console.web.parts import changed as differing
from console.web.policy_editor import written
from console.web.policy_words import statements


@page
def policy(request: HttpRequest, name: str) -> HttpResponseBase:
    row = get_policy(caller(request), policy=name)
    versions = _versions(request, row)
    asked = request.GET.get("version", "")
    document = version_of(versions, asked).document if asked else row.document
    fixed = _("%(name)s is ready-made: copy it under another name to change it.") % {"name": row.name}
    held = fixed if row.ready_made else ""
    may_see = may(request, "iam:ListEntitiesForPolicy", row.arn)
    attached = list(_attached(row)) if may_see else []
    in_use = _("It is attached. Detach it everywhere first.") if attached else ""
    context: dict[str, Any] = {
        "row": row,
        "crumbs": policy_crumbs(row.name),
        "versions": versions,
        "json": written(document),
        "words": statements(document),
        "asked": asked,
        "may_see_entities": may_see,
        "attached": attached,
        "edit_url": links.to("policy-edit", row.name),
        "copy_url": address(links.to("policy-new"), source=row.name),
        "may_version": may(request, "iam:CreatePolicyVersion", row.arn, reason=held),
        "may_default": may(request, "iam:SetDefaultPolicyVersion", row.arn, reason=held),
        "may_delete_version": may(request, "iam:DeletePolicyVersion", row.arn, reason=held),
        "may_create": may(request, "iam:CreatePolicy", here.policy_arn("*")),
        "may_delete": may(request, "iam:DeletePolicy", row.arn, reason=held or in_use),
        **changed(request, row.arn),
    }
    return render(request, "web/access/policy.html", context)


@page
def compare(request: HttpRequest, name: str) -> HttpResponseBase:
    row = get_policy(caller(request), policy=name)
    versions = _versions(request, row)
    newest = versions[0]
    after = version_of(versions, request.GET.get("to", "")) if request.GET.get("to") else newest
    earlier = next((version for version in versions if version.number < after.number), versions[-1])
    before = version_of(versions, request.GET.get("from", "")) if request.GET.get("from") else earlier
    context: dict[str, Any] = {
        "row": row,
        "versions": versions,
        "before": before,
        "after": after,
        "changes": differing(differences(before.document, after.document)),
        "sides": [{"version": side, "json": written(side.document)} for side in (before, after)],
        "crumbs": policy_crumbs(row.name, _("Compare")),
    }
    return render(request, "web/access/compare.html", context)


def _versions(request: HttpRequest, row: Policy) -> list[PolicyVersion]:
    """Newest first; only the one in force for those who may not list them."""
    rows = row.versions.order_by("-number")
    if not caller(request).may("iam:ListPolicyVersions", row.arn).allowed:
        rows = rows.filter(number=row.default_version)
    return list(rows)


def version_of(versions: list[PolicyVersion], asked: str) -> PolicyVersion:
    found = next((version for version in versions if version.version_id == asked), None)
    if found is None:
        raise NoSuchEntity(f"Policy version {asked} does not exist or is not attachable.")
    return found


def differences(before: Any, after: Any) -> list[Change]:
    """Part by part, statements by their Sid where they have one."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [
        Change(label, old.get((group, label)), new.get((group, label)), group)
        for group, label in [*old, *(key for key in new if key not in old)]
    ]


def _flat(document: Any) -> Iterator[tuple[tuple[str, str], str]]:
    if not isinstance(document, Mapping):
        return
    for key, value in document.items():
        if key != "Statement":
            yield ("", str(key)), _text(value)
    raw = document.get("Statement")
    listed = raw if isinstance(raw, list) else [raw] if isinstance(raw, Mapping) else []
    for number, statement in enumerate(listed, 1):
        name = statement.get("Sid") or _("Statement %(number)d") % {"number": number}
        for key, value in statement.items():
            if key != "Sid":
                yield (str(name), str(key)), _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return value if isinstance(value, str) else written(value)


def _attached(row: Policy) -> Iterator[dict[str, str]]:
    """Who has it, and for whom it is the boundary: five queries."""
    for name in row.users.order_by("username").values_list("username", flat=True):
        yield _entity("users", "user", name, _("user"))
    for name in row.groups.order_by("name").values_list("name", flat=True):
        yield _entity("users", "group", name, _("group"))
    for name in row.roles.order_by("name").values_list("name", flat=True):
        yield _entity("key", "role", name, _("role"))
    for name in row.bounded_users.order_by("username").values_list("username", flat=True):
        yield _entity("shield-check", "user", name, _("boundary of the user"))
    for name in row.bounded_roles.order_by("name").values_list("name", flat=True):
        yield _entity("shield-check", "role", name, _("boundary of the role"))


def _entity(icon: str, page_name: str, name: str, what: str) -> dict[str, str]:
    return {"icon": icon, "name": name, "url": links.to(page_name, name), "what": what}
