"""Applying a plan: rows in one transaction. Effects on engines are left to the tasks' drivers, woken on commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max

from base import clock, here, ids, live
from base.prepared import Given, Prepared
from clusters import reservation
from clusters.models import Cluster
from services import events, hooks, task_tags
from services.configuration import launch_type_of
from services.control.snapshot import fingerprint
from services.models import Deployment, Service, ServiceRevision, Task, TaskContainer, TaskSet
from services.rollout import end_deployment, service_topics
from services.scheduler import model, wording
from services.scheduler.model import DeploymentStatus, HookStatus, Status
from services.taskdef.resources import resources, shared_out
from services.wakeup import wake_others, wake_tasks

_FINISHED = {
    DeploymentStatus.SUCCESSFUL,
    DeploymentStatus.STOPPED,
    DeploymentStatus.ROLLBACK_SUCCESSFUL,
    DeploymentStatus.ROLLBACK_FAILED,
}


class Outdated(Exception):
    """An operation changed the service after the snapshot: plan anew."""


def apply(service: Service, plan: model.Plan, owner: str, task_set: TaskSet | None = None) -> datetime | None:
    """Carry the plan into the rows. Answers when to look again at the latest. Raises Outdated. `task_set`: whose plan
    it is, where not the whole service's."""
    retry: datetime | None = None
    with transaction.atomic():
        current = _LOCKED.one(pk=service.pk)
        if current.lease_owner != owner or fingerprint(current) != fingerprint(service):
            raise Outdated
        if task_set is not None and _changed(task_set):
            raise Outdated
        _mark_healthy(plan)
        _stop(plan)
        for action in plan.actions:
            if isinstance(action, model.SetDeployment):
                _set_deployment(current, action)
            elif isinstance(action, model.EnterStage | model.ExpirePause):
                _move_through_stages(action)
        started, refused = _start(current, plan)
        if refused:
            retry = clock.now() + timedelta(seconds=1)
        _announce(current, plan, started, task_set)
        if task_set is None:
            _set_state(current, plan)
        else:
            _set_state_of_set(task_set, plan)
        if plan.actions or (task_set or current).waiting != plan.waiting:
            live.publish(*service_topics(current))
        if current.daemon and plan.actions:
            wake_others(current)
    return min(retry, plan.wake_at) if retry and plan.wake_at else retry or plan.wake_at


_LOCKED = Prepared(
    lambda: (
        Service.every.select_for_update(of=("self",))
        .select_related("deployment", "cluster")
        .filter(pk=Given("pk"))
        .order_by()
    )
)


def _changed(task_set: TaskSet) -> bool:
    """Whether an operation changed it since it was read."""
    found = TaskSet.objects.filter(pk=task_set.pk).values_list("status", "scale").first()
    return found != (task_set.status, task_set.scale)


def _mark_healthy(plan: model.Plan) -> None:
    healthy = [action.task for action in plan.actions if isinstance(action, model.MarkHealthy)]
    if healthy:
        Task.objects.filter(pk__in=healthy, healthy_at=None).update(healthy_at=clock.now())
        live.publish(*(f"task:{task}" for task in healthy))


def _stop(plan: model.Plan) -> None:
    by_reason: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for action in plan.actions:
        if isinstance(action, model.StopTask):
            by_reason[action.code, action.reason, action.failed].append(action.task)
    for (code, reason, failed), tasks in by_reason.items():
        Task.objects.filter(pk__in=tasks, desired_status="RUNNING").update(
            desired_status="STOPPED",
            stop_code=code,
            stopped_reason=reason,
            failed=failed,
            version=F("version") + 1,
        )
        wake_tasks(tasks)
        live.publish(*(f"task:{task}" for task in tasks))


# ---- starting ----------------------------------------------------------------------------------


