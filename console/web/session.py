"""Signing in and out. The tries, the waits and the records are access.signin's."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from access import signin
from console.web import words


class SignInForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=128,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
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
    target = _target(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect(target)
        return _show(request, SignInForm(), target, 200)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _show(request, form, target, 400)
    outcome = signin.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
    if outcome.user is not None:
        return redirect(target)
    if outcome.wait:
        form.add_error(
            None, _("Too many tries. Wait %(time)s, then try again.") % {"time": words.duration(outcome.wait)}
        )
        response = _show(request, form, target, 429)
        response["Retry-After"] = str(outcome.wait)
        return response
    form.add_error(None, _("The user name or the password is not right."))
    return _show(request, form, target, 401)


def _show(request: HttpRequest, form: SignInForm, target: str, status: int) -> HttpResponse:
    return render(request, "web/sign_in.html", {"form": form, "next": target}, status=status)


def _target(request: HttpRequest) -> str:
    """Where to go afterwards: an address of this site only."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if asked and safe else resolve_url(settings.LOGIN_REDIRECT_URL)


sign_out = LogoutView.as_view()
