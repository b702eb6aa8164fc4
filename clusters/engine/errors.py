"""What can go wrong with an engine, in two families: worth another try, or final."""

from __future__ import annotations


class EngineError(Exception):
    """Final: doing the same again gives the same answer."""

    retryable = False


class EngineRetryable(EngineError):
    """Passing: try again after `retry_after` seconds."""

    retryable = True

    def __init__(self, message: str, retry_after: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineUnavailable(EngineRetryable):
    """The engine did not answer. What it runs is unknown, not gone."""


class EngineTimeout(EngineUnavailable):
    """It took the request but gave no answer in time; the effect may have happened."""


class EngineBusy(EngineRetryable):
    """It answered 5xx for a reason that passes."""


class PullFailed(EngineRetryable):
    """The registry could not be reached or broke off."""


class InvalidRequest(EngineError):
    """The engine refused the request (HTTP 400 and its like); the message is the engine's own."""


class ImageNotFound(EngineError):
    pass


class PullDenied(EngineError):
    """The registry wants credentials, or knows no such repository."""


class ContainerNotFound(EngineError):
    pass


class NotOurs(EngineError):
    """The object exists but does not carry this installation's label: it is never touched."""


class NameConflict(EngineError):
    """A container of that name exists already. `container_id` may be empty where the engine did not say."""

    def __init__(self, message: str, container_id: str = "") -> None:
        super().__init__(message)
        self.container_id = container_id


class PortConflict(EngineError):
    """The host port is taken."""


class StartFailed(EngineError):
    """The container was created but its process could not be started (no such executable, bad mount …)."""
