"""Signing in and out, step by step. The tries, the waits and the records are access.signon.signin's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from access.signon import oidc, passkeys, signin
from access.signon.signin import SignIn
from console.web import words
from console.web.own import passkeys_work, site_of

TARGET = "slipway_after_sign_in"
"""The session's key for where to go once somebody is in."""
STEPS = {"factor": "sign-in-factor", "enrol": "sign-in-enrol", "password": "sign-in-password"}


class SignInForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=128,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username webauthn",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@never_cache
@csrf_protect
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponse:
    """One answer whether the name is unknown, the password wrong or the account closed: 401; 429 while waiting."""
    target = asked_target(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(target)
        return _show(request, SignInForm(), target, 200)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _show(request, form, target, 400)
    outcome = signin.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
    if outcome.user is not None:
        return go_on(request, outcome, target)
    form.add_error(None, refusal(outcome, _("The user name or the password is not right.")))
    return limited(_show(request, form, target, 429 if outcome.wait else 401), outcome)


@never_cache
@csrf_protect
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser asks its passkeys for: of whoever is half signed in, or of anybody."""
    half = signin.pending(request)
    user = half.user if half is not None and half.step == "factor" else None
    if user is None and request.POST.get("for") == "factor":
        return JsonResponse({"error": _("Too much time has passed. Sign in again.")}, status=409)
    ceremony = passkeys.begin_authentication(site_of(request), user)
    signin.keep_challenge(request, ceremony.challenge)
    return HttpResponse(ceremony.options, content_type="application/json")


@never_cache
@csrf_protect
@require_POST
@sensitive_post_parameters("credential")
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: it names its user and has verified its person."""
    target = asked_target(request)
    challenge = signin.take_challenge(request)
    outcome = signin.sign_in_by_passkey(
        request, request.POST.get("credential", "")[:20_000], challenge, site_of(request)
    )
    if outcome.user is not None:
        return go_on(request, outcome, target)
    form = SignInForm()
    return limited(
        _show(
            request,
            form,
            target,
            429 if outcome.wait else 401,
            trouble=refusal(outcome, _("This passkey is not known here.")),
        ),
        outcome,
    )


def go_on(request: HttpRequest, outcome: SignIn, target: str = "") -> HttpResponse:
    """To the step that is due, or, when there is none left, to where the person wanted to go."""
    if target:
        request.session[TARGET] = target
    if outcome.step:
        return redirect(STEPS[outcome.step])
    return redirect(request.session.pop(TARGET, "") or resolve_url(settings.LOGIN_REDIRECT_URL))


def refusal(outcome: SignIn, wrong: str) -> str:
    """What to say to a try that was not good: to wait, or what was wrong."""
    if outcome.wait:
        return _("Too many tries. Wait %(time)s, then try again.") % {"time": words.duration(outcome.wait)}
    return wrong


def limited(response: HttpResponse, outcome: SignIn) -> HttpResponse:
    if outcome.wait:
        response["Retry-After"] = str(outcome.wait)
    return response


def _show(
    request: HttpRequest, form: SignInForm, target: str, status: int, trouble: str = ""
) -> HttpResponse:
    provider = oidc.provider()
    context: dict[str, Any] = {
        "form": form,
        "next": target,
        "trouble": trouble,
        "provider": provider.name if provider is not None else "",
        "may_reset": bool(settings.SLIPWAY_MAIL_URL),
        "passkeys_work": passkeys_work(request),
    }
    return render(request, "web/sign_in.html", context, status=status)


def asked_target(request: HttpRequest) -> str:
    """Where to go afterwards: an address of this site only."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if asked and safe else resolve_url(settings.LOGIN_REDIRECT_URL)


sign_out = LogoutView.as_view()
