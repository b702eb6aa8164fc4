"""Rows as the control loop leaves them, made directly: for tests of pages, queries and REST. No engine, no jobs.

`world()` is the scene most tests look at: the service `web` of the cluster `production` in the middle of a
deployment, revision 13 taking over from revision 12, with a history behind it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from access.registry import system_caller
from base import clock, here, ids
from clusters.capabilities import capabilities
from clusters.capacity import create_capacity_provider
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.models import Cluster, ContainerInstance, Network
from services import hooks
from services.daemons.operations import create_daemon
from services.daemons.task_definitions import register_daemon_task_definition
from services.execute.sessions import digest, told
from services.models import (
    Deployment,
    ExecSession,
    ExecTranscript,
    Family,
    Service,
    ServiceEvent,
    ServiceRevision,
    Task,
    TaskContainer,
    TaskDefinition,
    TaskSet,
)
from services.scheduler.model import Hook, Stage
from services.taskdef.resources import resources
from services.taskdef.validate import validate
from telemetry.models import LogEvent, LogStream

AMINA = "arn:aws:iam::123456789012:user/amina"
DEPLOYMENT = {
    "strategy": "ROLLING",
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
    "deploymentCircuitBreaker": {
        "enable": True,
        "rollback": True,
        "resetOnHealthyTask": True,
        "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
    },
}
FROZEN = {
    "launchType": "EC2",
    "networkConfiguration": {},
    "placementStrategy": [],
    "placementConstraints": [],
}


def cluster(name: str = "default", **fields: Any) -> Cluster:
    row = Cluster.objects.create(name=name, arn=here.cluster_arn(name), **fields)
    Network.objects.create(
        cluster=row,
        vpc_id=ids.resource_id("vpc"),
        subnet_id=ids.resource_id("subnet"),
        security_group_id=ids.resource_id("sg"),
        engine_name=f"slipway-{name}-{ids.hex_id(8)}",
    )
    return row


CAPABILITIES = capabilities(FakeEngine(FakeHost(), "").info())


def instance(owner: Cluster, name: str = "host-a", **fields: Any) -> ContainerInstance:
    pk = ids.hex_id()
    values = {
        "url": f"tcp://{name}:2376",
        "connected": True,
        "cpu": 4096,
        "memory": 8192,
        "engine_id": pk,
        "attributes": {"ecs.availability-zone": "a"},
        "capabilities": CAPABILITIES,
        **fields,
    }
    return ContainerInstance.objects.create(
        id=pk, cluster=owner, arn=here.container_instance_arn(owner.name, pk), name=name, **values
    )


def definition(family: str = "web", *, revision: int = 0, by: str = AMINA, **changes: Any) -> TaskDefinition:
    """The next revision (or the one of that number) of a family with one container; `changes` go to the container,
    those of the task under `task`."""
    owner, _ = Family.objects.get_or_create(name=family)
    task = changes.pop("task", {})
    container = {
        "name": family,
        "image": f"{family}:1",
        "cpu": 256,
        "memory": 128,
        "portMappings": [{"containerPort": 80}],
        "healthCheck": {
            "command": ["CMD-SHELL", "wget -q -O /dev/null http://localhost/healthz"],
            "interval": 10,
        },
        **changes,
    }
    document = validate({"family": family, "containerDefinitions": [container], **task})
    number = revision or owner.newest + 1
    owner.newest = max(owner.newest, number)
    owner.save()
    need = resources(document)
    return TaskDefinition.objects.create(
        family=owner,
        revision=number,
        arn=here.task_definition_arn(family, number),
        document=document,
        cpu=need.cpu,
        memory=need.memory,
        registered_by=by,
    )


def daemon_definition(family: str = "agent", **changes: Any) -> TaskDefinition:
    """The next revision of a family of daemon task definitions."""
    container = {"name": family, "image": f"{family}:1", "cpu": 64, "memory": 64, **changes}
    return register_daemon_task_definition(
        system_caller("test"), document={"family": family, "containerDefinitions": [container]}
    )


def daemon(owner: Cluster, name: str = "agent", provider: str = "nodes") -> Service:
    """A daemon whose first deployment is about to begin, of a capacity provider of its own."""
    create_capacity_provider(
        system_caller("test"), name=provider, auto_scaling_group_provider={"autoScalingGroupArn": provider}
    )
    owner.capacity_providers = [*owner.capacity_providers, provider]
    owner.save(update_fields=["capacity_providers"])
    return create_daemon(
        system_caller("test"),
        daemon_name=name,
        daemon_task_definition=daemon_definition().arn,
        capacity_providers=[provider],
        cluster=owner.name,
    )


def service(owner: Cluster, name: str = "web", **fields: Any) -> Service:
    values = {"desired_count": 6, "deployment_configuration": DEPLOYMENT, "created_by": AMINA, **fields}
    row = Service.objects.create(cluster=owner, name=name, arn=here.service_arn(owner.name, name), **values)
    Cluster.objects.filter(pk=owner.pk).update(active_services=owner.services.count())
    return row


def service_revision(of: Service, what: TaskDefinition, **fields: Any) -> ServiceRevision:
    """The service's next revision, images pinned."""
    of.newest_revision += 1
    of.save(update_fields=["newest_revision"])
    pk = ids.numeric_id()
    pinned = {
        c["name"]: {"image": c["image"], "digest": f"sha256:{what.pk:064x}", "pin": f"sha256:{what.pk:064x}"}
        for c in what.containers
    }
    values = {"configuration": FROZEN, "images": pinned, "created_by": AMINA, **fields}
    return ServiceRevision.objects.create(
        id=pk,
        service=of,
        number=of.newest_revision,
        arn=here.service_revision_arn(of.cluster.name, of.name, pk),
        task_definition=what,
        **values,
    )


