"""Invitations and forgotten passwords: the pages behind a link, and asking for one."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from access import guards
from access.signon import links, signin
from base import jobs_by_name
from base.cipher import decrypt, encrypt
from base.errors import OperationError
from console.web.forms import mark
from console.web.forms_signin import ForgottenForm, NewPasswordForm
from console.web.session import go_on, limited, refusal

_LINK = "slipway_link"


@never_cache
def open_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Keeps the secret in the session and out of every further address, log and Referer."""
    request.session[_LINK] = encrypt(secret)  # the session is a row
    return redirect("welcome")


@never_cache
@csrf_protect
@sensitive_post_parameters("new", "again")
def welcome(request: HttpRequest) -> HttpResponse:
    """Choose a password. Second factors, if there are any, are asked for at the sign-in that follows."""
    kept = request.session.get(_LINK)
    secret = decrypt(kept) if kept else ""
    link = links.find(secret) if secret else None
    if link is None:
        request.session.pop(_LINK, None)
        return render(request, "web/signin/link_void.html", status=410)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = links.use(secret, form.cleaned_data["new"])
        except OperationError as error:
            mark(form, error, {"password": "new"})
        else:
            request.session.pop(_LINK, None)
            if user is None:
                return render(request, "web/signin/link_void.html", status=410)
            outcome = signin.sign_in(request, user.username, form.cleaned_data["new"])
            return go_on(request, outcome) if outcome.user is not None else redirect("sign-in")
    status = 400 if form.errors else 200
    return render(request, "web/signin/welcome.html", {"form": form, "link": link}, status=status)


@never_cache
@csrf_protect
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail. The answer says nothing about who exists and takes as long for everybody: a job looks."""
    if not settings.SLIPWAY_MAIL_URL:
        raise Http404
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["username"].strip()
        # Every request counts as a failure: a person needs one link, not a hundred.
        source = getattr(request, "source_ip", "")
        keys = [(guards.key("reset", name.lower()), guards.FREE_TRIES), guards.of_address(source)]
        if wait := guards.charge(keys):
            outcome = signin.SignIn(wait=wait)
            form.add_error(None, refusal(outcome, ""))
            return limited(render(request, "web/signin/forgotten.html", {"form": form}, status=429), outcome)
        origin = settings.SLIPWAY_URL or f"{request.scheme}://{request.get_host()}"
        jobs_by_name.send("console.mail_reset", name, origin, get_language() or "en")
        return render(request, "web/signin/forgotten_sent.html")
    return render(request, "web/signin/forgotten.html", {"form": form}, status=400 if form.errors else 200)
