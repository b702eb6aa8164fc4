"""The forms of signing in and of one's own security."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


def _secret(label: Any, autocomplete: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=4096, widget=widget)


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code of the app"),
        max_length=16,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )


class NewPasswordForm(forms.Form):
    """A new password, twice. The rules are the operation's."""

    new = _secret(gettext_lazy("New password"), "new-password")
    again = _secret(gettext_lazy("New password, again"), "new-password")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "new" in cleaned and "again" in cleaned and cleaned["new"] != cleaned["again"]:
            self.add_error("again", _("The two are not the same."))
        return cleaned


class PasswordForm(NewPasswordForm):
    current = _secret(gettext_lazy("Current password"), "current-password")
    field_order = ("current", "new", "again")


class NameForm(forms.Form):
    """The name of a device, a passkey, a token."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64)


class TokenForm(NameForm):
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires"),
        coerce=int,
        initial=90,
        choices=[
            (30, gettext_lazy("in 30 days")),
            (90, gettext_lazy("in 90 days")),
            (365, gettext_lazy("in one year")),
            (0, gettext_lazy("never")),
        ],
    )


class ForgottenForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=128,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
