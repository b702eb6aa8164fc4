"""The two protocols: which operation a request names, its parameters, and the bodies of answers and errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from console.aws import forms
from console.aws.answers import escape
from console.aws.checks import WrongType
from console.aws.errors import WireError, common
from console.aws.models import Operation, Protocol, Service, by_signing_name, by_target
from console.aws.request import WireRequest

_ERRORS_JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


def protocol_of(request: WireRequest) -> Protocol:
    """What the client speaks, as far as can be told before anything is known: for the shape of the first errors."""
    if request.headers.get("x-amz-target") or request.header("content-type").startswith(
        "application/x-amz-json"
    ):
        return "json"
    return "query"


def operation_of(request: WireRequest, signed_for: str) -> Operation:
    """The operation that is called, of the service the request was signed for. Raises WireError."""
    protocol = protocol_of(request)
    if request.path not in ("", "/"):
        raise common("unknown-operation", "There is nothing at this path: requests go to /.", protocol)
    if protocol == "json":
        return _by_target(request, signed_for)
    return _by_action(request, signed_for)


def _by_target(request: WireRequest, signed_for: str) -> Operation:
    prefix, _, name = request.header("x-amz-target").rpartition(".")
    service = by_target(prefix) if prefix else None
    if request.method != "POST":
        raise common("unknown-operation", f"awsJson takes POST, not {request.method}.", "json")
    if service is None or name not in service.operations:
        raise common("unknown-operation", f"There is no operation {_shown(prefix)}.{_shown(name)}.", "json")
    if signed_for != service.signing_name:
        raise common(
            "wrong", f"Credential should be scoped to correct service: '{service.signing_name}'.", "json"
        )
    return service.operations[name]


def _by_action(request: WireRequest, signed_for: str) -> Operation:
    if request.method not in ("POST", "GET"):
        raise common("unknown-operation", f"Use POST, not {request.method}.", "query")
    given = dict(_pairs(request))
    action, version = given.get("Action", ""), given.get("Version", "")
    service = by_signing_name(signed_for)
    if service is None or service.protocol != "query":
        raise common(
            "unknown-operation", f"There is no service {_shown(signed_for)} in this protocol here.", "query"
        )
    if not action:
        raise WireError("MissingAction", "The request has no parameter Action.", 400)
    if action not in service.operations or (version and version != service.version):
        told = f"Could not find operation {_shown(action)} for version {_shown(version) or 'NO_VERSION_SPECIFIED'}."
        raise common("unknown-operation", told, "query")
    return service.operations[action]


def _pairs(request: WireRequest) -> list[tuple[str, str]]:
    try:
        return [*request.arguments, *(request.form if request.method == "POST" else [])]
    except ValueError:
        raise common("not-readable", "The body is not a form in UTF-8.", "query") from None


def parameters(request: WireRequest, operation: Operation) -> dict[str, Any]:
    """The call's parameters, checked against the model. Raises WrongType, Invalid, WireError."""
    if operation.service.protocol == "query":
        return operation.check(forms.parameters(operation.model.input_shape, _pairs(request)))
    try:
        given = json.loads(request.body.decode("utf-8") or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WrongType("The body is not JSON in UTF-8.") from None
    if not isinstance(given, dict):
        raise WrongType("The body must be a JSON object.")
    try:
        return operation.check(given)
    except RecursionError:
        raise WrongType("The body is nested too deeply.") from None


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def answer(operation: Operation, result: Any, request_id: str) -> Answer:
    rendered = operation.render(result or {})
    service = operation.service
    if service.protocol == "json":
        has_output = operation.model.output_shape is not None
        body = json.dumps(rendered, separators=(",", ":")).encode() if has_output else b""
        return Answer(200, service.content_type, body)
    text = _xml_answer(service, operation, rendered, request_id)
    return Answer(200, service.content_type, text.encode())


def _xml_answer(service: Service, operation: Operation, inner: str, request_id: str) -> str:
    wrapper = ""
    shape = operation.model.output_shape
    if shape is not None:
        tag = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        wrapper = f"<{tag}>{inner}</{tag}>"
    namespace = escape(str(service.model.metadata.get("xmlNamespace", "")))
    return (
        f'<{operation.name}Response xmlns="{namespace}">{wrapper}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
    )


def error_answer(error: WireError, protocol: Protocol, request_id: str) -> Answer:
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return Answer(error.status, _ERRORS_JSON, body, (("x-amzn-errortype", error.code),))
    whose = "Receiver" if error.status >= 500 else "Sender"
    text = (
        f"<ErrorResponse><Error><Type>{whose}</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Answer(error.status, "text/xml", text.encode())


def _shown(text: str) -> str:
    """What a client sent, short and printable."""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in text[:80])
