"""What a container is told of itself: where its credentials and its metadata are, and the keys that those addresses
hold.

A key names installation, task and container and cannot be guessed (HMAC under the installation's secret); nothing of
it is stored. It is one of two proofs: the other is the address that the request comes from.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from base.installation import installation_id
from clusters.engine.helper import port_of
from services.models import Task

ADDRESS = "169.254.170.2"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Key:
    """What an address names. `container`: its place in the task definition."""

    task_id: str
    container: int


def key_of(task_id: str, container: int) -> str:
    """`<installation>-<task>-<container>-<proof>`."""
    return f"{installation_id()}-{task_id}-{container}-{_proof('key', task_id, container)}"


def parsed(text: str) -> Key | None:
    """None for one that this installation did not give."""
    parts = text.split("-")
    if len(parts) != 4 or parts[0] != installation_id() or not parts[2].isdigit() or len(parts[2]) > 3:
        return None
    key = Key(parts[1], int(parts[2]))
    expected = _proof("key", key.task_id, key.container)
    return key if hmac.compare_digest(parts[3].encode(), expected.encode()) else None


def token_of(task_id: str) -> str:
    """What tasks that share the host's network send as Authorization, where addresses tell nothing."""
    return _proof("token", task_id, 0)


def _proof(what: str, task_id: str, container: int) -> str:
    message = f"task-identity/{what}/{task_id}/{container}"
    return hmac.new(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def task_role_arn(task: Task) -> str:
    """The role its containers act as; "" without one."""
    document: Mapping[str, Any] = task.task_definition.document
    return str((task.overrides or {}).get("taskRoleArn") or document.get("taskRoleArn") or "")


def has_endpoint(task: Task) -> bool:
    """Whether its containers find 169.254.170.2 at all."""
    wanted = settings.SLIPWAY_TASK_ENDPOINT
    if wanted == "off" or task.task_definition.document.get("networkMode") == "none":
        return False
    return wanted == "all" or bool(task_role_arn(task))


def environment(task: Task, container_name: str) -> dict[str, str]:
    """The variables that SDKs look for."""
    if not has_endpoint(task):
        return {}
    document = task.task_definition.document
    index = next(i for i, one in enumerate(document["containerDefinitions"]) if one["name"] == container_name)
    key, port = key_of(task.pk, index), port_of(installation_id())
    host = document.get("networkMode") == "host"
    base = f"http://127.0.0.1:{port}" if host else f"http://{ADDRESS}"
    found = {
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "AWS_REGION": settings.SLIPWAY_REGION,
        "AWS_DEFAULT_REGION": settings.SLIPWAY_REGION,  # boto3 knows this name only
        "AWS_ENDPOINT_URL": f"http://{'127.0.0.1' if host else ADDRESS}:{port}",
        "ECS_CONTAINER_METADATA_URI_V4": f"{base}/v4/{key}",
    }
    if not task_role_arn(task):
        return found
    path = f"/v2/credentials/{key}"
    if host:
        return found | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{base}{path}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token_of(task.pk),
        }
    return found | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path}
