"""What signing in asks for after the first factor: a second one, adding one, a new password."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from access.caller import Caller
from access.operations import change_password
from access.signon import mfa, signin
from access.signon.signin import Factor, Pending, Step
from base.clock import now
from base.errors import OperationError
from console.web import forms_signin as forms
from console.web.forms import mark
from console.web.own import Seed, drop_seed, keep_seed, kept_seed, passkeys_work, qr, site_of
from console.web.session import go_on, limited, refusal

FIRST_DEVICE = "phone"

View = Callable[[HttpRequest, Pending], HttpResponse]


def step(name: Step) -> Callable[[View], Callable[[HttpRequest], HttpResponse]]:
    """A page for whoever is half signed in and has to take this step; others are sent where they belong."""

    def wrap(view: View) -> Callable[[HttpRequest], HttpResponse]:
        @wraps(view)
        @never_cache
        @csrf_protect
        def answer(request: HttpRequest) -> HttpResponse:
            half = signin.pending(request)
            if half is None:
                return redirect("sign-in")
            if half.step != name:
                return go_on(request, signin.advance(request))
            return view(request, half)

        return cast(Callable[[HttpRequest], HttpResponse], answer)

    return wrap


@sensitive_post_parameters("code", "credential")
@step("factor")
def factor(request: HttpRequest, half: Pending) -> HttpResponse:
    """A code of the app, a passkey, or a recovery code."""
    factors = mfa.factors_of(half.user)
    kind = _asked_factor(request, factors)
    context: dict[str, Any] = {
        "half": half,
        "factors": factors,
        "kind": kind,
        "passkeys_work": passkeys_work(request),
        "trouble": "",
    }
    if request.method != "POST":
        return render(request, "web/signin/factor.html", context)
    answer = request.POST.get("credential" if kind == "passkey" else "code", "")[:20_000]
    challenge = signin.take_challenge(request) if kind == "passkey" else ""
    outcome = signin.try_factor(request, kind, answer, challenge, site_of(request))
    if outcome.user is not None:
        return go_on(request, outcome)
    wrong = {
        "totp": _("This is not the code that the app shows now, or it was used already."),
        "recovery": _("This is not one of your unused recovery codes."),
        "passkey": _("This passkey is not one of yours."),
    }[kind]
    context["trouble"] = refusal(outcome, wrong)
    status = 429 if outcome.wait else 401
    return limited(render(request, "web/signin/factor.html", context, status=status), outcome)


@sensitive_post_parameters("code")
@step("enrol")
def enrol(request: HttpRequest, half: Pending) -> HttpResponse:
    """Everybody must have a second factor, and this person has none: an app is added here, and codes are shown."""
    caller = Caller.for_user(half.user, face="console", request=request)
    form = forms.CodeForm(request.POST or None)
    made = kept_seed(request)
    if request.method == "POST" and made is not None:
        if form.is_valid():
            try:
                mfa.enable_mfa_device(
                    caller,
                    username=half.user.username,
                    name=FIRST_DEVICE,
                    authentication_code=form.cleaned_data["code"],
                )
            except OperationError as error:
                mark(form, error, {"authentication_code": "code"})
            else:
                return _welcome(request, half)
    else:
        issued = mfa.create_virtual_mfa_device(caller, username=half.user.username, name=FIRST_DEVICE)
        keep_seed(request, issued)
        made = Seed(issued.device.name, issued.seed, issued.uri)
    context = {"half": half, "form": form, "seed": made.seed, "qr": qr(made.uri)}
    return render(request, "web/signin/enrol.html", context, status=400 if form.errors else 200)


def _welcome(request: HttpRequest, half: Pending) -> HttpResponse:
    """In, with a second factor; the recovery codes are on this page and nowhere else."""
    drop_seed(request)
    signin.note_factor(request)
    outcome = signin.advance(request)
    caller = Caller.for_user(half.user, face="console", request=request, mfa=now())
    issued = mfa.create_recovery_codes(caller, username=half.user.username)
    onward = go_on(request, outcome)["Location"]
    return render(request, "web/signin/codes.html", {"codes": issued.codes, "onward": onward})


@sensitive_post_parameters("current", "new", "again")
@step("password")
def password(request: HttpRequest, half: Pending) -> HttpResponse:
    """The password is older than the account lets one become."""
    form = forms.PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        caller = Caller.for_user(half.user, face="console", request=request)
        try:
            changed = change_password(
                caller,
                current_password=form.cleaned_data["current"],
                new_password=form.cleaned_data["new"],
            )
        except OperationError as error:
            mark(form, error, {"current_password": "current", "new_password": "new"})
        else:
            signin.note_new_password(request, changed)
            return go_on(request, signin.advance(request))
    context = {"half": half, "form": form}
    return render(request, "web/signin/expired.html", context, status=400 if form.errors else 200)


def _asked_factor(request: HttpRequest, factors: mfa.Factors) -> Factor:
    """What the page asks for: what the address says, or the best the person has."""
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    if asked == "recovery" and factors.recovery:
        return "recovery"
    if asked in ("totp", "passkey") and getattr(factors, asked):
        return cast(Factor, asked)
    return "totp" if factors.totp else "passkey"
