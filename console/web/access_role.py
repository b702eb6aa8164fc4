"""/access/roles/<name>/: one role: who may assume it, what it may do, its sessions; creating one; its trust policy."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.identities.roles import create_role, get_role, list_role_sessions, update_assume_role_policy
from access.identities.trust import may_assume
from access.models import Role, TemporaryCredential
from base import here
from base.errors import AccessDenied, OperationError
from console.web import links, policy_editor, policy_examples
from console.web.access_forms import HOURS, NAME
from console.web.access_identity import bounded, sections
from console.web.access_places import crumbs
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.page import caller, may, page
from console.web.policy_words import statements

MOST_SESSIONS = 100


@page
def role(request: HttpRequest, name: str) -> HttpResponseBase:
    me = caller(request)
    row = get_role(me, role=name)
    context: dict[str, Any] = {
        "row": row,
        "crumbs": crumbs("roles", row.name),
        "trust_words": statements(row.trust_policy),
        "sessions": _sessions(request, row),
        "assumable": me.user_id is not None
        and may_assume(me, row, context={"sts:RoleSessionName": me.name}).allowed,
        "may_update": may(request, "iam:UpdateRole", row.arn),
        "may_trust": may(request, "iam:UpdateAssumeRolePolicy", row.arn),
        "may_revoke": may(request, "slipway:RevokeRoleSessions", row.arn),
        "may_see_sessions": may(request, "slipway:ListRoleSessions", row.arn),
        "may_delete": may(request, "iam:DeleteRole", row.arn),
        **sections(request, "roles", row),
        **bounded(request, "roles", row),
    }
    return render(request, "web/access/role.html", context)


def _sessions(request: HttpRequest, row: Role) -> list[TemporaryCredential]:
    """Temporary credentials that still open something, for who may see them."""
    me = caller(request)
    if not me.may("slipway:ListRoleSessions", row.arn).allowed:
        return []
    rows = list_role_sessions(me, role=row.name).defer("encrypted_secret")
    return list(rows.order_by("-created_at", "-pk")[:MOST_SESSIONS])


class RoleForm(forms.Form):
    role = forms.CharField(label=gettext_lazy("Role name"), max_length=64, help_text=NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=1000, required=False)
    max_session_seconds = forms.TypedChoiceField(
        label=gettext_lazy("Longest session"), choices=HOURS, coerce=int, initial=3600
    )
    tags = TagsField()


@page
def create(request: HttpRequest) -> HttpResponseBase:
    form = RoleForm(request.POST or None)
    if request.method != "POST":
        return _edit(request, policy_editor.draft_of(policy_examples.start("trust"), "trust"), form=form)
    draft, save = policy_editor.posted(request, "trust")
    if not save:
        return _edit(request, draft, form=RoleForm(initial=_typed(request)))
    if not form.is_valid() or not draft.right or draft.document is None:
        return _edit(request, draft, form=form, status=400)
    try:
        row = create_role(caller(request), assume_role_policy_document=draft.document, **form.cleaned_data)
    except AccessDenied:
        raise
    except OperationError as error:
        names = {field: field for field in form.fields}
        known = {path: reason for path, reason in error.fields.items() if path.split(".")[0] in names}
        if known or not error.fields:
            mark(form, error, names)
        else:
            draft = policy_editor.refused(draft, error)
        return _edit(request, draft, form=form, status=400)
    messages.success(request, _("The role %(name)s was created.") % {"name": row.name})
    return redirect("role", row.name)


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in RoleForm.base_fields}


@page
def trust(request: HttpRequest, name: str) -> HttpResponseBase:
    row = get_role(caller(request), role=name)
    if request.method != "POST":
        return _edit(request, policy_editor.draft_of(row.trust_policy, "trust"), row=row)
    draft, save = policy_editor.posted(request, "trust")
    if not save or not draft.right or draft.document is None:
        return _edit(request, draft, row=row, status=400 if save else 200)
    try:
        update_assume_role_policy(caller(request), role=name, policy_document=draft.document)
    except AccessDenied:
        raise
    except OperationError as error:
        return _edit(request, policy_editor.refused(draft, error), row=row, status=400)
    messages.success(request, _("The trust policy of %(name)s was changed.") % {"name": name})
    return redirect("role", name)


def _edit(
    request: HttpRequest,
    draft: policy_editor.Draft,
    *,
    form: RoleForm | None = None,
    row: Role | None = None,
    status: int = 200,
) -> HttpResponseBase:
    new = row is None
    arn = here.role_arn("*") if row is None else row.arn
    context: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "title": _("Create a role")
        if row is None
        else _("The trust policy of %(name)s") % {"name": row.name},
        "say": _(
            "Who may become this role: tasks, people, or other roles. Its permissions are attached afterwards."
        )
        if new
        else _("Who may become this role. Whoever no longer may is out with the next request."),
        "save": _("Create the role") if new else _("Save the trust policy"),
        "back": links.to("roles") if row is None else links.to("role", row.name),
        "may_save": may(request, "iam:CreateRole" if new else "iam:UpdateAssumeRolePolicy", arn),
        "crumbs": crumbs("roles", "", _("Create a role"))
        if row is None
        else crumbs("roles", row.name, _("Trust policy")),
        "cli": "aws iam create-role --role-name web-task --assume-role-policy-document file://trust.json"
        if row is None
        else f"aws iam update-assume-role-policy --role-name {row.name} --policy-document file://trust.json",
    }
    return render(request, "web/access/policy_edit.html", context, status=status)