def pause(of: Deployment, stage: Stage = Stage.POST_SCALE_UP, *, minutes: int = 60) -> str:
    """A lifecycle hook that holds the deployment at the stage. Answers the hook's id."""
    of.lifecycle_stage = stage
    of.lifecycle_hooks = [*of.lifecycle_hooks, *hooks.opened([Hook(stage, 60.0 * minutes)])]
    of.save(update_fields=["lifecycle_stage", "lifecycle_hooks"])
    return str(of.lifecycle_hooks[-1]["hookId"])


def deployment(
    target: ServiceRevision,
    status: str = "SUCCESSFUL",
    *,
    at: datetime | None = None,
    seconds: float = 38,
    **fields: Any,
) -> Deployment:
    """A deployment that began `at`; a finished one took `seconds`; SUCCESSFUL makes the target the completed revision,
    one in progress becomes the service's."""
    of = target.service
    of.refresh_from_db()
    of.newest_deployment += 1
    began = at or clock.now() - timedelta(minutes=10)
    finished = None if status in ("PENDING", "IN_PROGRESS") else began + timedelta(seconds=seconds)
    pk = ids.deployment_id()
    row = Deployment.objects.create(
        id=pk,
        service=of,
        number=of.newest_deployment,
        arn=here.service_deployment_arn(of.cluster.name, of.name, pk),
        status=status,
        target=target,
        source=of.completed_revision,
        configuration=of.deployment_configuration,
        created_by=fields.pop("created_by", AMINA),
        started_at=began,
        finished_at=finished,
        **fields,
    )
    Deployment.objects.filter(pk=pk).update(created_at=began)
    if status == "SUCCESSFUL":
        ServiceRevision.objects.filter(pk=target.pk).update(completed_at=finished)
        of.completed_revision = target
        of.steady_since = finished
    elif finished is None:
        of.deployment, of.steady_since = row, None
    of.save()
    row.refresh_from_db()
    return row


def task_set(of: Service, what: TaskDefinition, scale: float = 100, **fields: Any) -> TaskSet:
    """A task set of a service that has the deployment controller EXTERNAL from now on."""
    Service.objects.filter(pk=of.pk).update(deployment_controller="EXTERNAL")
    of.refresh_from_db()
    revision, now = service_revision(of, what), clock.now()
    return TaskSet.objects.create(
        revision=revision,
        service=of,
        arn=here.task_set_arn(of.cluster.name, of.name, f"ecs-svc/{revision.pk}"),
        scale=scale,
        **{"stability_at": now, "created_at": now, "updated_at": now, "created_by": AMINA, **fields},
    )


