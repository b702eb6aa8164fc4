"""What tasks ask at 169.254.170.2: /v2/credentials/<key> and /v4/<key>[/task|/taskWithTags|/stats|/task/stats].

Two things must be right before anything is answered: the key, which only the container was told, and where the
request comes from, which must be one of that very task's addresses at this moment, by the engine's own word. A task
that shares the host's network has no address of its own; it shows its token instead.
"""

from __future__ import annotations

import hmac
import json
import logging
from typing import Any

from base.errors import OperationError
from clusters.engine.errors import EngineError
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN, ContainerState, Engine
from console.local import credentials, metadata
from console.local.refusals import Refused
from services.control.local_tunnel import Answer, Request
from services.models import Task
from services.roles import RoleNotAssumed
from services.task_identity import Key, parsed, token_of

log = logging.getLogger(__name__)


# Whatever is wrong, one answer: a key that is right elsewhere looks like none.
_NOBODY = Refused(404, "NotFound", "There is no such task here.")


def answer(request: Request, engine: Engine) -> Answer:
    """The whole face: services.control.local_tunnel calls it for each request."""
    try:
        return Answer(200, json.dumps(_found(request, engine)).encode())
    except Refused as refused:
        said = {"code": refused.code, "message": refused.message, "HTTPErrorCode": refused.status}
        return Answer(refused.status, json.dumps(said).encode())
    except (EngineError, OperationError, RoleNotAssumed) as error:
        log.warning("%s: %s", request.path.split("/")[1], error)
        said = {"code": "ServerError", "message": str(error), "HTTPErrorCode": 500}
        return Answer(500, json.dumps(said).encode())


def _found(request: Request, engine: Engine) -> Any:
    if request.method != "GET":
        raise Refused(400, "BadRequest", "Only GET is answered here.")
    parts = request.path.partition("?")[0].strip("/").split("/")
    if parts[:2] == ["v2", "credentials"] and len(parts) == 3:
        key, rest = parts[2], "credentials"
    elif parts[:1] == ["v4"] and len(parts) >= 2:
        key, rest = parts[1], "/".join(parts[2:])
    else:
        raise Refused(404, "NotFound", "Ask for /v2/credentials/… or /v4/….")
    task, named, states = _who(request, engine, key)
    if rest == "credentials":
        return credentials.of_task(task)
    return metadata.found(task, named.container, states, engine, rest)


def _who(request: Request, engine: Engine, text: str) -> tuple[Task, Key, list[ContainerState]]:
    key = parsed(text)
    task = None
    if key is not None:
        rows = Task.objects.select_related("cluster", "instance", "service", "task_definition__family")
        task = rows.filter(pk=key.task_id, instance=request.instance_id).exclude(status="STOPPED").first()
    if key is None or task is None:
        raise _NOBODY
    states = list(engine.list_containers({LABEL_TASK_ARN: task.arn}))
    if not _from_it(request, task, states):
        log.warning("task %s was asked for from %s, which is not it", task.pk, request.source or "the host")
        raise _NOBODY
    return task, key, [one for one in states if one.labels.get(LABEL_ROLE) == "container"]


def _from_it(request: Request, task: Task, states: list[ContainerState]) -> bool:
    if task.task_definition.document.get("networkMode") == "host":
        given = request.headers.get("authorization", "")
        return not request.source and hmac.compare_digest(given.encode(), token_of(task.pk).encode())
    running = [one for one in states if one.status == "running"]
    return bool(request.source) and any(request.source in one.ip_addresses.values() for one in running)
