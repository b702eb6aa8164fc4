"""Form fields that several pages share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class PairsField(forms.CharField):
    """`key=value`, one a line, as a dictionary."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "team=shop"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"required": False} | options))

    def to_python(self, value: Any) -> Any:
        pairs: dict[str, str] = {}
        for number, line in enumerate((value or "").splitlines(), 1):
            if not line.strip():
                continue
            key, equals, rest = line.partition("=")
            if not equals or not key.strip():
                raise forms.ValidationError(_("Line %(number)d is not key=value.") % {"number": number})
            if key.strip() in pairs:
                raise forms.ValidationError(_("%(key)s is there twice.") % {"key": key.strip()})
            pairs[key.strip()] = rest.strip()
        return pairs

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise forms.ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Those of CharField are for text."""


class TagsField(PairsField):
    def __init__(self, **options: Any) -> None:
        defaults = {
            "label": gettext_lazy("Tags"),
            "help_text": gettext_lazy("key=value, one a line. Optional."),
        }
        super().__init__(**(defaults | options))
