"""From a signature to a caller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest

from access.caller import Caller
from access.identities.keys import find_key, has_expired
from access.identities.sts import caller_of
from access.trail import refused
from base import rates
from base.clock import now
from console.aws import sigv4
from console.aws.errors import WireError, common
from console.aws.models import Protocol
from console.aws.request import WireRequest

_MISSING = {"json": "Missing Authentication Token", "query": "Request is missing Authentication Token"}
_UNKNOWN = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"


def authenticate(request: WireRequest, protocol: Protocol) -> tuple[Caller, str]:
    """The caller who signed the request, and the service it was signed for. Raises WireError.

    One query for the key and one for what decides for its bearer. Any region is taken as this one.
    """
    try:
        what = sigv4.signed(request)
        sigv4.check_time(what, now())
    except sigv4.Unsigned:
        raise common("missing", _MISSING[protocol], protocol) from None
    except sigv4.Incomplete as error:
        raise common("incomplete", str(error), protocol) from None
    except sigv4.Wrong as error:
        raise common("wrong", str(error), protocol) from None
    _refuse_flood(request, protocol)
    credential = find_key(what.key_id, what.token, service=what.service, region=what.region)
    if credential is None:
        if what.token and has_expired(what.key_id, what.token):
            raise common("expired", _EXPIRED, protocol)
        raise _noted(request, what, common("unknown-key", _UNKNOWN, protocol))
    try:
        sigv4.check_signature(what, request, credential.secret)
    except sigv4.Wrong as error:
        raise _noted(request, what, common("wrong", str(error), protocol)) from None
    return caller_of(credential, face="aws", request=_http(request)), what.service


def _refuse_flood(request: WireRequest, protocol: Protocol) -> None:
    """As REST does with bad tokens. Only addresses that have sent bad signatures are counted at all."""
    if request.source_ip in _suspects and rates.hit(
        "bad-token", request.source_ip, settings.SLIPWAY_BAD_TOKENS_PER_MINUTE, count=0
    ):
        raise common("throttled", "Too many requests with bad signatures came from this address.", protocol)


_suspects: set[str] = set()
"""Addresses from which this process has seen a bad signature: nobody else costs a question to Redis."""
_MOST_SUSPECTS = 10_000


def _noted(request: WireRequest, what: sigv4.Signed, error: WireError) -> WireError:
    """Counted and left in the audit trail, unless a flood of them comes."""
    if len(_suspects) >= _MOST_SUSPECTS:
        _suspects.clear()
    _suspects.add(request.source_ip)
    if not rates.hit("bad-token", request.source_ip, settings.SLIPWAY_BAD_TOKENS_PER_MINUTE):
        refused.record_bad_signature(_http(request), what.key_id, error.code)
    return error


def _http(request: WireRequest) -> HttpRequest:
    """What access wants to know of a request: where it comes from, by which client, over TLS or not."""
    facts: Any = SimpleNamespace(
        source_ip=request.source_ip,
        request_id=request.request_id,
        META={"HTTP_USER_AGENT": request.header("user-agent")},
        is_secure=lambda: request.secure,
    )
    return cast(HttpRequest, facts)
