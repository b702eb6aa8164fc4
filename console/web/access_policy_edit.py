"""Creating a managed policy, and giving one a new version, in the editor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.identities.managed_policies import create_policy, create_policy_version
from access.models import Policy
from access.queries import get_policy
from base import here
from base.errors import AccessDenied, OperationError
from console.web import links, policy_editor, policy_examples
from console.web.access_forms import NAME
from console.web.access_places import policy_crumbs
from console.web.forms import mark
from console.web.page import caller, may, page

MOST_VERSIONS = 5


class PolicyForm(forms.Form):
    policy = forms.CharField(label=gettext_lazy("Policy name"), max_length=128, help_text=NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=1000, required=False)


@page
def create(request: HttpRequest) -> HttpResponseBase:
    """`?source=NAME` begins with a copy of that policy."""
    if request.method != "POST":
        source = request.GET.get("source", "")
        document = (
            get_policy(caller(request), policy=source).document
            if source
            else policy_examples.start("identity")
        )
        named = PolicyForm(initial={"policy": f"{source}-copy"[:128] if source else ""})
        return _edit(request, policy_editor.draft_of(document), form=named)
    draft, save = policy_editor.posted(request)
    if not save:
        typed = {name: request.POST.get(name, "") for name in PolicyForm.base_fields}
        return _edit(request, draft, form=PolicyForm(initial=typed))
    form = PolicyForm(request.POST)
    if not form.is_valid() or not draft.right or draft.document is None:
        return _edit(request, draft, form=form, status=400)
    try:
        row = create_policy(caller(request), document=draft.document, **form.cleaned_data)
    except AccessDenied:
        raise
    except OperationError as error:
        if any(path.startswith(("document", "policy_document")) for path in error.fields):
            draft = policy_editor.refused(draft, error)
        else:
            mark(form, error, {"policy": "policy", "name": "policy", "description": "description"})
        return _edit(request, draft, form=form, status=400)
    messages.success(request, _("The policy %(name)s was created.") % {"name": row.name})
    return redirect("policy", row.name)


@page
def edit(request: HttpRequest, name: str) -> HttpResponseBase:
    row = get_policy(caller(request), policy=name)
    if request.method != "POST":
        return _edit(request, policy_editor.draft_of(row.document), row=row)
    draft, save = policy_editor.posted(request)
    if not save or not draft.right or draft.document is None:
        return _edit(request, draft, row=row, status=400 if save else 200)
    try:
        create_policy_version(caller(request), policy=name, document=draft.document, set_as_default=True)
    except AccessDenied:
        raise
    except OperationError as error:
        if error.fields:
            return _edit(request, policy_editor.refused(draft, error), row=row, status=400)
        return _edit(request, draft, row=row, status=400, refusal=str(error))
    messages.success(request, _("A new version of %(name)s is in force.") % {"name": name})
    return redirect("policy", name)


def _edit(
    request: HttpRequest,
    draft: policy_editor.Draft,
    *,
    form: PolicyForm | None = None,
    row: Policy | None = None,
    status: int = 200,
    refusal: str = "",
) -> HttpResponseBase:
    cli = "aws iam create-policy --policy-name deploy-web --policy-document file://policy.json"
    context: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "refusal": refusal,
        "title": _("Create a policy"),
        "say": _("A policy counts for nothing until it is attached to a user, a group or a role."),
        "save": _("Create the policy"),
        "back": links.to("policies"),
        "may_save": may(request, "iam:CreatePolicy", here.policy_arn("*")),
        "crumbs": policy_crumbs("", _("Create a policy")),
        "cli": cli,
    }
    if row is not None:
        context |= _for_version(request, row)
    return render(request, "web/access/policy_edit.html", context, status=status)


def _for_version(request: HttpRequest, row: Policy) -> dict[str, Any]:
    fixed = _("%(name)s is ready-made: copy it under another name to change it.") % {"name": row.name}
    full = _("Five versions are kept at most. Delete one that is not in force first.")
    held = fixed if row.ready_made else full if row.versions.count() >= MOST_VERSIONS else ""
    return {
        "title": _("A new version of %(name)s") % {"name": row.name},
        "say": _("It is in force at once, for everyone who has the policy; the version before it is kept."),
        "save": _("Save and put in force"),
        "back": links.to("policy", row.name),
        "may_save": may(request, "iam:CreatePolicyVersion", row.arn, reason=held),
        "crumbs": policy_crumbs(row.name, _("New version")),
        "cli": f"aws iam create-policy-version --policy-arn {row.arn} --policy-document file://policy.json "
        "--set-as-default",
    }