def _start(service: Service, plan: model.Plan) -> tuple[dict[str, list[str]], bool]:
    """Create the tasks, each with its room on its instance. Answers their ids by the zone that is to have more where
    zones are made even (else by ""), and whether any instance had no room any more."""
    by_instance: dict[str, list[model.StartTask]] = defaultdict(list)
    for action in plan.actions:
        if isinstance(action, model.StartTask):
            by_instance[action.instance].append(action)
    if not by_instance:
        return {}, False
    keys = {action.revision for actions in by_instance.values() for action in actions}
    revisions = ServiceRevision.objects.select_related("task_definition__family").in_bulk(list(keys))
    started: dict[str, list[str]] = defaultdict(list)
    refused = False
    for _, actions in sorted(by_instance.items()):
        tasks = [_new_task(service, revisions[action.revision], action) for action in actions]
        try:
            with transaction.atomic():
                for task in tasks:
                    take_room(task)
                create_tasks(tasks)
        except reservation.NoRoom:
            refused = True
            continue
        for action, task in zip(actions, tasks, strict=True):
            started[action.rebalanced_to].append(task.pk)
    new = [task for tasks in started.values() for task in tasks]
    if new:
        Cluster.objects.filter(pk=service.cluster_id).update(pending_tasks=F("pending_tasks") + len(new))
        Service.every.filter(pk=service.pk).update(pending_count=F("pending_count") + len(new))
        wake_tasks(new)
        live.publish("tasks", *(f"instance:{instance}" for instance in by_instance))
    return started, refused


def take_room(task: Task) -> None:
    """Reserve what the task needs on its instance, and tell it which GPUs are its containers'. Raises NoRoom."""
    need = resources(task.document)
    gpus = reservation.reserve(
        str(task.instance_id),
        cpu=task.cpu,
        memory=task.memory,
        ports=need.fixed_ports,
        gpus=need.gpus,
        holder=task.arn,
    )
    task.gpus = shared_out(task.document, gpus)


def _new_task(service: Service, revision: ServiceRevision, action: model.StartTask) -> Task:
    definition = revision.task_definition
    task_id = ids.hex_id()
    deployment = action.deployment or ""
    configuration = revision.configuration
    return Task(
        id=task_id,
        arn=here.task_arn(service.cluster.name, task_id),
        cluster=service.cluster,
        instance_id=action.instance,
        task_definition=definition,
        service=service,
        revision=revision,
        deployment_id=action.deployment,
        group=f"{service.kind}:{service.name}",
        started_by=f"ecs-svc/{deployment or revision.pk}",
        launch_type=launch_type_of(configuration),
        capacity_provider=action.provider,
        cpu=definition.cpu,
        memory=definition.memory,
        tags=task_tags.of_daemon(service, configuration)
        if service.daemon
        else task_tags.of_service(service, definition),
        enable_execute_command=(
            configuration["enableExecuteCommand"] if service.daemon else service.enable_execute_command
        ),
    )


def create_tasks(tasks: Sequence[Task]) -> None:
    """Insert tasks with their containers."""
    Task.objects.bulk_create(tasks)
    TaskContainer.objects.bulk_create(
        TaskContainer(
            task=task,
            name=container["name"],
            essential=container.get("essential", True),
            image=container["image"],
        )
        for task in tasks
        for container in task.task_definition.containers
    )


# ---- the service and its deployment ------------------------------------------------------------


def _set_deployment(service: Service, action: model.SetDeployment) -> None:
    now = clock.now()
    row = Deployment.objects.select_related("target", "rollback").get(pk=action.deployment)
    if action.status in _FINISHED:
        if end_deployment(row, action.status, action.reason) and action.revision is not None:
            _complete(service, action.revision)
            service.completed_revision_id = action.revision
        service.deployment = None
        Service.every.filter(pk=service.pk).update(
            deployment=None, completed_revision_id=service.completed_revision_id
        )
        return
    fields = {"status": action.status, "updated_at": now}
    if action.status is DeploymentStatus.IN_PROGRESS:
        fields["started_at"] = now
    if action.status is DeploymentStatus.ROLLBACK_IN_PROGRESS:
        fields["rollback_started_at"] = now
        fields["rollback_reason"] = action.reason or row.rollback_reason
        fields["lifecycle_stage"] = ""
        fields["lifecycle_hooks"] = hooks.resolved(row.lifecycle_hooks, HookStatus.FAILED)
        if action.rollback is not None:
            fields["rollback_id"] = action.rollback
    if action.reason:
        fields["status_reason"] = action.reason
    Deployment.objects.filter(pk=row.pk).update(**fields)


