"""Task definitions and their families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.caller import Caller
from access.registry import call
from base import tags as tag_rules
from base.errors import AccessDenied, OperationError, invalid
from console.aws.ecs.common import Document
from console.aws.handlers import answers, listing, mechanical
from services.models import TaskDefinition
from services.taskdef.capabilities import required_capabilities


def shape(row: TaskDefinition) -> Document:
    document = row.document
    return {
        **document,
        "taskDefinitionArn": row.arn,
        "family": row.family.name,
        "revision": row.revision,
        "status": row.status,
        "volumes": document.get("volumes") or [],
        "placementConstraints": document.get("placementConstraints") or [],
        "compatibilities": sorted({"EC2", *document.get("requiresCompatibilities", ())}),
        "requiresAttributes": [{"name": name} for name in required_capabilities(document)],
        "registeredAt": row.registered_at,
        "registeredBy": row.registered_by,
        "deregisteredAt": row.deregistered_at,
        "deleteRequestedAt": row.delete_requested_at,
    }


def _one(row: TaskDefinition) -> Document:
    return {"taskDefinition": shape(row)}


@answers("ecs", "RegisterTaskDefinition", "register_task_definition")
def register_task_definition(caller: Caller, **document: Any) -> dict[str, Any]:
    row = call("register_task_definition", caller, document=document)
    return {**_one(row), "tags": tag_rules.to_list(row.tags)}


mechanical("ecs", "DeregisterTaskDefinition", _one)


@answers("ecs", "DeleteTaskDefinitions", "delete_task_definition")
def delete_task_definitions(caller: Caller, *, taskDefinitions: Sequence[str]) -> dict[str, Any]:
    """Each by itself: what cannot be deleted is a failure and does not hold up the others."""
    if len(taskDefinitions) > 10:
        raise invalid("taskDefinitions", "at most 10")
    found, failures = [], []
    for name in dict.fromkeys(taskDefinitions):
        try:
            found.append(call("delete_task_definition", caller, task_definition=name))
        except AccessDenied:
            raise
        except OperationError as error:
            failures.append({"arn": name, "reason": error.message})
    return {"taskDefinitions": [shape(row) for row in found], "failures": failures}


@answers("ecs", "DescribeTaskDefinition", "describe_task_definition")
def describe_task_definition(
    caller: Caller, *, taskDefinition: str, include: Sequence[str] = ()
) -> dict[str, Any]:
    row = call("describe_task_definition", caller, task_definition=taskDefinition)
    return {**_one(row), "tags": tag_rules.to_list(row.tags) if "TAGS" in include else None}


listing(
    "ecs",
    "ListTaskDefinitions",
    "taskDefinitionArns",
    order=["family__name", "revision"],
    item="arn",
    names={"familyPrefix": "family"},
    falling="sort",
)


def _families_of_status(rows: Any, status: str) -> Any:
    if status == "ALL":
        return rows
    return rows.filter(active__gt=0) if status == "ACTIVE" else rows.filter(active=0)


listing(
    "ecs",
    "ListTaskDefinitionFamilies",
    "families",
    order=["name"],
    item=lambda row: row.name,
    names={"familyPrefix": "prefix"},
    narrow={"status": _families_of_status},
)
