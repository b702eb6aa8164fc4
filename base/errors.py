"""What an operation answers when it refuses: one family of exceptions, with AWS's own error codes.

Faces turn an OperationError into their own shape: an htmx page, a REST error body, an awsJson error. The HTTP
`status` is REST's; the AWS wire face answers 400 to every client error and 500 to a server error, whatever the code.
"""

from __future__ import annotations

from collections.abc import Mapping


class OperationError(Exception):
    """A refusal or failure that a caller can understand.

    `code` is AWS's error code ("InvalidParameterException"), `message` a full sentence for people, `status` the HTTP
    status of REST, `fields` maps a field's path ("containerDefinitions[0].image") to what is wrong with it.
    Raising one inside an operation rolls its rows back.
    """

    code: str = "ServerException"
    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.fields: dict[str, str] = dict(fields or {})

    def __str__(self) -> str:
        return self.message


class InvalidParameter(OperationError):
    """The request itself is wrong; `fields` says where."""

    code = "InvalidParameterException"
    status = 400


class ClientError(OperationError):
    """The request is well-formed but cannot be done (AWS's ClientException)."""

    code = "ClientException"
    status = 400


class AccessDenied(OperationError):
    """The caller may not do `action` on `resource`.

    `missing` says what the decision rested on: "implicit-deny" (no statement allows it) or "explicit-deny" (a
    statement forbids it); `statement` is that statement's Sid, where it has one.
    """

    code = "AccessDeniedException"
    status = 403

    def __init__(
        self,
        message: str,
        *,
        action: str = "",
        resource: str = "",
        missing: str = "implicit-deny",
        statement: str = "",
    ) -> None:
        super().__init__(message)
        self.action = action
        self.resource = resource
        self.missing = missing
        self.statement = statement


class NotFound(OperationError):
    """Something named in the request does not exist. Use a subclass, or the factory helpers below."""

    code = "ResourceNotFoundException"
    status = 404


class ClusterNotFound(NotFound):
    code = "ClusterNotFoundException"


class ServiceNotFound(NotFound):
    code = "ServiceNotFoundException"


class ServiceNotActive(OperationError):
    """The service exists but is DRAINING or INACTIVE."""

    code = "ServiceNotActiveException"
    status = 409


class DaemonNotFound(NotFound):
    code = "DaemonNotFoundException"


class DaemonNotActive(OperationError):
    code = "DaemonNotActiveException"
    status = 409


class ServiceDeploymentNotFound(NotFound):
    code = "ServiceDeploymentNotFoundException"


class TaskSetNotFound(NotFound):
    code = "TaskSetNotFoundException"


class NoSuchEntity(NotFound):
    """IAM's not-found."""

    code = "NoSuchEntity"


class Conflict(OperationError):
    """Something else, done at the same time or before, forbids it now."""

    code = "ConflictException"
    status = 409


class EntityAlreadyExists(Conflict):
    """IAM's conflict of names."""

    code = "EntityAlreadyExists"


class ResourceInUse(Conflict):
    code = "ResourceInUseException"


class Unsupported(OperationError):
    """Known to AWS but not to this release; the message names it."""

    code = "UnsupportedFeatureException"
    status = 400


class Throttled(OperationError):
    """Too many at once; `retry_after` in seconds, when known."""

    code = "ThrottlingException"
    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LimitExceeded(OperationError):
    code = "LimitExceededException"
    status = 400


class ServerError(OperationError):
    """Our fault, or that of something we depend on; trying again may help."""

    code = "ServerException"
    status = 500


def invalid(field: str, message: str) -> InvalidParameter:
    """The usual refusal: one field, one reason. The message names the field too, for faces without fields."""
    return InvalidParameter(f"{field}: {message}", fields={field: message})


def invalid_fields(problems: Mapping[str, str]) -> InvalidParameter:
    """Every problem of a request at once: field path to reason. `problems` must not be empty."""
    return InvalidParameter(
        "; ".join(f"{path}: {reason}" for path, reason in problems.items()), fields=problems
    )


def cluster_not_found(name: str) -> ClusterNotFound:
    return ClusterNotFound(f"Cluster not found: {name}.", fields={"cluster": "not found"})


def service_not_found(name: str) -> ServiceNotFound:
    return ServiceNotFound(f"Service not found: {name}.", fields={"service": "not found"})


def service_not_active(name: str, status: str) -> ServiceNotActive:
    return ServiceNotActive(f"Service {name} is {status}, not ACTIVE.", fields={"service": f"is {status}"})


def daemon_not_found(name: str) -> DaemonNotFound:
    return DaemonNotFound(f"Daemon not found: {name}.", fields={"daemon": "not found"})


def not_found(kind: str, name: str) -> NotFound:
    """`kind` in people's words ("task", "container instance")."""
    return NotFound(f"{kind[:1].upper()}{kind[1:]} not found: {name}.")


def unsupported(field: str, remedy: str = "") -> Unsupported:
    """A field or value this release does not do, named; `remedy` says what to do instead."""
    message = f"{field} is not supported by this release of Slipway."
    return Unsupported(f"{message} {remedy}".rstrip(), fields={field: "not supported"})
