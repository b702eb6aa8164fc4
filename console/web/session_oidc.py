"""Sign-on by the provider of the settings: there, and back."""

from __future__ import annotations

import logging

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from access import guards
from access.models import User
from access.signon import oidc, oidc_accounts, signin
from access.signon.oidc import OidcFailure, Person, Provider
from access.signon.oidc_accounts import NotWelcome
from console.web.session import TARGET, asked_target, go_on, limited, refusal

log = logging.getLogger(__name__)
_CONNECT = "slipway_oidc_connect"


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    """To the provider. A person who is signed in connects their user here with the one there."""
    provider = _provider()
    # A provider that does not answer costs a thread for a while: nobody makes us ask it again and again.
    keys = [guards.of_address(getattr(request, "source_ip", ""))]
    if wait := guards.charge(keys):
        return _wait(request, wait, provider)
    try:
        url = oidc.authorization_url(request, provider, request.build_absolute_uri(reverse("oidc-callback")))
    except OidcFailure as error:
        return _failed(request, error, provider)
    guards.give_back([key for key, _free in keys])
    request.session[_CONNECT] = request.user.pk if request.user.is_authenticated else None
    if not request.user.is_authenticated:
        request.session[TARGET] = asked_target(request)
    return redirect(url)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the provider, with a code or with a refusal."""
    provider = _provider()
    keys = [guards.of_address(getattr(request, "source_ip", ""))]
    if wait := guards.charge(keys):
        return _wait(request, wait, provider)
    try:
        person = oidc.finish(request, provider)
    except OidcFailure as error:
        return _failed(request, error, provider)
    guards.give_back([key for key, _free in keys])
    connecting = request.session.pop(_CONNECT, None)
    if request.user.is_authenticated:
        return (
            _connect(request, request.user, person) if connecting == request.user.pk else redirect("overview")
        )
    try:
        user = oidc_accounts.user_of(person, provider)
    except NotWelcome as error:
        signin.refuse(request, None, "oidc", f"Not welcome: {error.reason}.")
        return _say(request, _not_welcome(error, person, provider), provider, 403)
    return go_on(request, signin.start(request, user, "oidc", factor_given=person.mfa))


def _connect(request: HttpRequest, user: User, person: Person) -> HttpResponse:
    try:
        oidc_accounts.connect(user, person)
    except NotWelcome:
        messages.error(request, _("That account is somebody else's here already."))
    else:
        signin.note(request, user, "oidc", "slipway:ConnectSignOn")
        messages.success(request, _("Connected: from now on you can sign in this way too."))
    return redirect("own-security")


def _provider() -> Provider:
    provider = oidc.provider()
    if provider is None:
        raise Http404
    return provider


def _wait(request: HttpRequest, wait: int, provider: Provider) -> HttpResponse:
    outcome = signin.SignIn(wait=wait)
    return limited(_say(request, refusal(outcome, ""), provider, 429), outcome)


def _failed(request: HttpRequest, error: OidcFailure, provider: Provider) -> HttpResponse:
    log.warning("sign-on by %s failed: %s", provider.issuer, error)
    signin.refuse(request, None, "oidc", str(error))
    text = _("%(provider)s could not sign you in. Try again; if it stays so, tell an administrator.")
    return _say(request, text % {"provider": provider.name}, provider, 401)


def _not_welcome(error: NotWelcome, person: Person, provider: Provider) -> str:
    values = {"provider": provider.name, "name": person.username}
    said = {
        "deactivated": _("Your user is deactivated. Ask an administrator."),
        "no-group": _("None of your groups at %(provider)s opens anything here. Ask an administrator."),
        "name-taken": _(
            "There is a user %(name)s here already. Sign in as it once, and connect it with %(provider)s under "
            "“My security”."
        ),
    }
    return (
        said.get(error.reason, _("Your name at %(provider)s cannot be used here. Ask an administrator."))
        % values
    )


def _say(request: HttpRequest, text: str, provider: Provider, status: int) -> HttpResponse:
    context = {"trouble": text, "provider": provider.name}
    return render(request, "web/signin/refused.html", context, status=status)
