"""Writes of task sets, for services with the deployment controller EXTERNAL: whoever deploys them decides how many
tasks each set has and which of them is the primary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from access.authorization.creation_tags import tagging_need
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock
from base.errors import InvalidParameter, invalid
from base.prepared import update
from base.tags import checked
from clusters.queries import DEFAULT_CLUSTER
from services import condition_keys
from services.client_tokens import checked_token, digest_of
from services.definitions import special_needs
from services.freezing import frozen
from services.lookup import find_active_service, find_definition, service_arn_of
from services.models import Service
from services.rollout import new_revision, touch
from services.task_sets.lookup import (
    arn_of,
    check_external,
    find_task_set,
    task_set_arn_of,
    task_set_owners,
)
from services.task_sets.models import TaskSet
from services.task_sets.state import drain

MOST = 5  # of one service, as ECS, those that are going counted
_LONGEST_TOKEN, _LONGEST_EXTERNAL_ID = 36, 255


def _needs_of_creation(caller: Caller, params: Params) -> Iterator[Need]:
    definition = find_definition(params["task_definition"])
    yield from special_needs(definition.document, definition.arn)
    yield from tagging_need("CreateTaskSet", task_set_arn_of(params), params["tags"])


@operation(
    "ecs:CreateTaskSet",
    resource=task_set_arn_of,
    owners=task_set_owners,
    context=condition_keys.of_service,
    extra=_needs_of_creation,
    writes=True,
)
def create_task_set(
    caller: Caller,
    *,
    service: str,
    task_definition: str,
    cluster: str = DEFAULT_CLUSTER,
    external_id: str = "",
    launch_type: str | None = None,
    capacity_provider_strategy: Sequence[Mapping[str, Any]] | None = None,
    network_configuration: Mapping[str, Any] | None = None,
    scale: Mapping[str, Any] | None = None,
    client_token: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> TaskSet:
    """Give a service with the deployment controller EXTERNAL a further set of tasks: `scale` per cent of its desired
    count, rounded up; 0 unless given. Nested parameters are in AWS form. `client_token`: a repeat answers the task set
    that is there."""
    digest = digest_of({name: value for name, value in locals().items() if name != "caller"})
    percent = 0.0 if scale is None else _checked_scale(scale)
    if not isinstance(external_id, str) or len(external_id) > _LONGEST_EXTERNAL_ID:
        raise invalid("externalId", f"at most {_LONGEST_EXTERNAL_ID} characters")
    owner = find_active_service(service, cluster)
    check_external(owner)
    token = checked_token(client_token, _LONGEST_TOKEN)
    known = _made_before(owner, token, digest)
    if known is not None:
        return known
    count = owner.task_sets.count()
    if count >= MOST:
        raise InvalidParameter(
            f"{count} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum "
            "limit.",
            fields={"service": f"has {count} task sets"},
        )
    definition = find_definition(task_definition, active=True)
    settled = frozen(
        owner.cluster, definition, launch_type, capacity_provider_strategy, network_configuration, None, None
    )
    revision = new_revision(owner, definition, settled, caller.arn)
    now = clock.now()
    row = TaskSet.objects.create(
        revision=revision,
        service=owner,
        arn=arn_of(owner.cluster.name, owner.name, revision.pk),
        scale=percent,
        external_id=external_id,
        stability_at=now,
        tags=checked(tags),
        created_at=now,
        created_by=caller.arn,
        updated_at=now,
        client_token=token,
        request_digest=digest,
    )
    touch(owner)
    return find_task_set(owner, row.pk)


def _made_before(service: Service, token: str, digest: str) -> TaskSet | None:
    """By a call with the same token. (The service's row is locked: two calls at once are one after the other.)"""
    known = TaskSet.objects.filter(service=service, client_token=token).first() if token else None
    if known is None:
        return None
    if known.request_digest != digest:
        raise InvalidParameter(
            f"Creation of task set was not idempotent: the clientToken made {known.arn}, by a different request.",
            fields={"clientToken": "is in use with a different request"},
        )
    return find_task_set(service, known.pk)


@operation("ecs:UpdateTaskSet", resource=task_set_arn_of, owners=task_set_owners, writes=True)
def update_task_set(
    caller: Caller, *, service: str, task_set: str, scale: Mapping[str, Any], cluster: str = DEFAULT_CLUSTER
) -> TaskSet:
    """Scale a task set to another percentage of its service's desired count."""
    percent = _checked_scale(scale)
    row = _active(service, cluster, task_set)
    audit.note_change("scale", row.scale, percent)
    if percent != row.scale:
        now = clock.now()
        row.scale, row.updated_at = percent, now
        row.stability, row.stability_at = TaskSet.Stability.STABILIZING, now
        update(row, "scale", "updated_at", "stability", "stability_at")
    touch(row.service)
    return row


@operation(
    "ecs:UpdateServicePrimaryTaskSet", resource=service_arn_of, context=condition_keys.of_service, writes=True
)
def update_service_primary_task_set(
    caller: Caller, *, service: str, primary_task_set: str, cluster: str = DEFAULT_CLUSTER
) -> TaskSet:
    """Make a task set the primary one: what the service shows as its own (task definition, network, launch type) is
    that set's from now on. No task is started or stopped by it."""
    row = _active(service, cluster, primary_task_set)
    owner = row.service
    if owner.completed_revision_id != row.pk:
        before = owner.completed_revision
        audit.note_change("primaryTaskSet", f"ecs-svc/{before.pk}" if before else None, row.id)
        owner.completed_revision = row.revision
        update(owner, "completed_revision")
        row.updated_at = clock.now()
        update(row, "updated_at")
    touch(owner)
    return row


@operation("ecs:DeleteTaskSet", resource=task_set_arn_of, owners=task_set_owners, writes=True)
def delete_task_set(
    caller: Caller, *, service: str, task_set: str, cluster: str = DEFAULT_CLUSTER, force: bool = False
) -> TaskSet:
    """Stop a task set's tasks; when the last is gone, so is the set. Without `force` only one that is scaled to zero
    and is not the primary."""
    owner = find_active_service(service, cluster)
    check_external(owner)
    row = find_task_set(owner, task_set)
    primary = row.shown_status == "PRIMARY"
    if not force and row.status == TaskSet.Status.ACTIVE and (primary or row.scale):
        why = "it is the primary task set" if primary else "it is scaled above 0"
        raise InvalidParameter(
            f"The task set {row.id} cannot be deleted while {why}.", fields={"force": f"{why}: use force"}
        )
    audit.note_change("status", row.shown_status, "DRAINING")
    drain(TaskSet.objects.filter(pk=row.pk))
    if owner.completed_revision_id == row.pk:
        owner.completed_revision = None
        update(owner, "completed_revision")
    row = find_task_set(owner, row.pk)
    touch(owner)
    return row


def _active(service: str, cluster: str, task_set: str) -> TaskSet:
    owner = find_active_service(service, cluster)
    check_external(owner)
    row = find_task_set(owner, task_set)
    if row.status != TaskSet.Status.ACTIVE:
        raise InvalidParameter(
            f"The task set {row.id} is {row.status}, not ACTIVE.", fields={"taskSet": f"is {row.status}"}
        )
    return row


def _checked_scale(scale: object) -> float:
    """Percent. (AWS form: value and unit.)"""
    if not isinstance(scale, Mapping) or not set(scale) <= {"value", "unit"}:
        raise invalid("scale", "an object with value and unit")
    if scale.get("unit", "PERCENT") != "PERCENT":
        raise invalid("scale.unit", "PERCENT")
    value = scale.get("value", 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid("scale.value", "a number from 0 to 100")
    if not 0 <= value <= 100:
        raise invalid("scale.value", "a number from 0 to 100")
    return float(value)
