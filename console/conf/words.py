"""Settings that are one of a few words."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


def one_of(name: str, value: str, *words: str) -> None:
    """Raises ImproperlyConfigured, naming the variable, for any other word."""
    if value not in words:
        raise ImproperlyConfigured(f"{name}={value}: must be one of {', '.join(words)}")
