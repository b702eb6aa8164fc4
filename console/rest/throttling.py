"""Rate limits of REST: per identity over all web processes, and per address for tokens that are not good."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from base import rates


class IdentityThrottle(BaseThrottle):
    """SLIPWAY_REST_PER_MINUTE requests in a minute of one user; who is nobody counts by address."""

    waiting = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        user = request.user
        who = (
            f"user:{user.pk}"
            if user is not None and user.is_authenticated
            else f"address:{_address(request)}"
        )
        self.waiting = rates.hit("rest", who, settings.SLIPWAY_REST_PER_MINUTE)
        return not self.waiting

    def wait(self) -> float | None:
        return math.ceil(self.waiting) if self.waiting else None


def refuse_guessing(request: Request) -> None:
    """Raises Throttled for an address from which too many bad tokens came in the last minute: before the database is
    asked, and whether or not this one is good."""
    wait = rates.hit("bad-token", _address(request), settings.SLIPWAY_BAD_TOKENS_PER_MINUTE, count=0)
    if wait:
        raise Throttled(wait=math.ceil(wait))


def note_bad_token(request: Request) -> None:
    rates.hit("bad-token", _address(request), settings.SLIPWAY_BAD_TOKENS_PER_MINUTE)


def _address(request: Request) -> str:
    return str(getattr(request._request, "source_ip", ""))
