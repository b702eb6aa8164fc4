"""Task definitions, services, their deployments, revisions, events and logs, and rollback."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Prefetch, QuerySet

from console.rest import documents
from console.rest.actions import Action, Endpoint, Filter, Lines, Listing
from console.rest.composed import compare_task_definitions, preview_rollback, roll_back
from console.rest.shapes.services import (
    ComparisonShape,
    DefinitionShape,
    DefinitionSummaryShape,
    DeploymentShape,
    EventShape,
    FamilyShape,
    PreviewShape,
    RevisionShape,
    ServiceShape,
)
from console.rest.shapes.tasks import LinesShape
from services.models import ServiceRevision
from services.scheduler.model import DeploymentStatus

_DEFINITIONS = "Task definitions"
_SERVICES = "Services"
_DEPLOYMENTS = "Deployments"

_DEFINITION_EXAMPLE = {
    "family": "web",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx:1.27",
            "cpu": 256,
            "memory": 128,
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "LOG_LEVEL", "value": "info"}],
        }
    ],
    "tags": {"team": "shop"},
}
_SERVICE_EXAMPLE = {
    "serviceName": "web",
    "taskDefinition": "web:1",
    "desiredCount": 2,
    "deploymentConfiguration": {
        "minimumHealthyPercent": 100,
        "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    },
}


def _with_newest_revisions(rows: QuerySet[Any]) -> QuerySet[Any]:
    """For services that have neither a deployment in progress nor a completed revision."""
    newest = ServiceRevision.objects.filter(number=F("service__newest_revision"))
    newest = newest.select_related("task_definition__family")
    return rows.prefetch_related(Prefetch("revisions", newest, to_attr="newest_revisions"))


def _services(name: str) -> Listing:
    return Listing(
        "list_services",
        ServiceShape,
        name=name,
        prepare=_with_newest_revisions,
        filters={
            "name": Filter("name__icontains", "Part of its name."),
            "status": Filter("status", "ACTIVE or DRAINING.", ("ACTIVE", "DRAINING")),
        },
        orders={
            "name": ("cluster__name", "name"),
            "createdAt": ("created_at",),
            "desiredCount": ("desired_count",),
            "runningCount": ("running_count",),
        },
        order="name",
    )


_SERVICE = "clusters/<str:cluster>/services/<str:service>"
ENDPOINTS = [
    Endpoint(
        "task-definition-families",
        _DEFINITIONS,
        GET=Listing(
            "list_task_definition_families",
            FamilyShape,
            orders={"family": ("name",), "newestRegisteredAt": ("newest_at",)},
            order="family",
        ),
    ),
    Endpoint(
        "task-definitions",
        _DEFINITIONS,
        GET=Listing(
            "list_task_definitions",
            DefinitionSummaryShape,
            words={"status": ("ACTIVE", "INACTIVE", "ALL")},
            orders={"family": ("family__name", "-revision"), "registeredAt": ("registered_at",)},
            order="family",
        ),
        POST=Action(
            "register_task_definition",
            DefinitionShape,
            status=201,
            whole_body="document",
            body_schema=documents.TASK_DEFINITION,
            example=_DEFINITION_EXAMPLE,
        ),
    ),
    Endpoint(
        "task-definitions/<str:taskDefinition>",
        _DEFINITIONS,
        GET=Action("describe_task_definition", DefinitionShape),
        DELETE=Action("deregister_task_definition", DefinitionShape),
    ),
    Endpoint(
        "task-definitions/<str:taskDefinition>/delete",
        _DEFINITIONS,
        POST=Action("delete_task_definition", DefinitionShape),
    ),
    Endpoint(
        "task-definitions/<str:taskDefinition>/compare",
        _DEFINITIONS,
        GET=Action(compare_task_definitions, ComparisonShape),
    ),
    Endpoint("services", _SERVICES, GET=_services("listServices")),
    Endpoint(
        "clusters/<str:cluster>/services",
        _SERVICES,
        GET=_services("listServicesOfCluster"),
        POST=Action("create_service", ServiceShape, status=201, example=_SERVICE_EXAMPLE),
    ),
    Endpoint(
        _SERVICE,
        _SERVICES,
        GET=Action("describe_service", ServiceShape),
        PATCH=Action("update_service", ServiceShape, example={"taskDefinition": "web:2", "desiredCount": 4}),
        DELETE=Action("delete_service", ServiceShape),
    ),
    Endpoint(
        f"{_SERVICE}/events",
        _SERVICES,
        GET=Listing(
            "list_service_events", EventShape, orders={"createdAt": ("created_at",)}, order="-createdAt"
        ),
    ),
    Endpoint(f"{_SERVICE}/logs", _SERVICES, GET=Lines("list_service_log", LinesShape)),
    Endpoint(
        f"{_SERVICE}/revisions",
        _SERVICES,
        GET=Listing("list_service_revisions", RevisionShape, orders={"number": ("number",)}, order="-number"),
    ),
    Endpoint(
        f"{_SERVICE}/rollback",
        _DEPLOYMENTS,
        GET=Action(preview_rollback, PreviewShape),
        POST=Action(roll_back, DeploymentShape, status=201, example={}),
    ),
    Endpoint(
        f"{_SERVICE}/deployments",
        _DEPLOYMENTS,
        GET=Listing(
            "list_service_deployments",
            DeploymentShape,
            filters={
                "status": Filter("status", "Its state.", tuple(str(status) for status in DeploymentStatus)),
            },
            orders={"number": ("number",), "createdAt": ("created_at",)},
            order="-number",
        ),
    ),
    Endpoint(
        "service-revisions/<str:serviceRevision>",
        _SERVICES,
        GET=Action("describe_service_revision", RevisionShape),
    ),
    Endpoint(
        "deployments/<str:serviceDeployment>",
        _DEPLOYMENTS,
        GET=Action("describe_service_deployment", DeploymentShape),
    ),
    Endpoint(
        "deployments/<str:serviceDeployment>/stop",
        _DEPLOYMENTS,
        POST=Action(
            "stop_service_deployment",
            DeploymentShape,
            words={"stop_type": ("ROLLBACK", "ABORT")},
            example={"stopType": "ROLLBACK"},
        ),
    ),
    Endpoint(
        "deployments/<str:serviceDeployment>/continue",
        _DEPLOYMENTS,
        POST=Action(
            "continue_service_deployment",
            DeploymentShape,
            words={"action": ("CONTINUE", "ROLLBACK")},
            example={"hookId": "ecs-pause-e7tK9G_WRJqNF_EOMjztDXfKenlJuEUVjsNStf4WLKw", "action": "CONTINUE"},
        ),
    ),
]
