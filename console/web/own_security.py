"""My security: one's own password, second factors, sessions and tokens. Always as oneself, also while in a role."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from access.caller import Caller
from access.identities import tokens
from access.identities.keys import list_access_keys
from access.models import User
from access.operations import change_password
from access.signon import mfa, oidc, passkeys, sessions, signin
from access.signon.models import OidcIdentity
from base.errors import AccessDenied, OperationError
from console.web import forms_signin as forms
from console.web.agents import device_of
from console.web.forms import mark
from console.web.own import drop_seed, keep_seed, kept_seed, own_caller, passkeys_work, qr, site_of
from console.web.page import attempt, page
from console.web.parts import Crumb, May

_HOME = "own-security"


@page
@never_cache
def show(request: HttpRequest) -> HttpResponseBase:
    return _show(request)


@page
@never_cache
@require_POST
@sensitive_post_parameters("current", "new", "again")
def password(request: HttpRequest) -> HttpResponseBase:
    """A new password; this browser stays signed in, under a new key, and all others are out."""
    form = forms.PasswordForm(request.POST)
    if form.is_valid():
        try:
            user = change_password(
                own_caller(request),
                current_password=form.cleaned_data["current"],
                new_password=form.cleaned_data["new"],
            )
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"current_password": "current", "new_password": "new"})
        else:
            sessions.renew(request, user)
            messages.success(request, _("Your password is changed. All other browsers are signed out."))
            return redirect(_HOME)
    return _show(request, password_form=form)


# --- second factors --------------------------------------------------------------------------------------


@page
@never_cache
@sensitive_post_parameters("code")
def app(request: HttpRequest) -> HttpResponseBase:
    """Add an authenticator app: GET asks for its name, POST shows its seed, then takes its first code."""
    me, username = own_caller(request), _name(request)
    if request.method != "POST":
        drop_seed(request)
        return _app_page(request, forms.NameForm(initial={"name": _("Phone")}))
    made = kept_seed(request)
    if "code" not in request.POST or made is None:
        form = forms.NameForm(request.POST)
        if not form.is_valid():
            return _app_page(request, form)
        try:
            issued = mfa.create_virtual_mfa_device(me, username=username, name=form.cleaned_data["name"])
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"name": "name"})
            return _app_page(request, form)
        keep_seed(request, issued)
        return _app_page(request, forms.CodeForm())
    code = forms.CodeForm(request.POST)
    if code.is_valid():
        try:
            mfa.enable_mfa_device(
                me,
                username=username,
                name=made.name,
                authentication_code=code.cleaned_data["code"],
            )
        except AccessDenied:
            raise
        except OperationError as error:
            mark(code, error, {"authentication_code": "code"})
        else:
            drop_seed(request)
            return _added(request)
    return _app_page(request, code)


@page
@never_cache
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponseBase:
    """What the browser is to make a passkey for."""
    ceremony = passkeys.begin_registration(_user(request), site_of(request))
    signin.keep_challenge(request, ceremony.challenge)
    return HttpResponse(ceremony.options, content_type="application/json")


@page
@never_cache
@require_POST
@sensitive_post_parameters("credential")
def passkey(request: HttpRequest) -> HttpResponseBase:
    """Keep the passkey that the browser has just made."""
    site = site_of(request)
    try:
        passkeys.enable_passkey(
            own_caller(request),
            username=_name(request),
            name=request.POST.get("name", ""),
            credential=request.POST.get("credential", "")[:20_000],
            challenge=signin.take_challenge(request),
            host=site.host,
            origin=site.origin,
        )
    except AccessDenied:
        raise
    except OperationError as error:
        messages.error(request, str(error))
        return redirect(_HOME)
    return _added(request)


@page
@require_POST
def remove_factor(request: HttpRequest, kind: str, name: str) -> HttpResponseBase:
    remove = mfa.deactivate_mfa_device if kind == "app" else passkeys.deactivate_passkey
    return attempt(
        request,
        lambda: remove(own_caller(request), username=_name(request), name=name),
        _("%(name)s is no second factor of yours any more.") % {"name": name},
        done=_HOME,
        failed=_HOME,
    )


@page
@never_cache
@require_POST
def codes(request: HttpRequest) -> HttpResponseBase:
    """New recovery codes, on this page and nowhere else."""
    issued = mfa.create_recovery_codes(own_caller(request), username=_name(request))
    return _codes_page(request, issued.codes)


# --- sessions and tokens ---------------------------------------------------------------------------------


@page
@require_POST
def end_session(request: HttpRequest, session: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: sessions.end_session(own_caller(request), username=_name(request), session=session),
        _("That browser is signed out."),
        done=_HOME,
        failed=_HOME,
    )


@page
@require_POST
def end_others(request: HttpRequest) -> HttpResponseBase:
    keep = sessions.facts(request).id
    return attempt(
        request,
        lambda: sessions.end_sessions(own_caller(request), username=_name(request), keep=keep),
        _("All other browsers are signed out."),
        done=_HOME,
        failed=_HOME,
    )


@page
@never_cache
@require_POST
def token(request: HttpRequest) -> HttpResponseBase:
    """A new token for REST; its secret is on this page and nowhere else."""
    form = forms.TokenForm(request.POST)
    if form.is_valid():
        try:
            issued = tokens.create_token(
                own_caller(request),
                username=_name(request),
                name=form.cleaned_data["name"],
                expires_in_days=form.cleaned_data["days"] or None,
            )
        except AccessDenied:
            raise
        except OperationError as error:
            mark(form, error, {"name": "name"})
        else:
            context = {"issued": issued, "crumbs": _crumbs(_("New token"))}
            return render(request, "web/signin/token.html", context)
    return _show(request, token_form=form)


@page
@require_POST
def revoke_token(request: HttpRequest, name: str) -> HttpResponseBase:
    return attempt(
        request,
        lambda: tokens.revoke_token(own_caller(request), username=_name(request), name=name),
        _("The token %(name)s is worthless now.") % {"name": name},
        done=_HOME,
        failed=_HOME,
    )


# --- pages -----------------------------------------------------------------------------------------------


def _show(request: HttpRequest, **given: Any) -> HttpResponse:
    me, user = own_caller(request), _user(request)
    username = user.username
    provider = oidc.provider()
    known = sessions.facts(request)
    wrong = any(form.errors for form in given.values())
    context = {
        "person": user,
        "apps": mfa.list_mfa_devices(me, username=username).exclude(enabled_at=None),
        "passkeys": passkeys.list_passkeys(me, username=username),
        "factors": mfa.factors_of(user),
        "passkeys_work": passkeys_work(request),
        "site": site_of(request),
        "sessions": [
            (row, device_of(row.user_agent), row.public_id == known.id)
            for row in sessions.list_sessions(me, username=username)
        ],
        "tokens": tokens.list_tokens(me, username=username),
        "keys": list_access_keys(me, username=username),
        "provider": provider.name if provider is not None else "",
        "connected": provider is not None
        and OidcIdentity.objects.filter(user=user, issuer=provider.issuer).exists(),
        "may_remove": _may(me, "iam:DeactivateMFADevice"),
        "may_make_codes": _may(me, "slipway:CreateRecoveryCodes"),
        "password_form": forms.PasswordForm(),
        "token_form": forms.TokenForm(),
        **given,
    }
    return render(request, "web/signin/security.html", context, status=400 if wrong else 200)


def _app_page(request: HttpRequest, form: forms.NameForm | forms.CodeForm) -> HttpResponse:
    made = kept_seed(request)
    context = {
        "crumbs": _crumbs(_("Add an authenticator app")),
        "form": form,
        "seed": made.seed if made else "",
        "qr": qr(made.uri) if made else "",
    }
    return render(request, "web/signin/app.html", context, status=400 if form.errors else 200)


def _added(request: HttpRequest) -> HttpResponse:
    """The person has just shown the factor: their session counts as having it. With the first one come codes."""
    sessions.mark_mfa(request)
    messages.success(request, _("Added. From now on signing in asks for it."))
    if mfa.factors_of(_user(request)).recovery:
        return redirect(_HOME)
    issued = mfa.create_recovery_codes(own_caller(request), username=_name(request))
    return _codes_page(request, issued.codes)


def _codes_page(request: HttpRequest, codes: tuple[str, ...]) -> HttpResponse:
    context = {"codes": codes, "crumbs": _crumbs(_("Recovery codes"))}
    return render(request, "web/signin/own_codes.html", context)


def _crumbs(last: str) -> list[Crumb]:
    return [Crumb(_("My security"), reverse(_HOME)), Crumb(last, "")]


def _may(me: Caller, action: str) -> May:
    allowed = me.may(action, me.arn).allowed
    reason = "" if allowed or me.mfa else _("Sign in with your second factor first.")
    return May(allowed, action, me.arn, reason)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _name(request: HttpRequest) -> str:
    return _user(request).username
