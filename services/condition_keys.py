"""Condition keys of ECS's requests beyond what an ARN tells: task definition, its size and power, the desired count.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Container Service".
slipway:desired-count is ours: UpdateService both deploys and scales, and this tells which (it is missing where the
call leaves the count as it is).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from access.authorization.request_tags import request_tags
from access.language.matching import Context, Deferred
from access.registry import Params
from base import here
from base.errors import OperationError
from clusters.queries import cluster_name
from services.daemons.document import validate_daemon
from services.lookup import cluster_of_service, find_definition, find_revision, find_service, task_arn_of
from services.models import ExecSession, TaskContainer, TaskDefinition
from services.taskdef.errors import InvalidDocument
from services.taskdef.resources import resources
from services.taskdef.validate import validate

SERVICE_KEYS = {"ecs:cluster": "cluster__arn", "ecs:service": "arn"}
"""For access.authorization.visibility: the columns that tell a listed service's keys."""
TASK_KEYS = {"ecs:cluster": "cluster__arn", "ecs:service": "service__arn"}


def of_service(params: Params) -> Context:
    """Of CreateService and UpdateService."""
    name = params.get("service") or params.get("service_name") or ""

    def find() -> Context:
        count = params.get("desired_count")
        return {
            "ecs:cluster": here.cluster_arn(cluster_of_service(name, params["cluster"])),
            **({} if count is None else {"slipway:desired-count": str(count)}),
            **_exec_allowed(params),
            **_of_definition(_definition_to_run(params)),
        }

    return Deferred(find)


def of_daemon(params: Params) -> Context:
    """Of CreateDaemon and UpdateDaemon."""
    name = params.get("daemon") or params.get("daemon_name") or ""

    def find() -> Context:
        return {
            "ecs:cluster": here.cluster_arn(cluster_of_service(name, params["cluster"])),
            **_exec_allowed(params),
            **_of_definition(_daemon_definition(params)),
        }

    return Deferred(find)


def _daemon_definition(params: Params) -> TaskDefinition | None:
    from services.daemons import task_definitions  # it asks this module for its own keys

    try:
        return task_definitions.find(params["daemon_task_definition"])
    except OperationError:
        return None  # the operation itself says so, to whoever may hear it


def of_task(params: Params) -> Context:
    """Of RunTask."""

    def find() -> Context:
        cluster = here.cluster_arn(cluster_name(params["cluster"]))
        definition = _of_definition(_definition_to_run(params))
        return {"ecs:cluster": cluster, **_exec_allowed(params), **definition}

    return Deferred(find)


def of_exec(params: Params) -> Context:
    """Of ExecuteCommand, for both of its resources."""
    container = {"ecs:container-name": str(params["container"])} if params.get("container") else {}

    def find() -> Context:
        named = container or _only_container(params)
        return {
            "ecs:cluster": here.cluster_arn(cluster_name(params["cluster"])),
            **named,
            "ecs:task": task_arn_of(params),
        }

    return Deferred(find)


def exec_context(row: ExecSession) -> Context:
    """The same of a session that is open."""
    return {"ecs:cluster": row.cluster_arn, "ecs:container-name": row.container, "ecs:task": row.task_arn}


def _only_container(params: Params) -> dict[str, str]:
    """Of a task of one container, whose name need not be given."""
    names = TaskContainer.objects.filter(task_id=str(params["task"]).rsplit("/", 1)[-1]).values_list(
        "name", flat=True
    )
    return {"ecs:container-name": names[0]} if len(names) == 1 else {}


def _exec_allowed(params: Params) -> dict[str, str]:
    """ecs:enable-execute-command, where the request says it."""
    given = params.get("enable_execute_command")
    return {} if given is None else {"ecs:enable-execute-command": str(bool(given)).lower()}


def of_document(params: Params) -> Context:
    """Of RegisterTaskDefinition: from the document itself, which nobody has checked yet."""
    return _of_unchecked(params["document"], validate)


def of_daemon_document(params: Params) -> Context:
    """The same of RegisterDaemonTaskDefinition."""
    return _of_unchecked(params["document"], validate_daemon)


def _of_unchecked(document: Any, check: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Context:
    if not isinstance(document, Mapping):
        return {}

    def find() -> Context:
        try:
            normal = check(document)
        except InvalidDocument:
            return {}  # the operation itself refuses it
        return {**_of_text(normal), **request_tags({"tags": normal.get("tags")})}

    return Deferred(find)


def _definition_to_run(params: Params) -> TaskDefinition | None:
    try:
        if params.get("task_definition"):
            return find_definition(params["task_definition"])
        if params.get("from_revision"):
            service = find_service(params["service"], params["cluster"])
            return find_revision(service, params["from_revision"]).task_definition
    except OperationError:
        return None  # the operation itself says so, to whoever may hear it
    return None


def _of_definition(row: TaskDefinition | None) -> dict[str, str]:
    return {} if row is None else {"ecs:task-definition": row.arn, **_of_text(row.document)}


def _of_text(document: Mapping[str, Any]) -> dict[str, str]:
    """Of a normalised document: CPU units, MiB, and whether any container is privileged."""
    size = resources(document)
    privileged = any(container.get("privileged") for container in document["containerDefinitions"])
    return {
        "ecs:task-cpu": str(size.cpu),
        "ecs:task-memory": str(size.memory),
        "ecs:privileged": "true" if privileged else "false",
    }
