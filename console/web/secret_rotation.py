"""/rotate-secret/<name>/: the hook that rotates a secret; rotating it now; no more."""

from __future__ import annotations

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
from console.web.forms import mark
from console.web.page import attempt, caller, may, page
from console.web.parts import Crumb
from vault.queries import describe_secret
from vault.rotation_models import SecretRotation
from vault.rotation_operations import MOST_DAYS, cancel_rotate_secret, rotate_secret


class RotationForm(forms.Form):
    rotation_hook = forms.CharField(
        label=gettext_lazy("Hook"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "https://rotate.example.com/shop",
            }
        ),
    )
    every_days = forms.IntegerField(
        label=gettext_lazy("Every so many days"),
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=gettext_lazy("Empty: only when asked."),
    )
    rotate_immediately = forms.BooleanField(label=gettext_lazy("Rotate it now"), required=False, initial=True)


@page
def edit(request: HttpRequest, name: str) -> HttpResponseBase:
    secret = describe_secret(caller(request), secret_id=name)
    present = SecretRotation.objects.filter(secret=secret).first()
    form = RotationForm(request.POST or None, initial=_as_it_is(present))
    if request.method == "POST" and form.is_valid():
        try:
            rotate_secret(caller(request), secret_id=name, **_asked(form.cleaned_data))
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"rotationHook": "rotation_hook", "rotationRules": "every_days"})
        else:
            messages.success(request, _("The rotation of %(name)s is set.") % {"name": name})
            return redirect("secret", name)
    form.fields["rotation_hook"].help_text = (
        _("The address at %(host)s stays unless another is given. It is kept encrypted and never shown.")
        % {"host": present.hook_host}
        if present is not None
        else _("A URL of yours that is asked by POST, step by step. It is kept encrypted and never shown.")
    )
    context = {
        "form": form,
        "secret": secret,
        "may_rotate": may(request, "secretsmanager:RotateSecret", secret.arn),
        "back": links.to("secret", secret.name),
        "crumbs": [
            Crumb(_("Secrets"), links.to("secrets")),
            Crumb(secret.name, links.to("secret", secret.name)),
            Crumb(_("Rotation")),
        ],
    }
    return render(request, "web/vault/secret_rotation.html", context, status=400 if form.errors else 200)


def _as_it_is(present: SecretRotation | None) -> dict[str, Any]:
    """What is there is not rotated by merely being changed."""
    return {} if present is None else {"every_days": present.every_days, "rotate_immediately": False}


def _asked(data: dict[str, Any]) -> dict[str, Any]:
    days = data["every_days"]
    return {
        "rotation_hook": data["rotation_hook"] or None,
        "rotation_rules": {} if days is None else {"AutomaticallyAfterDays": days},
        "rotate_immediately": data["rotate_immediately"],
    }


@require_POST
@page
def now(request: HttpRequest, name: str) -> HttpResponseBase:
    here = links.to("secret", name)
    return attempt(
        request,
        lambda: rotate_secret(caller(request), secret_id=name),
        _("%(name)s is being rotated.") % {"name": name},
        done=here,
        failed=here,
    )


@require_POST
@page
def stop(request: HttpRequest, name: str) -> HttpResponseBase:
    here = links.to("secret", name)
    return attempt(
        request,
        lambda: cancel_rotate_secret(caller(request), secret_id=name),
        _("%(name)s is rotated no more.") % {"name": name},
        done=here,
        failed=here,
    )
