"""/parameters/: the list, one parameter with its versions, and what changes it."""

from __future__ import annotations

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
from console.web.parts import Choice, Crumb
from vault import names
from vault.models import Parameter
from vault.parameter_operations import (
    TIERS,
    delete_parameter,
    label_parameter_version,
    put_parameter,
)
from vault.parameter_queries import ParameterValue, describe_parameter, describe_parameters, get_parameter

_SORTS = {"name": ["name"], "changed": ["modified_at", "name"], "type": ["type", "name"]}
_FIELDS = {
    "name": "name",
    "type": "type",
    "value": "value",
    "tier": "tier",
    "description": "description",
    "allowedPattern": "allowed_pattern",
    "tags": "tags",
}
_SHOWN_VERSIONS = 20


@page
def parameters(request: HttpRequest) -> HttpResponseBase:
    state = ListState.of(request, _SORTS, "name")
    rows = describe_parameters(caller(request))
    if state.q:
        rows = rows.filter(name__icontains=state.q)
    if state.state in Parameter.Type.values:
        rows = rows.filter(type=state.state)
    context = {
        "page": state.page_of(rows),
        "choices": [Choice("", _("All")), *(Choice(kind, kind) for kind in Parameter.Type.values)],
        "filtered": bool(state.q or state.state),
        "may_create": may(request, "ssm:PutParameter", names.parameter_arn("*")),
        "cli": "aws ssm put-parameter --name /shop/log-level --type String --value info",
    }
    return render(request, "web/vault/parameters.html", context)


class ValueForm(forms.Form):
    value = forms.CharField(
        label=gettext_lazy("Value"),
        strip=False,
        help_text=gettext_lazy("Of a StringList: texts with commas between them."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )


class NewValueForm(ValueForm):
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=1024)


class ParameterForm(ValueForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=1011,
        help_text=gettext_lazy("Letters, digits and . _ -, with levels as /shop/database. The name stays."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false"}),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=Parameter.Type.choices,
        help_text=gettext_lazy("SecureString: for what is secret. Every type is encrypted at rest."),
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    tier = forms.ChoiceField(
        label=gettext_lazy("Tier"),
        choices=[(name, f"{name} ({size // 1024} KB)") for name, size in TIERS.items()],
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    allowed_pattern = forms.CharField(
        label=gettext_lazy("Allowed pattern"),
        required=False,
        max_length=1024,
        help_text=gettext_lazy("A regular expression that every value must match. Optional."),
    )
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=1024)
    tags = TagsField()


@page
def create(request: HttpRequest) -> HttpResponseBase:
    form = ParameterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            put_parameter(caller(request), **form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, _FIELDS)
        else:
            return redirect("parameter", form.cleaned_data["name"].removeprefix("/"))
    context = {
        "form": form,
        "crumbs": [Crumb(_("Parameters"), links.to("parameters")), Crumb(_("Create a parameter"))],
        "may_create": may(request, "ssm:PutParameter", names.parameter_arn("*")),
        "cli": "aws ssm put-parameter --name /shop/log-level --type String --value info",
    }
    return render(request, "web/vault/parameter_new.html", context, status=400 if form.errors else 200)


@page
def parameter(request: HttpRequest, name: str) -> HttpResponseBase:
    """A POST shows the value: a read that is recorded."""
    me = caller(request)
    row = describe_parameter(me, name=name)
    shown: ParameterValue | None = None
    failure = ""
    if request.method == "POST":
        version = request.POST.get("version", "")
        asked = f"{row.name}:{version}" if version.isdigit() else row.name
        try:
            shown = get_parameter(me, name=asked, with_decryption=True)
        except AccessDenied:
            raise
        except OperationError as error:
            failure = str(error)
    context = {
        "parameter": row,
        "path": row.name.removeprefix("/"),
        "versions": row.versions.all()[:_SHOWN_VERSIONS],
        "shown": shown,
        "failure": failure,
        "form": NewValueForm(initial={"description": row.description}),
        "crumbs": [Crumb(_("Parameters"), links.to("parameters")), Crumb(row.name)],
        "may_read": may(request, "ssm:GetParameter", row.arn),
        "may_put": may(request, "ssm:PutParameter", row.arn),
        "may_delete": may(request, "ssm:DeleteParameter", row.arn),
        "may_label": may(request, "ssm:LabelParameterVersion", row.arn),
        "cli": f"aws ssm get-parameter --name {row.name}" + (" --with-decryption" if row.secure else ""),
    }
    answer = render(request, "web/vault/parameter.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@page
def put(request: HttpRequest, name: str) -> HttpResponseBase:
    form = NewValueForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A value is required."))
        return redirect("parameter", name)
    return attempt(
        request,
        lambda: put_parameter(caller(request), name=name, overwrite=True, **form.cleaned_data),
        _("%(name)s has a new value. Tasks that start from now on get it.") % {"name": name},
        done=links.to("parameter", name),
        failed=links.to("parameter", name),
    )


@require_POST
@page
def label(request: HttpRequest, name: str) -> HttpResponseBase:
    """Puts `label` on a version; it moves there from where it was."""
    me, here = caller(request), links.to("parameter", name)
    given, version = request.POST.get("label", "").strip(), request.POST.get("version", "")
    number = int(version) if version.isdigit() and len(version) < 10 else None
    return attempt(
        request,
        lambda: label_parameter_version(me, name=name, labels=[given], parameter_version=number),
        _("%(label)s is on version %(version)s now.") % {"label": given, "version": version},
        done=here,
        failed=here,
    )


@require_POST
@page
def delete(request: HttpRequest, name: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: delete_parameter(caller(request), name=name),
        _("%(name)s is deleted.") % {"name": name},
        done=links.to("parameters"),
        failed=links.to("parameter", name),
    )
