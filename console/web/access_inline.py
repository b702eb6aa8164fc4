"""/access/<kind>/<name>/inline/: an inline policy of one user, group or role, in the editor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import registry
from base.errors import AccessDenied, OperationError
from console.web import policy_editor, policy_examples
from console.web.access_forms import NAME
from console.web.access_places import KINDS, IdentityKind, Kind, crumbs
from console.web.forms import mark
from console.web.page import caller, may, page


class InlineForm(forms.Form):
    policy = forms.CharField(label=gettext_lazy("Policy name"), max_length=128, help_text=NAME)


@page
def edit(request: HttpRequest, kind: str, name: str) -> HttpResponseBase:
    """`?policy=NAME` edits one that is there."""
    if kind not in KINDS:
        raise Http404
    identity = KINDS[kind]
    present = request.GET.get("policy", "")
    if request.method != "POST":
        document = (
            _present(request, identity, name, present) if present else policy_examples.start("identity")
        )
        form = None if present else InlineForm()
        return _edit(request, identity, name, policy_editor.draft_of(document), form, present)
    draft, save = policy_editor.posted(request)
    if not save:
        form = None if present else InlineForm(initial={"policy": request.POST.get("policy", "")})
        return _edit(request, identity, name, draft, form, present)
    form = InlineForm({"policy": present} if present else request.POST)
    shown = None if present else form
    if not form.is_valid() or not draft.right:
        return _edit(request, identity, name, draft, shown, present, status=400)
    policy = form.cleaned_data["policy"]
    given = {identity.parameter: name, "policy_name": policy, "document": draft.document}
    try:
        registry.call(f"put_{identity.iam.lower()}_policy", caller(request), **given)
    except AccessDenied:
        raise
    except OperationError as error:
        if any(path.startswith(("document", "policy_document")) for path in error.fields):
            draft = policy_editor.refused(draft, error)
        else:
            mark(form, error, {"policy_name": "policy"})
        return _edit(request, identity, name, draft, shown, present, status=400, refusal=str(error))
    messages.success(request, _("The inline policy %(name)s was saved.") % {"name": policy})
    return redirect(identity.address(name))


def _present(request: HttpRequest, identity: IdentityKind, name: str, policy: str) -> Any:
    given = {identity.parameter: name, "policy_name": policy}
    return registry.call(f"get_{identity.iam.lower()}_policy", caller(request), **given).document


def _edit(
    request: HttpRequest,
    identity: IdentityKind,
    name: str,
    draft: policy_editor.Draft,
    form: InlineForm | None,
    present: str,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponseBase:
    kind: Kind = identity.key
    title = _("The inline policy %(policy)s") % {"policy": present} if present else _("Add an inline policy")
    option = {"users": "--user-name", "groups": "--group-name", "roles": "--role-name"}[kind]
    word = identity.iam.lower()
    context: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "refusal": refusal if form is None or not form.errors else "",
        "title": title,
        "say": _("It belongs to %(name)s alone and goes with it.") % {"name": name},
        "save": _("Save the policy"),
        "back": identity.address(name),
        "may_save": may(request, f"iam:Put{identity.iam}Policy", identity.arn(name)),
        "crumbs": crumbs(kind, name, present or _("Add an inline policy")),
        "cli": f"aws iam put-{word}-policy {option} {name} --policy-name {present or 'own'} "
        "--policy-document file://policy.json",
    }
    return render(request, "web/access/policy_edit.html", context, status=status)
