"""Forms whose page follows them while they are filled in: static/js/choose.js puts what is filled in into the address,
and the fragments that depend on it are fetched anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest

F = TypeVar("F", bound=forms.Form)


def begin_with_address(form: forms.Form, request: HttpRequest) -> None:
    """Fields begin with what the address says of them."""
    form.initial.update({name: request.GET[name] for name in form.fields if name in request.GET})


def given_so_far(form: F, make: Callable[[Mapping[str, Any]], F]) -> tuple[F, dict[str, Any]]:
    """What the fields say now, as if it had been sent: the form, and its fields' values. What is missing or will not do
    is as the field is by itself. `make`: the same form, bound to these data."""
    said = {name: form[name].value() for name in form.fields}
    bound = make({name: value for name, value in said.items() if value not in (None, False)})
    bound.is_valid()
    return bound, {name: field.initial for name, field in bound.fields.items()} | bound.cleaned_data