def task(
    of: ServiceRevision | None = None,
    *,
    on: ContainerInstance | None = None,
    what: TaskDefinition | None = None,
    under: Deployment | None = None,
    status: str = "RUNNING",
    healthy: bool = True,
    age: float = 100,
    exit_code: int | None = None,
    reason: str = "",
    **fields: Any,
) -> Task:
    """A task `age` seconds old, of a service revision or standalone (`what`). `healthy`: it counts as healthy. Counters
    and reservations move with it."""
    running_to = of.task_definition if of is not None else what
    assert running_to is not None
    owner = of.service.cluster if of is not None else on.cluster  # type: ignore[union-attr]
    now, pk = clock.now(), ids.hex_id()
    began = now - timedelta(seconds=age)
    started = status in ("RUNNING", "DEACTIVATING", "STOPPING", "STOPPED") and age > 1
    stopped = status == "STOPPED"
    checked = any(c.get("healthCheck") for c in running_to.containers)
    health = ("HEALTHY" if healthy else "UNKNOWN") if checked and not stopped else "UNKNOWN"
    values = {
        "desired_status": "STOPPED" if stopped else "RUNNING",
        "health": health,
        "deployment_health": health,
        "pull_started_at": began + timedelta(seconds=0.2),
        "pull_stopped_at": began + timedelta(seconds=3.3) if age > 3.3 else None,
        "started_at": began + timedelta(seconds=3.7) if started else None,
        "healthy_at": began + timedelta(seconds=24) if started and healthy and not stopped else None,
        "stopped_at": now if stopped else None,
        "stopped_reason": reason,
        "group": f"service:{of.service.name}" if of is not None else f"family:{running_to.family.name}",
        **fields,
    }
    row = Task.objects.create(
        id=pk,
        arn=here.task_arn(owner.name, pk),
        cluster=owner,
        instance=on,
        task_definition=running_to,
        service=of.service if of is not None else None,
        revision=of,
        deployment=under,
        started_by=f"ecs-svc/{under.id}" if under is not None else "amina",
        status=status,
        cpu=running_to.cpu,
        memory=running_to.memory,
        **values,
    )
    Task.objects.filter(pk=pk).update(created_at=began)
    row.created_at = began
    for position, container in enumerate(running_to.containers):
        TaskContainer.objects.create(
            task=row,
            name=container["name"],
            essential=container["essential"],
            image=container["image"],
            image_digest=f"sha256:{running_to.pk:064x}",
            runtime_id=f"{pk}{position:032x}",
            status="STOPPED" if stopped else "RUNNING" if started else "PENDING",
            health=health,
            exit_code=exit_code,
            started_at=values["started_at"],
            finished_at=values["stopped_at"],
            network_bindings=[
                {
                    "bindIP": "0.0.0.0",
                    "containerPort": m["containerPort"],
                    "hostPort": 32768 + position,
                    "protocol": "tcp",
                }
                for m in container["portMappings"]
            ]
            if started
            else [],
        )
    if not stopped:
        _count(row, on)
    return row


def exec_session(
    of: Task, *, status: str = "ACTIVE", transcript: bytes = b"$ ", **fields: Any
) -> ExecSession:
    """A session in its first container, of a task that is from now on one that allows it."""
    Task.objects.filter(pk=of.pk).update(enable_execute_command=True)
    container = of.containers.all()[0]
    now = clock.now()
    values = {
        "started_at": now if status != "PENDING" else None,
        "ended_at": now if status == "ENDED" else None,
        "seen_at": now,
        "token_expires_at": now + timedelta(seconds=60),
        "log_group": "/ecs/web",
        "transcript_bytes": len(transcript),
        **fields,
    }
    row = ExecSession.objects.create(
        id=f"ecs-execute-command-{ids.hex_id(18)}",
        task=of,
        task_arn=of.arn,
        owner_arn=of.service.arn if of.service is not None else "",
        cluster_arn=of.cluster.arn,
        container=container.name,
        container_arn=here.container_arn(of.cluster.name, of.pk, container.runtime_id[:32]),
        runtime_id=container.runtime_id,
        command="/bin/sh",
        status=status,
        caller=told(system_caller("scene")),
        actor=AMINA,
        token_digest=digest("token"),
        created_at=now,
        **values,
    )
    if transcript:
        ExecTranscript.objects.create(session=row, number=1, at=now, data=transcript)
    return row


def _count(row: Task, on: ContainerInstance | None) -> None:
    column = "running" if row.status == "RUNNING" else "pending"
    for owner, name in (
        (row.service, f"{column}_count"),
        (row.cluster, f"{column}_tasks"),
        (on, f"{column}_tasks"),
    ):
        if owner is not None:
            owner.refresh_from_db()
            setattr(owner, name, getattr(owner, name) + 1)
            owner.save(update_fields=[name])
    if on is not None:
        on.cpu_reserved, on.memory_reserved = on.cpu_reserved + row.cpu, on.memory_reserved + row.memory
        on.save(update_fields=["cpu_reserved", "memory_reserved"])


def log(
    of: Task, *messages: str, container: str = "", source: str = "stdout", complete: bool = False
) -> LogStream:
    """Lines one second apart, the last one now."""
    name = container or of.task_definition.containers[0]["name"]
    now = clock.now()
    stream = LogStream.objects.create(
        group=f"/ecs/{of.task_definition.family.name}",
        name=f"ecs/{name}/{of.id}",
        task_id=of.id,
        container=name,
        service_arn=of.service.arn if of.service is not None else "",
        collected_until=now,
        lines=len(messages),
        complete=complete,
    )
    LogEvent.objects.bulk_create(
        LogEvent(
            stream=stream, at=now - timedelta(seconds=len(messages) - 1 - i), source=source, message=text
        )
        for i, text in enumerate(messages)
    )
    return stream


