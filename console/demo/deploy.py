"""Deploying the sample application, through the same operations as any other.

Called by: `manage.py demo`, the console's first-steps button.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from access.caller import Caller
from clusters.engine.errors import EngineError
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from console.demo import images
from services.definitions import register_task_definition
from services.models import Service, TaskDefinition
from services.operations import create_service

NAME = "hello"
PORT = 8080
_DESIRED = 3


class NoEngine(Exception):
    """No instance of the cluster can be given the sample's images; the message says why."""


def existing(cluster: str) -> Service | None:
    """The sample's service, if it was deployed before and not deleted since."""
    return (
        Service.objects.filter(cluster__name=cluster, name=NAME)
        .exclude(status=Service.Status.INACTIVE)
        .first()
    )


def deploy(caller: Caller, cluster: str = "default") -> Service:
    """Register the sample's three revisions, bring its images to the cluster's engines, create its service.

    A service that is there already is returned as it is. Raises AccessDenied, NoEngine, images.BusyboxMissing and
    whatever the operations refuse with.
    """
    found = existing(cluster)
    if found is not None:
        return found
    # Registering comes first: a caller who may not is refused before any engine is touched.
    revisions = [_revision(caller, version) for version in images.VERSIONS]
    _carry_images(cluster)
    return create_service(
        caller,
        cluster=cluster,
        service_name=NAME,
        task_definition=f"{NAME}:{revisions[0].revision}",
        desired_count=_DESIRED,
        deployment_configuration={
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        tags={"example": "hello"},
    )


def _revision(caller: Caller, version: images.Version) -> TaskDefinition:
    """The active revision with this version's image; registered if there is none, so a second run adds nothing."""
    wanted = document(version)
    for row in TaskDefinition.objects.filter(family__name=NAME, status="ACTIVE").order_by("-revision"):
        containers = row.document.get("containerDefinitions", [])
        if containers and containers[0].get("image") == version.image:
            return row
    return register_task_definition(caller, document=wanted)


def document(version: images.Version) -> Mapping[str, Any]:
    """The task definition in AWS's own form."""
    check = f"wget -q -O /dev/null http://127.0.0.1:{PORT}/healthz || exit 1"
    return {
        "family": NAME,
        "networkMode": "bridge",
        "containerDefinitions": [
            {
                "name": "web",
                "image": version.image,
                "cpu": 32,
                "memory": 32,
                "essential": True,
                # Host port 0: the engine chooses, so several tasks fit on one host.
                "portMappings": [{"containerPort": PORT, "hostPort": 0, "protocol": "tcp"}],
                "environment": [{"name": "GREETING", "value": "Hello"}],
                "healthCheck": {"command": ["CMD-SHELL", check], "interval": 5, "timeout": 3, "retries": 2},
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/hello",
                        "awslogs-region": "us-east-1",
                        "awslogs-stream-prefix": "web",
                    },
                },
                "stopTimeout": 2,
            }
        ],
    }


def _carry_images(cluster: str) -> None:
    """Import the images into every active engine of the cluster: there is no registry they could be pulled from."""
    reasons: list[str] = []
    carried = 0
    for instance in ContainerInstance.objects.filter(cluster__name=cluster, status="ACTIVE"):
        try:
            images.ensure(engine_of(instance))
            carried += 1
        except EngineError as error:
            reasons.append(f"{instance.url}: {error}")
    if not carried:
        because = "; ".join(reasons) or "it has no active instance"
        raise NoEngine(
            f"no engine of cluster {cluster} can run the sample: {because}. `make doctor` looks closer."
        )
