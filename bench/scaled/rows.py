"""Rows of a large installation at rest, written straight into the database, and the containers that belong to them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

IMAGE = "scale:1"
_BATCH = 500


def define() -> Any:
    """The task definition that all services run."""
    from access.registry import system_caller
    from services.definitions import register_task_definition

    container = {"name": "app", "image": IMAGE, "cpu": 64, "memory": 32}
    return register_task_definition(
        system_caller("bench"), document={"family": "scale", "containerDefinitions": [container]}
    )


def instances(folder: Path, count: int) -> list[str]:
    """Register the fake engines, as connected; the watcher then connects for itself."""
    from base import clock, here, ids
    from clusters.models import Cluster, ContainerInstance

    owner = Cluster.objects.get(name="default")
    rows = []
    for number in range(count):
        key = ids.hex_id()
        rows.append(
            ContainerInstance(
                id=key,
                cluster=owner,
                arn=here.container_instance_arn(owner.name, key),
                name=f"scale-{number}",
                url=f"unix://{folder}/{number}.sock",
                engine_id=f"SCALE{number:04}",
                cpu=65536,
                memory=262_144,
                connected=True,
                connected_at=clock.now(),
                attributes={"ecs.availability-zone": "abc"[number % 3]},
            )
        )
    ContainerInstance.objects.bulk_create(rows)
    return [row.pk for row in rows]


def services(definition: Any, first: int, count: int, tasks: int, hosts: list[str]) -> list[list[Any]]:
    """`count` services of `tasks` steady tasks each, spread over the hosts. Answers what the engines are to hold:
    [number of the engine, container id, name, body]."""
    from base import clock, here, ids
    from base.installation import installation_id
    from clusters.models import Cluster, ContainerInstance
    from services import configuration
    from services.models import Service, ServiceRevision, Task, TaskContainer

    owner = Cluster.objects.get(name="default")
    now = clock.now() - timedelta(hours=1)
    rollout = configuration.deployment_configuration(None)
    frozen = {
        **configuration.capacity(owner, definition, None, None),
        "networkConfiguration": {},
        **configuration.placement(None, None),
    }
    pins = {"app": {"image": IMAGE, "digest": "sha256:" + "ab" * 32, "pin": "sha256:" + "ab" * 32}}
    made = Service.objects.bulk_create(
        Service(
            cluster=owner,
            name=f"scale{number}",
            arn=here.service_arn(owner.name, f"scale{number}"),
            desired_count=tasks,
            deployment_configuration=rollout,
            running_count=tasks,
            steady_since=now,
            newest_revision=1,
        )
        for number in range(first, first + count)
    )
    revisions = []
    for service in made:
        key = ids.numeric_id()
        revisions.append(
            ServiceRevision(
                id=key,
                service=service,
                number=1,
                arn=here.service_revision_arn(owner.name, service.name, key),
                task_definition=definition,
                configuration=frozen,
                images=pins,
                completed_at=now,
            )
        )
    ServiceRevision.objects.bulk_create(revisions, batch_size=_BATCH)
    for service, revision in zip(made, revisions, strict=True):
        service.completed_revision = revision
    Service.objects.bulk_update(made, ["completed_revision"], batch_size=_BATCH)
    rows, containers, load = [], [], []
    per_host = [0] * len(hosts)
    number = first * tasks
    for service, revision in zip(made, revisions, strict=True):
        for _ in range(tasks):
            host = number % len(hosts)
            number += 1
            per_host[host] += 1
            key = ids.hex_id()
            arn = here.task_arn(owner.name, key)
            row = Task(
                id=key,
                arn=arn,
                cluster=owner,
                instance_id=hosts[host],
                task_definition=definition,
                service=service,
                revision=revision,
                group=f"service:{service.name}",
                status="RUNNING",
                cpu=64,
                memory=32,
                started_at=now,
                healthy_at=now,
            )
            runtime = key * 2
            rows.append(row)
            containers.append(
                TaskContainer(
                    task=row,
                    name="app",
                    image=IMAGE,
                    runtime_id=runtime,
                    status="RUNNING",
                    image_digest="sha256:" + "ab" * 32,
                    started_at=now,
                )
            )
            labels = {
                "slipway.installation": installation_id(),
                "slipway.role": "container",
                "com.amazonaws.ecs.task-arn": arn,
                "com.amazonaws.ecs.container-name": "app",
            }
            load.append([host, runtime, f"scale-{key}-app", {"Image": IMAGE, "Labels": labels}])
    Task.objects.bulk_create(rows, batch_size=_BATCH)
    TaskContainer.objects.bulk_create(containers, batch_size=_BATCH)
    for host, used in enumerate(per_host):
        row = ContainerInstance.objects.get(pk=hosts[host])
        row.cpu_reserved += 64 * used
        row.memory_reserved += 32 * used
        row.running_tasks += used
        row.save(update_fields=["cpu_reserved", "memory_reserved", "running_tasks"])
    owner.refresh_from_db()
    owner.active_services += count
    owner.running_tasks += len(rows)
    owner.save(update_fields=["active_services", "running_tasks"])
    return load