def event(of: Service, message: str, ago: float = 0) -> ServiceEvent:
    at = clock.now() - timedelta(seconds=ago)
    return ServiceEvent.objects.create(service=of, event_id=uuid.uuid4(), message=message, created_at=at)


@dataclass
class World:
    cluster: Cluster
    instances: list[ContainerInstance]
    service: Service
    revisions: dict[int, ServiceRevision]  # by the number of the task definition
    deployment: Deployment  # in progress
    new: list[Task]
    old: list[Task]
    failed: list[Task]


def world(tasks: int = 6, healthy: int = 4, *, quiet: bool = False) -> World:
    """`web`, revision 13 taking over from 12: `healthy` of `tasks` new ones are healthy, all old ones serve.
    Before: 10 and 12 completed, 11 was rolled back. `quiet`: without a deployment in progress."""
    now = clock.now()
    owner = cluster("production")
    hosts = [instance(owner, f"host-{letter}", cpu=65536, memory=262144) for letter in "abc"]
    web = service(owner, "web", desired_count=tasks)
    images = {10: "web:77d0c1a", 11: "web:c02ffee", 12: "web:9a3d0b1", 13: "web:4f1c9e2"}
    environment = {
        10: {"LOG_LEVEL": "info"},
        12: {"LOG_LEVEL": "info"},
        13: {"LOG_LEVEL": "info", "FEATURE_CART": "on"},
    }
    revisions: dict[int, ServiceRevision] = {}
    for number, image in images.items():
        variables = [
            {"name": k, "value": v} for k, v in environment.get(number, {"LOG_LEVEL": "info"}).items()
        ]
        what = definition(
            "web", revision=number, image=image, cpu=512 if number == 13 else 256, environment=variables
        )
        TaskDefinition.objects.filter(pk=what.pk).update(registered_at=now - timedelta(days=14 - number))
        revisions[number] = service_revision(web, what)
    deployment(
        revisions[10], at=now - timedelta(days=3), seconds=36, created_by=AMINA.replace("amina", "jonas")
    )
    breaker = (
        "ECS deployment circuit breaker: tasks failed to start (3 failed, the threshold is 3). "
        "Last failure: Essential container in task exited"
    )
    rolled_back = deployment(
        revisions[11], "ROLLBACK_SUCCESSFUL", at=now - timedelta(hours=29), seconds=51, failed_tasks=3,
        rollback=revisions[10], rollback_reason=breaker, status_reason=breaker,
    )  # fmt: skip
    failed = [
        task(revisions[11], on=hosts[i], under=rolled_back, status="STOPPED", healthy=False, age=105_000, failed=True,
             exit_code=1, stop_code="EssentialContainerExited", reason="Essential container in task exited",
             stopped_at=now - timedelta(hours=29) + timedelta(seconds=20 + 9 * i))
        for i in range(3)
    ]  # fmt: skip
    for one in failed:
        log(
            one,
            "starting web",
            "Traceback (most recent call last):",
            "KeyError: 'REDIS_URL'",
            source="stderr",
            complete=True,
        )
    last = deployment(revisions[12], at=now - timedelta(hours=4, minutes=21), seconds=38)
    old = [task(revisions[12], on=hosts[i % 3], under=last, age=15_600) for i in range(tasks)]
    new: list[Task] = []
    if quiet:
        current = last
    else:
        current = deployment(revisions[13], "IN_PROGRESS", at=now - timedelta(seconds=108))
        new = [
            task(
                revisions[13],
                on=hosts[i % 3],
                under=current,
                healthy=i < healthy,
                age=108 if i < healthy else 14,
            )
            for i in range(tasks)
        ]
        short = tasks - healthy
        if short:
            Service.objects.filter(pk=web.pk).update(
                waiting=f"Waiting for {short} tasks to pass their health checks."
                if short > 1
                else "Waiting for 1 task to pass its health checks."
            )
    log(old[0], "GET /healthz 200 0.8ms", "GET /products/42 200 3.1ms")
    event(web, "(service web) has reached a steady state.", 15_500)
    if not quiet:
        event(web, f"(service web) (deployment {current.id}) deployment to web:13 started.", 108)
        event(web, f"(service web) has started {tasks} tasks: (task {new[0].id}).", 107)
    web.refresh_from_db()
    return World(owner, hosts, web, revisions, current, new, old, failed)
