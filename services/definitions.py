"""Writes of task definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import F, QuerySet

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock, here, live
from base.errors import ClientError
from base.prepared import Given, Prepared, PreparedUpdate, insert
from base.tags import checked, from_list
from services.condition_keys import of_document
from services.lookup import (
    definition_arn,
    find_definition,
    find_revision,
    find_service,
    split_definition,
)
from services.models import Family, TaskDefinition
from services.roles import checked_roles, pass_role_needs
from services.taskdef.errors import InvalidDocument
from services.taskdef.requirements import requirements
from services.taskdef.resources import resources
from services.taskdef.validate import validate

# What a document demands -> the permission of its own that it needs.
_PERMISSIONS = {
    "host-mount": "slipway:UseHostMounts",
    "docker-socket": "slipway:UseEngineSocket",
    "volume-driver": "slipway:UseHostMounts",
    "privileged": "slipway:UsePrivileged",
    "host-network": "slipway:UseHostNetwork",
    "capability": "slipway:UsePrivileged",
    "device": "slipway:UsePrivileged",
    "security-opt": "slipway:UsePrivileged",
}
SPECIAL_PERMISSIONS = frozenset(_PERMISSIONS.values())


def _family_arn(params: Params) -> str:
    document = params["document"]
    family = document.get("family") if isinstance(document, Mapping) else None
    return here.task_definition_arn(family if isinstance(family, str) and family else "*", "*")


def special_needs(document: Mapping[str, Any], resource: str) -> Iterator[Need]:
    """Host mounts, the engine socket, privileged and host network each need a permission of their own."""
    for word in requirements(document):
        kind = word.partition(":")[0]
        yield Need(_PERMISSIONS[kind], resource, {"slipway:requirement": word})


def needs_of_definition(caller: Caller, params: Params) -> Iterator[Need]:
    """Whoever may not register host mounts may not deploy somebody else's revision that has them either."""
    definition: TaskDefinition | None = None
    if params.get("task_definition"):
        definition = find_definition(params["task_definition"])
    elif params.get("from_revision"):
        service = find_service(params["service"], params["cluster"])
        definition = find_revision(service, params["from_revision"]).task_definition
    if definition is not None:
        yield from special_needs(definition.document, definition.arn)


def _needs_of_document(caller: Caller, params: Params) -> Iterator[Need]:
    document = params["document"]
    if not isinstance(document, Mapping):
        return
    try:
        normal = validate(document)
    except InvalidDocument:
        return  # the operation itself refuses it, with every problem named
    yield from needs_to_register("RegisterTaskDefinition", normal, _family_arn(params))


def needs_to_register(action: str, normal: Mapping[str, Any], resource: str) -> Iterator[Need]:
    """What registering a document (normalised) needs beside the permission of the operation itself."""
    yield from special_needs(normal, resource)
    yield from tagging_need(action, resource, normal.get("tags"))
    yield from pass_role_needs(normal)


@operation(
    "ecs:RegisterTaskDefinition",
    resource=_family_arn,
    context=of_document,
    extra=_needs_of_document,
    writes=True,
)
def register_task_definition(caller: Caller, *, document: Mapping[str, Any]) -> TaskDefinition:
    """Register the next revision of a family from a RegisterTaskDefinition document (AWS form). Roles given in it need
    iam:PassRole, and must trust ecs-tasks.amazonaws.com.

    Raises ClientException naming every field that is wrong or not supported.
    """
    return register(caller, document, validate)


def register(
    caller: Caller,
    document: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], dict[str, Any]],
    *,
    daemon: bool = False,
) -> TaskDefinition:
    """The next revision of a family, of a document that `check` answers normalised. Raises ClientException."""
    try:
        normal = check(document)
    except InvalidDocument as error:
        raise _refused(error) from None
    normal.update(checked_roles(normal))
    tags = checked(from_list(normal.pop("tags", None)))
    family = _with_next_number(normal["family"], daemon)
    need = resources(normal)
    arn_of = here.daemon_task_definition_arn if daemon else here.task_definition_arn
    row = TaskDefinition(
        family=family,
        revision=family.newest,
        arn=arn_of(family.name, family.newest),
        document=normal,
        cpu=need.cpu,
        memory=need.memory,
        tags=tags,
        registered_by=caller.arn,
        daemon=daemon,
    )
    insert(row)
    audit.note_resource(row.arn)
    live.publish(*definition_topics(row))
    return row


