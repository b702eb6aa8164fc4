"""What an engine's refusal means: from its HTTP status and words to one of our errors.

Pure functions, one for each kind of request. The words are those of Docker Engine 19.03 to 29;
the status alone does not tell (a taken port is a 500, a missing executable a 400).
"""

from __future__ import annotations

import re

from .errors import (
    ContainerNotFound,
    EngineBusy,
    EngineError,
    ImageNotFound,
    InvalidRequest,
    NameConflict,
    PortConflict,
    PullDenied,
    PullFailed,
    StartFailed,
)

_CONFLICT = re.compile(r'name "?/?[^"]*"? is already in use by container "?([0-9a-f]{12,64})?', re.IGNORECASE)
_PORT_TAKEN = re.compile(
    r"port is already allocated|address already in use|failed to bind (?:host )?port|"
    r"ports are not available|all ports are allocated",
    re.IGNORECASE,
)
# Troubles of the engine itself, not of what it was asked to run.
_PASSING = re.compile(
    r"context deadline exceeded|transport is closing|connection refused|containerd\.sock|"
    r"shutting down|resource temporarily unavailable|no space left on device|"
    r"cannot allocate memory|too many open files|database is locked|"
    r"could not find an available.*(?:address pool|subnet)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"access denied|unauthorized|authentication required|no basic auth credentials|"
    r"denied: |repository does not exist|incorrect username or password|requires 'docker login'|may require",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(
    r"manifest unknown|manifest for .* not found|no matching manifest|not found|no such image|name unknown",
    re.IGNORECASE,
)


def general_refusal(status: int, message: str) -> EngineError:
    """Where nothing more is known than that the engine refused."""
    if status in (408, 429) or (status >= 500 and status != 501):
        return EngineBusy(message)
    return InvalidRequest(message)


def create_refusal(status: int, message: str) -> EngineError:
    """POST /containers/create."""
    if status == 409 and (found := _CONFLICT.search(message)):
        return NameConflict(message, found.group(1) or "")
    if status == 404 and "no such image" in message.lower():
        return ImageNotFound(message)
    return general_refusal(status, message)


def start_refusal(container_id: str, status: int, message: str) -> EngineError:
    """POST /containers/<id>/start. What cannot be told apart counts as the container's fault:
    asking again would only give the same answer."""
    if status == 404 and (container_id in message or "no such container" in message.lower()):
        # The engine says the same of the container whose network this one wants to join.
        return ContainerNotFound(message) if container_id in message else StartFailed(message)
    if "could not select device driver" in message.lower():
        return StartFailed(f"{message} (the engine has no NVIDIA container runtime to give it its GPUs with)")
    if _PORT_TAKEN.search(message):
        return PortConflict(message)
    if status in (408, 429, 503) or (status >= 500 and _PASSING.search(message)):
        return EngineBusy(message)
    return StartFailed(message)


def container_refusal(status: int, message: str) -> EngineError:
    """Any other request about one container."""
    if status == 404:
        return ContainerNotFound(message)
    if status == 409 and "already in progress" in message:
        return EngineBusy(message, retry_after=0.5)
    return general_refusal(status, message)


def image_refusal(status: int, message: str) -> EngineError:
    return ImageNotFound(message) if status == 404 else general_refusal(status, message)


def pull_refusal(status: int, message: str) -> EngineError:
    """POST /images/create from a registry; `status` is 0 where the words came inside the stream.

    Registries answer "denied" also for repositories that do not exist.
    """
    if "toomanyrequests" in message.lower() or "rate limit" in message.lower() or status == 429:
        return PullFailed(message, retry_after=60.0)
    if _DENIED.search(message):
        return PullDenied(message)
    if status == 404 or (status in (0, 500) and _NO_IMAGE.search(message) and "lookup" not in message):
        return ImageNotFound(message)
    if status == 400:
        return InvalidRequest(message)
    return PullFailed(message)


def load_refusal(status: int, message: str) -> EngineError:
    """POST /images/load; `status` is 0 where the words came inside the stream."""
    if "unexpected EOF" in message or _PASSING.search(message):
        return PullFailed(message)
    return InvalidRequest(message) if status == 0 else general_refusal(status, message)


def remove_image_refusal(status: int, message: str) -> EngineError:
    """DELETE /images/<reference>: a conflict is a container that is made from it, or another name."""
    return InvalidRequest(message) if status == 409 else image_refusal(status, message)