def _complete(service: Service, revision: str) -> None:
    """After every completion before it, also where the clock went back since: the order tells where a rollback goes."""
    rows = ServiceRevision.objects.filter(service=service)
    newest = rows.aggregate(newest=Max("completed_at"))["newest"]
    after = clock.now() if newest is None else max(clock.now(), newest + timedelta(microseconds=1))
    rows.filter(pk=revision).update(completed_at=after)


def _move_through_stages(action: model.EnterStage | model.ExpirePause) -> None:
    row = Deployment.objects.get(pk=action.deployment)
    if isinstance(action, model.EnterStage):
        row.lifecycle_stage = action.stage
        row.lifecycle_hooks = [*row.lifecycle_hooks, *hooks.opened(action.hooks)]
    else:
        row.lifecycle_hooks = hooks.resolved(row.lifecycle_hooks, HookStatus.TIMED_OUT, hook=action.pause)
    row.save(update_fields=["lifecycle_stage", "lifecycle_hooks", "updated_at"])


def _announce(
    service: Service, plan: model.Plan, started: Mapping[str, Sequence[str]], task_set: TaskSet | None
) -> None:
    messages = [action.message for action in plan.actions if isinstance(action, model.Announce)]
    who = f"{service.kind} {service.name}" + (f", taskSet {task_set.id}" if task_set is not None else "")
    said = {zone: wording.started(who, tasks, zone).message for zone, tasks in started.items()}
    first = [said.pop("")] if "" in said else []
    # After that the zones are not even.
    events.announce(service, *first, *messages, *(message for _, message in sorted(said.items())))


def _set_state(service: Service, plan: model.Plan) -> None:
    fields: dict[str, object] = {}
    if service.waiting != plan.waiting:
        fields["waiting"] = plan.waiting
    if plan.desired_count is not None and service.desired_count != plan.desired_count:
        fields["desired_count"] = plan.desired_count
    for action in plan.actions:
        if isinstance(action, model.SetSteady):
            fields["steady_since"] = clock.now() if action.steady else None
        if isinstance(action, model.FinishService):
            fields["status"] = Service.Status.INACTIVE
            fields["deleted_at"] = clock.now()
            TaskSet.objects.filter(service=service.pk).delete()
            if service.daemon:
                for row in service.deployments.filter(finished_at=None):
                    end_deployment(row, DeploymentStatus.SUCCESSFUL, "The daemon was deleted.")
            else:
                Cluster.objects.filter(pk=service.cluster_id).update(active_services=F("active_services") - 1)
    if fields:
        Service.every.filter(pk=service.pk).update(**fields)
    if service.deployment_id is not None:
        failed = Task.objects.filter(
            deployment_id=service.deployment_id, failed=True, status=Status.STOPPED
        ).count()
        Deployment.objects.filter(pk=service.deployment_id).exclude(failed_tasks=failed).update(
            failed_tasks=failed
        )


def _set_state_of_set(task_set: TaskSet, plan: model.Plan) -> None:
    """Its stability and what it waits for; one that was DRAINING and has no task any more goes."""
    rows = TaskSet.objects.filter(pk=task_set.pk)
    fields: dict[str, object] = {}
    if task_set.waiting != plan.waiting:
        fields["waiting"] = plan.waiting
    for action in plan.actions:
        if isinstance(action, model.SetSteady):
            steady = TaskSet.Stability.STEADY_STATE if action.steady else TaskSet.Stability.STABILIZING
            fields |= {"stability": steady, "stability_at": clock.now()}
        if isinstance(action, model.FinishService):
            rows.delete()
            return
    if fields:
        rows.update(**fields)
