"""Putting an operation's refusal back on the form it came from."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from base.errors import OperationError


def mark(form: forms.BaseForm, error: OperationError, names: Mapping[str, str]) -> None:
    """Show `error` on the fields it names. `names`: path of the operation's parameter, or how it begins, -> field of
    the form; what has no field stands above the form, with its path."""
    if not error.fields:
        form.add_error(None, str(error))
    for path, reason in error.fields.items():
        field = next(
            (name for start, name in names.items() if path == start or path.startswith(f"{start}.")), None
        )
        form.add_error(field, reason if field else f"{path}: {reason}" if path else reason)
