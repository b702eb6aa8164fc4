"""The figures beside the navigation's entries. Kept for some seconds per person: they are a hint, not the truth."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest


def of_navigation(request: HttpRequest) -> Mapping[str, int]:
    """Address name to count, of what this person may see. Empty for who is not signed in."""
    return {}
