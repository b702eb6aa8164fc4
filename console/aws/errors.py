"""Errors as AWS's clients know them: which code, which HTTP status, for which protocol and operation."""

from __future__ import annotations

from dataclasses import dataclass

from base.errors import (
    AccessDenied,
    Conflict,
    InvalidParameter,
    LimitExceeded,
    NotFound,
    OperationError,
    ServerError,
    Throttled,
    Unsupported,
)
from console.aws.models import Operation, Protocol

_LONGEST = 2000


@dataclass
class WireError(Exception):
    """What the client gets. `status` is the HTTP status."""

    code: str
    message: str
    status: int = 400

    def __post_init__(self) -> None:
        self.message = self.message[:_LONGEST]
        super().__init__(f"{self.code}: {self.message}")


# Before an operation is known: kind -> (awsJson's code, the query protocol's code, its status there).
_COMMON = {
    "missing": ("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403),
    "incomplete": ("IncompleteSignatureException", "IncompleteSignature", 400),
    "unknown-key": ("UnrecognizedClientException", "InvalidClientTokenId", 403),
    "expired": ("ExpiredTokenException", "ExpiredToken", 403),
    "wrong": ("InvalidSignatureException", "SignatureDoesNotMatch", 403),
    "unknown-operation": ("UnknownOperationException", "InvalidAction", 400),
    "not-readable": ("SerializationException", "MalformedInput", 400),
    "invalid": ("ValidationException", "ValidationError", 400),
    "denied": ("AccessDeniedException", "AccessDenied", 403),
    "throttled": ("ThrottlingException", "Throttling", 400),
    "failed": ("InternalFailure", "InternalFailure", 500),
    "too-large": ("RequestEntityTooLargeException", "RequestEntityTooLarge", 413),
}


def common(kind: str, message: str, protocol: Protocol) -> WireError:
    """One of the errors that every service has."""
    json, query, status = _COMMON[kind]
    if protocol == "json":
        return WireError(json, message, status if status >= 413 else 400)
    return WireError(query, message, status)


# What an operation's refusal becomes where its own code is not among those the model lists: the first that is listed.
_INSTEAD: tuple[tuple[type[OperationError], tuple[str, ...]], ...] = (
    (Unsupported, ("UnsupportedFeatureException", "UnsupportedOperationException", "ClientException")),
    (NotFound, ("ResourceNotFoundException", "NoSuchEntity", "InvalidParameterException", "ClientException")),
    (
        LimitExceeded,
        ("LimitExceeded", "LimitExceededException", "ClientException", "InvalidRequestException"),
    ),
    (
        Conflict,
        (
            "ConflictException",
            "ResourceExistsException",
            "EntityAlreadyExists",
            "InvalidParameterException",
            "ClientException",
        ),
    ),
    (
        InvalidParameter,
        ("InvalidParameterException", "InvalidParameterValueException", "InvalidInput", "ClientException"),
    ),
    (ServerError, ("ServerException", "InternalServiceError", "InternalServerError", "ServiceFailure")),
    (OperationError, ("ClientException", "InvalidRequestException", "InvalidInput")),
)


def of_operation(error: OperationError, operation: Operation) -> WireError:
    """A refusal by the domain, with a code that this operation's model lists (or one that every service has)."""
    protocol = operation.service.protocol
    if isinstance(error, AccessDenied):
        return common("denied", error.message, protocol)
    if isinstance(error, Throttled):
        return common("throttled", error.message, protocol)
    listed = operation.errors
    for name in (error.code, f"{error.code}Exception"):
        if name in listed:
            return WireError(listed[name][0], error.message, listed[name][1])
    for family, names in _INSTEAD:
        if isinstance(error, family):
            for name in names:
                if name in listed:
                    return WireError(listed[name][0], error.message, listed[name][1])
    return common("failed" if isinstance(error, ServerError) else "invalid", error.message, protocol)


def invalid(message: str, operation: Operation) -> WireError:
    """A request that breaks the model."""
    return of_operation(InvalidParameter(message), operation)


def unsupported(message: str, operation: Operation) -> WireError:
    return of_operation(Unsupported(message), operation)
