"""The part of forms that says whether terminals may be opened in the tasks to be started (enableExecuteCommand)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

_ALLOWED, _NOT = "yes", "no"


class TerminalForm(forms.Form):
    terminals = forms.ChoiceField(
        label=gettext_lazy("Terminals"),
        choices=((_NOT, gettext_lazy("Not allowed")), (_ALLOWED, gettext_lazy("Allowed"))),
        initial=_NOT,
        required=False,
        help_text=gettext_lazy(
            "In tasks started from now on, for those with the permission ecs:ExecuteCommand."
        ),
    )

    TERMINAL_PATHS: ClassVar[dict[str, str]] = {"enableExecuteCommand": "terminals"}

    @staticmethod
    def terminals_of(*, allowed: bool) -> str:
        """The field's value."""
        return _ALLOWED if allowed else _NOT

    @staticmethod
    def terminal_parameters(given: Mapping[str, Any]) -> dict[str, bool]:
        """The operation's parameter; none where the form did not ask."""
        return {"enable_execute_command": given["terminals"] == _ALLOWED} if given["terminals"] else {}
