"""/secrets/: the list, one secret with its versions, what changes it. A value is only ever in the answer to a POST."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from base.errors import AccessDenied, OperationError
from console.web import links
from console.web.fields import TagsField
from console.web.forms import mark
from console.web.page import ListState, attempt, caller, may, page
from console.web.parts import Crumb
from console.web.policy_words import statements
from vault import names
from vault.models import CURRENT, Secret
from vault.operations import (
    create_secret,
    delete_secret,
    put_secret_value,
    restore_secret,
    update_secret,
    update_secret_version_stage,
)
from vault.queries import SecretValue, describe_secret, get_secret_value, list_secrets
from vault.rotation_models import SecretRotation

_SORTS = {"name": ["name"], "changed": ["changed_at", "name"], "read": ["accessed_on", "name"]}
_SHOWN_VERSIONS = 20
_FOR_GOOD = "0"
# A value is shown once and kept by nobody: no cache, no history of the browser.
_NOT_KEPT = "no-store"


@page
def secrets(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, _SORTS, "name")
    rows = list_secrets(caller(request), include_planned_deletion=True)
    context = {
        "page": state.page_of(rows.filter(name__icontains=state.q) if state.q else rows),
        "filtered": bool(state.q),
        "may_create": may(request, "secretsmanager:CreateSecret", names.secret_arn("*", "??????")),
        "cli": "aws secretsmanager create-secret --name shop/database --secret-string file://secret.json",
    }
    return render(request, "web/vault/secrets.html", context)


class ValueForm(forms.Form):
    secret_string = forms.CharField(
        label=gettext_lazy("Value"),
        strip=False,
        help_text=gettext_lazy(
            'Text, or JSON such as {"username": "shop", "password": "…"}: a task can ask for one key of it.'
        ),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )


class SecretForm(ValueForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=512,
        help_text=gettext_lazy("Letters, digits and / _ + = . @ ! -. The name stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=2048)
    tags = TagsField()


@page
def create(request: HttpRequest) -> HttpResponseBase:
    form = SecretForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = create_secret(caller(request), **form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"name": "name", "secretString": "secret_string", "tags": "tags"})
        else:
            return redirect("secret", row.name)
    context = {
        "form": form,
        "crumbs": [Crumb(_("Secrets"), links.to("secrets")), Crumb(_("Create a secret"))],
        "may_create": may(request, "secretsmanager:CreateSecret", names.secret_arn("*", "??????")),
        "cli": "aws secretsmanager create-secret --name shop/database --secret-string file://secret.json",
    }
    return render(request, "web/vault/secret_new.html", context, status=400 if form.errors else 200)


@page
def secret(request: HttpRequest, name: str) -> HttpResponseBase:
    """A POST shows the value: a read that is recorded, asked for on purpose, and never at an address of its own."""
    me = caller(request)
    row = describe_secret(me, secret_id=name)
    shown, failure = None, ""
    if request.method == "POST":
        try:
            shown = get_secret_value(me, secret_id=name, version_id=request.POST.get("version") or None)
        except AccessDenied:
            raise
        except OperationError as error:
            failure = str(error)
    answer = render(request, "web/vault/secret.html", _context(request, row, shown, failure))
    answer["Cache-Control"] = _NOT_KEPT
    return answer


def _context(request: HttpRequest, row: Secret, shown: SecretValue | None, failure: str) -> dict[str, object]:
    gone = _("It is marked for deletion. Restore it first.") if row.deleted_at else ""
    may_see_policy = may(request, "secretsmanager:GetResourcePolicy", row.arn)
    return {
        "secret": row,
        "rotation": SecretRotation.objects.filter(secret=row).first(),
        "versions": row.versions.prefetch_related("stages")[:_SHOWN_VERSIONS],
        "policy": statements(row.policy) if row.policy and may_see_policy else [],
        "may_see_policy": may_see_policy,
        "may_set_policy": may(request, "secretsmanager:PutResourcePolicy", row.arn, reason=gone),
        "may_drop_policy": may(request, "secretsmanager:DeleteResourcePolicy", row.arn),
        "may_rotate": may(request, "secretsmanager:RotateSecret", row.arn, reason=gone),
        "may_stop_rotating": may(request, "secretsmanager:CancelRotateSecret", row.arn, reason=gone),
        "may_edit": may(request, "secretsmanager:UpdateSecret", row.arn, reason=gone),
        "may_stage": may(request, "secretsmanager:UpdateSecretVersionStage", row.arn, reason=gone),
        "current": CURRENT,
        "shown": shown,
        "shown_text": _text_of(shown),
        "failure": failure,
        "form": ValueForm(),
        "description": DescriptionForm(initial={"description": row.description}),
        "crumbs": [Crumb(_("Secrets"), links.to("secrets")), Crumb(row.name)],
        "may_read": may(request, "secretsmanager:GetSecretValue", row.arn, reason=gone),
        "may_put": may(request, "secretsmanager:PutSecretValue", row.arn, reason=gone),
        "may_delete": may(request, "secretsmanager:DeleteSecret", row.arn),
        "may_restore": may(request, "secretsmanager:RestoreSecret", row.arn),
        "cli": f"aws secretsmanager get-secret-value --secret-id {row.name} --version-stage {CURRENT}",
    }


def _text_of(shown: SecretValue | None) -> str:
    if shown is None:
        return ""
    if shown.secret_string is not None:
        return shown.secret_string
    raw = base64.b64decode(shown.secret_binary or "")
    return _("%(count)d bytes, in base64: %(text)s") % {"count": len(raw), "text": shown.secret_binary}


@require_POST
@page
def put(request: HttpRequest, name: str) -> HttpResponseBase:
    form = ValueForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A value is required."))
        return redirect("secret", name)
    return attempt(
        request,
        lambda: put_secret_value(caller(request), secret_id=name, **form.cleaned_data),
        _("%(name)s has a new value. Tasks that start from now on get it.") % {"name": name},
        done=links.to("secret", name),
        failed=links.to("secret", name),
    )


@require_POST
@page
def delete(request: HttpRequest, name: str) -> HttpResponseBase:
    """`days`: how long it can be restored; 0 for not at all."""
    days = request.POST.get("days", "30")
    here = links.to("secret", name)
    if days == _FOR_GOOD:
        said, done = _("%(name)s is gone for good.") % {"name": name}, links.to("secrets")
        how: dict[str, Any] = {"force_delete_without_recovery": True}
    else:
        kept = int(days) if days.isdigit() else 0
        text = _("%(name)s is marked for deletion. It can be restored for %(days)d days.")
        said, done = text % {"name": name, "days": kept}, here
        how = {"recovery_window_in_days": kept}
    return attempt(
        request,
        lambda: delete_secret(caller(request), secret_id=name, **how),
        said,
        done=done,
        failed=here,
    )


class DescriptionForm(forms.Form):
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=2048)


@require_POST
@page
def edit(request: HttpRequest, name: str) -> HttpResponseBase:
    """Its description: the name stays, values and tags have forms of their own."""
    form = DescriptionForm(request.POST)
    here = links.to("secret", name)
    if not form.is_valid():
        messages.error(
            request, " ".join(str(reason) for reasons in form.errors.values() for reason in reasons)
        )
        return redirect(here)
    return attempt(
        request,
        lambda: update_secret(caller(request), secret_id=name, **form.cleaned_data),
        _("The description is saved."),
        done=here,
        failed=here,
    )


@require_POST
@page
def stage(request: HttpRequest, name: str) -> HttpResponseBase:
    """Puts `stage` on the version `to`, taking it from where it is; without `to` it is only taken away."""
    me, here = caller(request), links.to("secret", name)
    label, to = request.POST.get("stage", "").strip(), request.POST.get("to", "")
    row = describe_secret(me, secret_id=name)
    holder = row.versions.filter(stages__stage=label).values_list("version_id", flat=True).first()
    return attempt(
        request,
        lambda: update_secret_version_stage(
            me,
            secret_id=name,
            version_stage=label,
            move_to_version_id=to or None,
            remove_from_version_id=None if holder == to else holder,
        ),
        _("%(stage)s is on version %(version)s now.") % {"stage": label, "version": to[:8]}
        if to
        else _("%(stage)s is taken away.") % {"stage": label},
        done=here,
        failed=here,
    )


@require_POST
@page
def restore(request: HttpRequest, name: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: restore_secret(caller(request), secret_id=name),
        _("%(name)s is restored.") % {"name": name},
        done=links.to("secret", name),
        failed=links.to("secret", name),
    )
