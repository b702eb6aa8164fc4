"""The account's rules for passwords, and the one place where a password is given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.caller import Caller
from access.models import User
from access.registry import operation
from access.signon.models import PasswordPolicy, PastPassword
from access.signon.sessions import end_all
from access.trail import audit
from base.clock import now
from base.errors import InvalidParameter, invalid, invalid_fields

# IAM's own set of symbols.
_SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")
_BOUNDS = {
    "minimum_password_length": (8, 128),
    "password_reuse_prevention": (0, 24),
    "max_password_age": (0, 1095),
}


def policy() -> PasswordPolicy:
    """The account's rules; the defaults when nobody has changed any."""
    return PasswordPolicy.objects.filter(key="account").first() or PasswordPolicy()


def give(user: User, password: str | None, field: str = "password") -> None:
    """Give a user a password (None: none, so no sign-in by password) after holding it to the rules; every browser of
    theirs is signed out. Saves `password` of a user who is saved. Raises InvalidParameter that names `field`."""
    if password is None:
        user.set_unusable_password()
        return
    if not isinstance(password, str):
        raise invalid(field, "must be text")
    rules = policy()
    reasons = problems(user, password, rules)
    if reasons:
        text = " ".join(reasons)
        raise InvalidParameter(text, fields={field: text})
    user.set_password(password)
    if user.pk is not None:
        remember(user)
        end_all(user)


def remember(user: User) -> None:
    """Keep the hash of the password just given, and no more of them than the longest rule could ask for."""
    PastPassword.objects.create(user=user, encoded=user.password)
    most = _BOUNDS["password_reuse_prevention"][1]
    old = PastPassword.objects.filter(user=user).values_list("pk", flat=True)[most:]
    PastPassword.objects.filter(pk__in=list(old)).delete()


def problems(user: User, password: str, rules: PasswordPolicy) -> list[str]:
    """What is wrong with a new password, in the reader's language; empty when nothing is."""
    found: list[str] = []
    try:
        validate_password(password, user)
    except ValidationError as error:
        found.extend(error.messages)
    length = rules.minimum_password_length
    if len(password) < length:
        found.append(
            ngettext(
                "It must have at least %(count)d character.",
                "It must have at least %(count)d characters.",
                length,
            )
            % {"count": length}
        )
    if rules.require_uppercase_characters and not any("A" <= one <= "Z" for one in password):
        found.append(_("It must have an upper-case letter (A to Z)."))
    if rules.require_lowercase_characters and not any("a" <= one <= "z" for one in password):
        found.append(_("It must have a lower-case letter (a to z)."))
    if rules.require_numbers and not any("0" <= one <= "9" for one in password):
        found.append(_("It must have a digit."))
    if rules.require_symbols and not _SYMBOLS.intersection(password):
        found.append(_("It must have one of ! @ # $ % ^ & * ( ) _ + - = [ ] { } | '"))
    if not found and _was_used(user, password, rules.password_reuse_prevention):
        found.append(_("It is one of the passwords you have had before."))
    return found


def has_expired(user: User) -> bool:
    """Whether the user's password is older than the rules let it become."""
    days = policy().max_password_age
    if not days or not user.has_usable_password():
        return False
    newest = PastPassword.objects.filter(user=user).first()
    given_at = newest.created_at if newest is not None else user.created_at
    return given_at + timedelta(days=days) <= now()


def _was_used(user: User, password: str, remembered: int) -> bool:
    if not remembered or user.pk is None:
        return False
    past = list(PastPassword.objects.filter(user=user).values_list("encoded", flat=True)[:remembered])
    return any(check_password(password, encoded) for encoded in {*past, user.password})


@operation("iam:GetAccountPasswordPolicy", resource="*", writes=False)
def get_account_password_policy(caller: Caller) -> PasswordPolicy:
    """The rules for the passwords of users, and whether signing in asks everybody for a second factor."""
    return policy()


@operation("iam:UpdateAccountPasswordPolicy", resource="*", writes=True)
def update_account_password_policy(
    caller: Caller,
    *,
    minimum_password_length: int | None = None,
    require_uppercase_characters: bool | None = None,
    require_lowercase_characters: bool | None = None,
    require_numbers: bool | None = None,
    require_symbols: bool | None = None,
    password_reuse_prevention: int | None = None,
    max_password_age: int | None = None,
    require_mfa: bool | None = None,
) -> PasswordPolicy:
    """Change the rules for passwords and second factors; what is not given stays. They hold from the next password,
    and from the next sign-in, on."""
    given = {
        "minimum_password_length": minimum_password_length,
        "require_uppercase_characters": require_uppercase_characters,
        "require_lowercase_characters": require_lowercase_characters,
        "require_numbers": require_numbers,
        "require_symbols": require_symbols,
        "password_reuse_prevention": password_reuse_prevention,
        "max_password_age": max_password_age,
        "require_mfa": require_mfa,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    wrong = {name: reason for name, value in wanted.items() if (reason := _wrong(name, value))}
    if wrong:
        raise invalid_fields(wrong)
    row, _created = PasswordPolicy.objects.select_for_update().get_or_create(key="account")
    for name, value in wanted.items():
        # The name would sound secret to the trail, and the rule is none.
        audit.note_change(name.replace("password_", ""), getattr(row, name), value)
        setattr(row, name, value)
    row.save()
    return row


def _wrong(name: str, value: Any) -> str:
    if name not in _BOUNDS:
        return "" if isinstance(value, bool) else "true or false"
    least, most = _BOUNDS[name]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if whole and least <= value <= most else f"a number between {least} and {most}"
