"""Signing in: by password, by passkey, or by a provider; then whatever else the account asks for.

    first factor  ->  second factor  ->  a second factor to be added, if all must have one
                  ->  a new password, if the old one is too old  ->  the session is the user's

Each step is limited and recorded; until the last one is taken the session is nobody's. Wrong names and wrong passwords
get the same answer in the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from django.contrib.auth import authenticate
from django.http import HttpRequest

from access import guards
from access.caller import user_agent_of
from access.guards import FREE_TRIES, FREE_TRIES_OF_ADDRESS
from access.models import AuditRecord, User
from access.signon import mfa, passkeys, passwords, sessions
from access.signon.sessions import Method
from access.trail import audit
from base import here
from base.clock import now

__all__ = [
    "ACTION",
    "FREE_TRIES",
    "FREE_TRIES_OF_ADDRESS",
    "Pending",
    "SignIn",
    "Step",
    "advance",
    "forget_guards",
    "forgive",
    "pending",
    "refuse",
    "sign_in",
    "sign_in_by_passkey",
    "start",
    "try_factor",
]

ACTION = "signin:ConsoleLogin"
FACTOR_ACTION = "signin:CheckMfa"
PENDING_FOR = timedelta(minutes=10)
_PENDING = "slipway_pending_sign_in"
_CHALLENGE = "slipway_passkey_challenge"

Step = Literal["", "factor", "enrol", "password"]
"""What is still to be done; "": nothing, the session is the user's."""
Factor = Literal["totp", "passkey", "recovery"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """`user` when the try was good, `step` what is asked of them next. `wait` in seconds when it must not be tried
    again yet."""

    user: User | None = None
    wait: int = 0
    step: Step = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody half signed in: known, not in. `mfa`: a second factor has been given."""

    user: User
    method: Method
    mfa: bool
    step: Step


# --- the first factor ------------------------------------------------------------------------------------


def sign_in(request: HttpRequest, username: str, password: str) -> SignIn:
    """Try a name and a password."""
    username = username.strip()[:128]
    keys = guards.of_name(username, _source(request))
    if wait := guards.charge(keys):
        return SignIn(wait=wait)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        # A wrong name is kept only when it is somebody's: people type their passwords into the wrong field.
        known = User.objects.filter(username=username).first()
        refuse(request, known, "password", "Wrong name or password, or a deactivated user.")
        return SignIn()
    guards.refund(keys)
    return start(request, user, "password", factor_given=False)


def sign_in_by_passkey(request: HttpRequest, credential: str, challenge: str, site: passkeys.Site) -> SignIn:
    """Try a passkey that names its user itself. It has verified its person, so it is both factors at once."""
    keys = [guards.of_address(_source(request))]
    if wait := guards.charge(keys):
        return SignIn(wait=wait)
    user = passkeys.check(credential, challenge, site)
    if user is None:
        refuse(request, None, "passkey", "The passkey is unknown or its signature is wrong.")
        return SignIn()
    guards.give_back([key for key, _ in keys])
    return start(request, user, "passkey", factor_given=True)


def start(request: HttpRequest, user: User, method: Method, *, factor_given: bool) -> SignIn:
    """The first factor was good: go as far as that leads."""
    request.session.cycle_key()
    request.session[_PENDING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "method": method,
        "mfa": factor_given,
        "at": now().isoformat(),
    }
    return advance(request)


# --- the steps between ---------------------------------------------------------------------------------


def pending(request: HttpRequest) -> Pending | None:
    """Who is half signed in here, and what is asked of them; None if nobody, or not any more. A password changed
    meanwhile, or the user's end, ends it."""
    kept = request.session.get(_PENDING)
    if not kept or datetime.fromisoformat(kept["at"]) + PENDING_FOR <= now():
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != kept["password"]:
        return None
    method = cast(Method, kept["method"])
    return Pending(user, method, kept["mfa"], _next_step(user, method, kept["mfa"]))


def advance(request: HttpRequest) -> SignIn:
    """Take the step that is due: the last one opens the session. Nobody half signed in: SignIn()."""
    found = pending(request)
    if found is None:
        request.session.pop(_PENDING, None)
        return SignIn()
    if found.step:
        return SignIn(user=found.user, step=found.step)
    request.session.pop(_PENDING, None)
    request.session.pop(_CHALLENGE, None)
    sessions.begin(request, found.user, found.method, mfa=found.mfa)
    _record(request, found.user, found.method, mfa=found.mfa)
    return SignIn(user=found.user)


def try_factor(
    request: HttpRequest,
    factor: Factor,
    answer: str,
    challenge: str = "",
    site: passkeys.Site | None = None,
) -> SignIn:
    """Try a second factor of whoever is half signed in here: a code, a recovery code, or a passkey's answer."""
    found = pending(request)
    if found is None or found.step != "factor":
        return SignIn()
    keys = guards.of_factor(found.user.pk, _source(request))
    if wait := guards.charge(keys):
        return SignIn(wait=wait)
    if not _is_good(found.user, factor, answer, challenge, site):
        refuse(request, found.user, factor, "Wrong second factor.", action=FACTOR_ACTION)
        return SignIn()
    guards.refund(keys)
    note_factor(request)
    _record(request, found.user, factor, mfa=True, action=FACTOR_ACTION)
    return advance(request)


def note_factor(request: HttpRequest) -> None:
    """A second factor has been given by whoever is half signed in."""
    request.session[_PENDING] = request.session[_PENDING] | {"mfa": True}


def note_new_password(request: HttpRequest, user: User) -> None:
    """Whoever is half signed in has just changed their password, as they had to."""
    request.session[_PENDING] = request.session[_PENDING] | {"password": user.get_session_auth_hash()}


def _is_good(user: User, factor: Factor, answer: str, challenge: str, site: passkeys.Site | None) -> bool:
    if factor == "totp":
        return mfa.check_code(user, answer)
    if factor == "recovery":
        return mfa.check_recovery_code(user, answer)
    return site is not None and passkeys.check(answer, challenge, site, user) is not None


def _next_step(user: User, method: Method, given: bool) -> Step:
    if not given:
        if mfa.factors_of(user).any:
            return "factor"
        if passwords.policy().require_mfa:
            return "enrol"
    return "password" if method == "password" and passwords.has_expired(user) else ""


# --- a challenge in between ----------------------------------------------------------------------------


def keep_challenge(request: HttpRequest, challenge: str) -> None:
    """Until the browser answers it, once, within the time that a person half signed in has."""
    request.session[_CHALLENGE] = {"challenge": challenge, "at": now().isoformat()}


def take_challenge(request: HttpRequest) -> str:
    """The challenge this browser was given, and never again; "" if there is none."""
    kept = request.session.pop(_CHALLENGE, None)
    if not kept or datetime.fromisoformat(kept["at"]) + PENDING_FOR <= now():
        return ""
    return str(kept["challenge"])


# --- records -------------------------------------------------------------------------------------------


def refuse(request: HttpRequest, user: User | None, method: str, why: str, *, action: str = ACTION) -> None:
    """Leave the record of a try that failed; `user` only when it is known who was meant."""
    _record(request, user, method, mfa=False, error=why, action=action)


def _record(
    request: HttpRequest, user: User | None, method: str, *, mfa: bool, error: str = "", action: str = ACTION
) -> None:
    arn = user.arn if user is not None else ""
    record = AuditRecord(
        request_id=getattr(request, "request_id", ""),
        actor_arn=arn,
        actor_name=user.username if user is not None else "unknown",
        face="console",
        source_ip=_source(request),
        user_agent=user_agent_of(request),
        mfa=mfa,
        operation="sign_in",
        action=action,
        resource=arn or here.user_arn("unknown"),
        resources=[arn] if arn else [],
        result=AuditRecord.Result.FAILED if error else AuditRecord.Result.SUCCESS,
        error_code="FailedAuthentication" if error else "",
        error_message=error,
        parameters={"method": method, "mfaUsed": mfa},
    )
    audit.write(record)


def _source(request: HttpRequest) -> str:
    return str(getattr(request, "source_ip", ""))


def note(request: HttpRequest, user: User, method: str, action: str) -> None:
    """Leave the record of something else that somebody did about their own sign-in."""
    _record(request, user, method, mfa=False, action=action)


def forgive() -> None:
    """Forget every failure: for the command that resets a password."""
    guards.forgive()


def forget_guards() -> int:
    """Delete what no longer makes anybody wait; returns how many."""
    return guards.forget()
