"""Daemon task definitions."""

from __future__ import annotations

from typing import Any

from access.caller import Caller
from access.registry import call
from console.aws.ecs.common import Document
from console.aws.handlers import answers, listing, mechanical
from services.daemons.document import described
from services.models import TaskDefinition

_NAMES = {"daemonTaskDefinition": "daemon_task_definition"}


def _arn(row: TaskDefinition) -> Document:
    return {"daemonTaskDefinitionArn": row.arn}


def _one(row: TaskDefinition) -> Document:
    return {
        "daemonTaskDefinition": {
            **described(row.document),
            "daemonTaskDefinitionArn": row.arn,
            "family": row.family.name,
            "revision": row.revision,
            "status": row.status,
            "registeredAt": row.registered_at,
            "registeredBy": row.registered_by,
            "deleteRequestedAt": row.delete_requested_at,
        }
    }


def _brief(row: TaskDefinition) -> Document:
    return {
        "arn": row.arn,
        "registeredAt": row.registered_at,
        "registeredBy": row.registered_by,
        "deleteRequestedAt": row.delete_requested_at,
        "status": row.status,
    }


@answers("ecs", "RegisterDaemonTaskDefinition", "register_daemon_task_definition")
def register_daemon_task_definition(caller: Caller, **document: Any) -> Document:
    return _arn(call("register_daemon_task_definition", caller, document=document))


mechanical("ecs", "DeleteDaemonTaskDefinition", _arn, names=_NAMES)
mechanical("ecs", "DescribeDaemonTaskDefinition", _one, names=_NAMES)
listing(
    "ecs",
    "ListDaemonTaskDefinitions",
    "daemonTaskDefinitions",
    order=["family__name", "revision"],
    item=_brief,
    falling="sort",
)
