"""Daemon task definitions, daemons, their deployments, revisions and events."""

from __future__ import annotations

from console.rest import documents
from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.daemons import (
    DaemonDefinitionShape,
    DaemonDefinitionSummaryShape,
    DaemonDeploymentShape,
    DaemonRevisionShape,
    DaemonShape,
)
from console.rest.shapes.services import EventShape

_DEFINITIONS = "Daemon task definitions"
_DEFINITION_EXAMPLE = {
    "family": "node-agent",
    "containerDefinitions": [{"name": "agent", "image": "agent:2", "cpu": 128, "memory": 128}],
    "tags": {"team": "platform"},
}
_DAEMONS = "Daemons"
_DAEMON = "clusters/<str:cluster>/daemons/<str:daemon>"
_GIVEN = {"daemonTaskDefinition": "node-agent:1", "capacityProviders": ["workers"]}
_STATUSES = (
    *("PENDING", "IN_PROGRESS", "SUCCESSFUL", "STOPPED"),
    *("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"),
)
_WORDS = {"propagate_tags": ("NONE", "DAEMON")}
ENDPOINTS = [
    Endpoint(
        "daemon-task-definitions",
        _DEFINITIONS,
        GET=Listing(
            "list_daemon_task_definitions",
            DaemonDefinitionSummaryShape,
            words={
                "status": ("ACTIVE", "DELETE_IN_PROGRESS", "ALL"),
                "revision": ("LAST_REGISTERED",),
            },
            orders={"family": ("family__name", "-revision"), "registeredAt": ("registered_at",)},
            order="family",
        ),
        POST=Action(
            "register_daemon_task_definition",
            DaemonDefinitionShape,
            status=201,
            whole_body="document",
            body_schema=documents.DAEMON_TASK_DEFINITION,
            example=_DEFINITION_EXAMPLE,
        ),
    ),
    Endpoint(
        "daemon-task-definitions/<str:daemonTaskDefinition>",
        _DEFINITIONS,
        GET=Action("describe_daemon_task_definition", DaemonDefinitionShape),
        DELETE=Action("delete_daemon_task_definition", DaemonDefinitionShape),
    ),
    Endpoint(
        "clusters/<str:cluster>/daemons",
        _DAEMONS,
        GET=Listing(
            "list_daemons",
            DaemonShape,
            orders={"name": ("name",), "createdAt": ("created_at",)},
            order="name",
        ),
        POST=Action(
            "create_daemon",
            DaemonShape,
            status=201,
            words=_WORDS,
            example={"daemonName": "node-agent", **_GIVEN, "deploymentConfiguration": {"drainPercent": 10.0}},
        ),
    ),
    Endpoint(
        _DAEMON,
        _DAEMONS,
        GET=Action("describe_daemon", DaemonShape),
        PUT=Action("update_daemon", DaemonShape, words=_WORDS, example=_GIVEN),
        DELETE=Action("delete_daemon", DaemonShape),
    ),
    Endpoint(
        f"{_DAEMON}/events",
        _DAEMONS,
        GET=Listing(
            "list_daemon_events", EventShape, orders={"createdAt": ("created_at",)}, order="-createdAt"
        ),
    ),
    Endpoint(
        f"{_DAEMON}/revisions",
        _DAEMONS,
        GET=Listing(
            "list_daemon_revisions", DaemonRevisionShape, orders={"number": ("number",)}, order="-number"
        ),
    ),
    Endpoint(
        f"{_DAEMON}/deployments",
        _DAEMONS,
        GET=Listing(
            "list_daemon_deployments",
            DaemonDeploymentShape,
            filters={"status": Filter("status", "Its state.", _STATUSES)},
            orders={"number": ("number",), "createdAt": ("created_at",)},
            order="-number",
        ),
    ),
    Endpoint(
        "daemon-deployments/<str:daemonDeployment>",
        _DAEMONS,
        GET=Action("describe_daemon_deployment", DaemonDeploymentShape),
    ),
    Endpoint(
        "daemon-revisions/<str:daemonRevision>",
        _DAEMONS,
        GET=Action("describe_daemon_revision", DaemonRevisionShape),
    ),
]
