"""What administrators do about others' sign-in: invite, give a link, end sessions, take factors away, set rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from access.queries import get_user, list_groups
from access.signon import links, mfa, passkeys, passwords, sessions
from base import here
from base.errors import AccessDenied, OperationError
from console.mail import mail_invitation
from console.web.access_forms import PickField
from console.web.access_places import crumbs
from console.web.agents import device_of
from console.web.forms import mark
from console.web.own import site_of
from console.web.page import attempt, caller, may, page

_RULES = (
    "minimum_password_length",
    "require_uppercase_characters",
    "require_lowercase_characters",
    "require_numbers",
    "require_symbols",
    "password_reuse_prevention",
    "max_password_age",
    "require_mfa",
)


class InviteForm(forms.Form):
    username = forms.CharField(label=gettext_lazy("User name"), max_length=64)
    display_name = forms.CharField(label=gettext_lazy("Full name"), max_length=128, required=False)
    email = forms.EmailField(label=gettext_lazy("Mail"), max_length=254, required=False)
    groups = PickField(label=gettext_lazy("Groups"), required=False)


class RulesForm(forms.Form):
    require_mfa = forms.BooleanField(
        label=gettext_lazy("Everybody must have a second factor"), required=False
    )
    minimum_password_length = forms.IntegerField(label=gettext_lazy("Shortest password"))
    require_uppercase_characters = forms.BooleanField(
        label=gettext_lazy("An upper-case letter"), required=False
    )
    require_lowercase_characters = forms.BooleanField(
        label=gettext_lazy("A lower-case letter"), required=False
    )
    require_numbers = forms.BooleanField(label=gettext_lazy("A digit"), required=False)
    require_symbols = forms.BooleanField(label=gettext_lazy("A symbol"), required=False)
    password_reuse_prevention = forms.IntegerField(
        label=gettext_lazy("Passwords that may not come back"), help_text=gettext_lazy("0: any may.")
    )
    max_password_age = forms.IntegerField(
        label=gettext_lazy("Days until a password must be changed"), help_text=gettext_lazy("0: never.")
    )


@page
@never_cache
def invite(request: HttpRequest) -> HttpResponseBase:
    """A user, and the link by which they choose their password: on this page and nowhere else."""
    me = caller(request)
    form = InviteForm(request.POST or None)
    names: list[str] = []
    if me.may("iam:ListGroups", "*").allowed:
        rows = list_groups(me).prefetch_related(None).order_by("name")
        names = [row.name for row in rows if me.may("iam:AddUserToGroup", row.arn).allowed]
    form.fields["groups"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        try:
            issued = links.invite_user(me, **form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {name: name for name in form.fields})
        else:
            return _link_page(request, issued, mailed=mail_invitation(issued, _origin(request)))
    context = {
        "form": form,
        "title": _("Invite somebody"),
        "say": _("They choose their password by a link that is good once, within three days."),
        "save": _("Make the link"),
        "may_save": may(request, "iam:CreateUser", here.user_arn("*")),
        "crumbs": crumbs("users", "", _("Invite somebody")),
        "back": reverse("users"),
    }
    return render(request, "web/access/identity_form.html", context, status=400 if form.errors else 200)


@page
@never_cache
def sign_in_of(request: HttpRequest, name: str) -> HttpResponseBase:
    """How a user signs in, and where."""
    me = caller(request)
    user = get_user(me, username=name)
    context = {
        "crumbs": crumbs("users", name, _("Sign-in")),
        "person": user,
        "apps": mfa.list_mfa_devices(me, username=name).exclude(enabled_at=None),
        "passkeys": passkeys.list_passkeys(me, username=name),
        "sessions": [(row, device_of(row.user_agent)) for row in sessions.list_sessions(me, username=name)],
        "may_remove": may(request, "iam:DeactivateMFADevice", user.arn),
        "may_end": may(request, "slipway:EndSession", user.arn),
        "may_link": may(request, "iam:UpdateLoginProfile", user.arn),
    }
    return render(request, "web/signin/of_user.html", context)


@page
@never_cache
@require_POST
def link(request: HttpRequest, name: str) -> HttpResponseBase:
    """A link by which a user chooses a new password: on this page and nowhere else."""
    return _link_page(request, links.create_sign_in_link(caller(request), username=name), mailed=False)


@page
@require_POST
def remove_factor(request: HttpRequest, name: str, kind: str, device: str) -> HttpResponseBase:
    remove = mfa.deactivate_mfa_device if kind == "app" else passkeys.deactivate_passkey
    back = reverse("user-sign-in", args=[name])
    return attempt(
        request,
        lambda: remove(caller(request), username=name, name=device),
        _("Removed: signing in no longer asks for it."),
        done=back,
        failed=back,
    )


@page
@require_POST
def end_sessions(request: HttpRequest, name: str) -> HttpResponseBase:
    """One session, if the form names it, or all."""
    session = request.POST.get("session", "")
    back = reverse("user-sign-in", args=[name])

    def end() -> None:
        if session:
            sessions.end_session(caller(request), username=name, session=session)
        else:
            sessions.end_sessions(caller(request), username=name)

    return attempt(request, end, _("Signed out."), done=back, failed=back)


@page
def rules(request: HttpRequest) -> HttpResponseBase:
    """The account's rules for passwords and second factors."""
    me = caller(request)
    row = passwords.get_account_password_policy(me)
    form = RulesForm(request.POST or None, initial={name: getattr(row, name) for name in _RULES})
    if request.method == "POST" and form.is_valid():
        try:
            passwords.update_account_password_policy(me, **form.cleaned_data)
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {name: name for name in _RULES})
        else:
            messages.success(request, _("The rules hold from the next password, and the next sign-in, on."))
            return redirect("password-rules")
    context: dict[str, Any] = {
        "form": form,
        "title": _("Rules for signing in"),
        "say": _("For everybody's passwords and second factors."),
        "save": _("Save"),
        "may_save": may(request, "iam:UpdateAccountPasswordPolicy", "*"),
        "crumbs": crumbs("users", "", _("Rules for signing in")),
        "back": reverse("users"),
    }
    return render(request, "web/access/identity_form.html", context, status=400 if form.errors else 200)


def _link_page(request: HttpRequest, issued: links.IssuedLink, *, mailed: bool) -> HttpResponse:
    context = {
        "issued": issued,
        "url": _origin(request) + issued.path,
        "mailed": mailed,
        "crumbs": crumbs("users", issued.user.username, _("Link")),
    }
    return render(request, "web/signin/link.html", context)


def _origin(request: HttpRequest) -> str:
    return settings.SLIPWAY_URL or site_of(request).origin