def definition_topics(row: TaskDefinition) -> tuple[str, ...]:
    """The pages that show this task definition."""
    if row.daemon:
        return "daemon-task-definitions", f"daemon-taskdef:{row.family.name}"
    return "task-definitions", f"taskdef:{row.family.name}"


def _with_next_number(name: str, daemon: bool) -> Family:
    """The family, made where there is none, with the number that its next revision has; locked for the transaction."""
    which: dict[str, Any] = {"name": name, "daemon": daemon}
    if not _COUNT_UP.run(**which):
        Family.every.get_or_create(**which)
        _COUNT_UP.run(**which)
    family = _FAMILY.first(**which)
    assert family is not None
    return family


def _named() -> QuerySet[Family]:
    return Family.every.filter(name=Given("name"), daemon=Given("daemon")).order_by()


_FAMILY = Prepared(_named)
_COUNT_UP = PreparedUpdate(_named, newest=F("newest") + 1)


def _refused(error: InvalidDocument) -> ClientError:
    """Every problem of the document at once, each with its path; several of one path are joined."""
    fields: dict[str, str] = {}
    for problem in error.problems:
        before = fields.get(problem.path)
        fields[problem.path] = f"{before}; {problem.message}" if before else problem.message
    return ClientError("; ".join(str(problem) for problem in error.problems), fields=fields)


def _definition_arn(params: Params) -> str:
    return definition_arn(params["task_definition"])


@operation("ecs:DeregisterTaskDefinition", resource=_definition_arn, writes=True)
def deregister_task_definition(caller: Caller, *, task_definition: str) -> TaskDefinition:
    """Make a revision INACTIVE: nothing new starts from it; services that run it keep it and may roll back to it."""
    if split_definition(task_definition)[1] is None:
        raise ClientError(
            "Deregistering needs a revision: family:revision or an ARN.",
            fields={"taskDefinition": "needs a revision"},
        )
    row = find_definition(task_definition)
    if row.status != TaskDefinition.Status.ACTIVE:
        raise ClientError(
            f"The specified task definition is inactive: {row}.", fields={"taskDefinition": "is INACTIVE"}
        )
    row.status = TaskDefinition.Status.INACTIVE
    row.deregistered_at = clock.now()
    row.save(update_fields=["status", "deregistered_at"])
    live.publish(*definition_topics(row))
    return row


@operation("ecs:DeleteTaskDefinitions", resource=_definition_arn, writes=True)
def delete_task_definition(caller: Caller, *, task_definition: str) -> TaskDefinition:
    """Delete an INACTIVE revision for good. While tasks or service revisions need it, it stays as DELETE_IN_PROGRESS;
    nothing new can be started from it, and its number is never used again."""
    if split_definition(task_definition)[1] is None:
        raise ClientError(
            "Deleting needs a revision: family:revision or an ARN.",
            fields={"taskDefinition": "needs a revision"},
        )
    row = find_definition(task_definition)
    if row.status == TaskDefinition.Status.ACTIVE:
        raise ClientError(
            f"The specified task definition is still in ACTIVE status. Deregister {row} first.",
            fields={"taskDefinition": "is ACTIVE"},
        )
    if row.status == TaskDefinition.Status.INACTIVE:
        audit.note_change("status", row.status, TaskDefinition.Status.DELETE_IN_PROGRESS)
        row.status = TaskDefinition.Status.DELETE_IN_PROGRESS
        row.delete_requested_at = clock.now()
        row.save(update_fields=["status", "delete_requested_at"])
        live.publish(*definition_topics(row))
    return row
