"""The AWS face as an ASGI application: beside Django's, on the same port, so that a call passes none of the console's
middleware. The chain of one call: read, authenticate, limit, find the operation, check, call, render.

Nothing before `authenticate` looks at what is asked; nothing after it runs for a request that is not rightly signed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from access.caller import Caller
from base.errors import OperationError
from base.threads import RecentFirst
from console.aws import faces, limits  # noqa: F401 - faces registers what answers
from console.aws.checks import Invalid, WrongType
from console.aws.errors import WireError, common, invalid, of_operation, unsupported
from console.aws.handlers import handler
from console.aws.identity import authenticate
from console.aws.models import Operation
from console.aws.protocols import Answer, answer, error_answer, operation_of, parameters, protocol_of
from console.aws.request import WireRequest

logger = logging.getLogger(__name__)


def respond(request: WireRequest) -> Answer:
    """One call, from request to answer. Never raises."""
    protocol = protocol_of(request)
    try:
        caller, signed_for = authenticate(request, protocol)
        operation = operation_of(request, signed_for)
        limits.check(caller, operation)
        return answer(operation, run(caller, operation, request), request.request_id)
    except WireError as error:
        return error_answer(error, protocol, request.request_id)
    except Exception:
        logger.exception("an AWS call failed, request id %s", request.request_id)
        told = "The request processing has failed because of an unknown error, exception or failure."
        return error_answer(common("failed", told, protocol), protocol, request.request_id)


def run(caller: Caller, operation: Operation, request: WireRequest) -> Mapping[str, Any] | None:
    """Check the parameters and call what answers the operation. Raises WireError."""
    protocol = operation.service.protocol
    try:
        given = parameters(request, operation)
    except WrongType as error:
        raise common("not-readable", str(error), protocol) from None
    except Invalid as error:
        raise invalid(str(error), operation) from None
    found = handler(operation.service.name, operation.name)
    if found is None:
        raise unsupported(f"{operation.name} is not supported by this release of Slipway.", operation)
    refused = found.refused(operation, given)
    if refused:
        told = f"{', '.join(refused)}: not supported by this release of Slipway in {operation.name}."
        raise unsupported(told, operation)
    try:
        return found.run(caller, given)
    except OperationError as error:
        raise of_operation(error, operation) from None


# ---- ASGI ------------------------------------------------------------------------------------------

_threads = RecentFirst(8, "aws")
"""A call waits for the database as a page does. A connection belongs to its thread while it runs."""


async def application(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """ASGI, for requests that `request.is_aws`. The body has passed console.gate."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    request = WireRequest.of_scope(
        scope, body, source_ip=_address(scope), secure=_secure(scope), request_id=str(uuid.uuid4())
    )
    found = await asyncio.get_running_loop().run_in_executor(_threads, _in_thread, request)
    await send_answer(send, found, request.request_id)


def _in_thread(request: WireRequest) -> Answer:
    try:
        return respond(request)
    finally:
        _let_go()


def _let_go() -> None:
    """What Django does with connections after a request; there is one, which `close_old_connections` would look for
    twice a call. These threads are few and stay, so each keeps its connection to SQLite, which opening takes as long as
    a call's questions. Broken ones are closed all the same; PostgreSQL's come from a pool."""
    own = connections[DEFAULT_DB_ALIAS]
    if own.vendor == "sqlite":
        own.close_at = None
    own.close_if_unusable_or_obsolete()


async def send_answer(send: Any, found: Answer, request_id: str) -> None:
    headers = [
        (b"content-type", found.content_type.encode()),
        (b"content-length", str(len(found.body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode("ascii", "replace")) for name, value in found.headers),
    ]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": found.body})


def _address(scope: Mapping[str, Any]) -> str:
    """As access.middleware.source_ip: a proxy's word is taken only where the operator has said that there is one."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    if settings.BEHIND_TLS:
        address = _header(scope, b"x-forwarded-for").rpartition(",")[2].strip() or address
    return _in_one_form(address)


@lru_cache(maxsize=1024)
def _in_one_form(address: str) -> str:
    """Empty for what is no address."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


def _secure(scope: Mapping[str, Any]) -> bool:
    return scope.get("scheme") == "https" or (
        settings.BEHIND_TLS and _header(scope, b"x-forwarded-proto") == "https"
    )


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
