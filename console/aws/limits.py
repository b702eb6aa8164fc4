"""How much one identity may ask of an operation: SLIPWAY_AWS_LIMITS, nothing by default."""

from __future__ import annotations

from fnmatch import fnmatchcase

from django.conf import settings

from access.caller import Caller
from base import rates
from console.aws.errors import common
from console.aws.models import Operation


def check(caller: Caller, operation: Operation) -> None:
    """Raises ThrottlingException for the call that is one too many in this minute."""
    if not settings.SLIPWAY_AWS_LIMITS:
        return
    name = f"{operation.service.name}:{operation.name}"
    for pattern, most in settings.SLIPWAY_AWS_LIMITS.items():
        if fnmatchcase(name, pattern) and rates.hit(f"aws:{pattern}", caller.arn, most):
            raise common(
                "throttled",
                f"Rate exceeded: {pattern} is limited to {most} a minute.",
                operation.service.protocol,
            )
