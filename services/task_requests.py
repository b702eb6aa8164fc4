"""What RunTask and StartTask have in common: checking the request, making the tasks, remembering a client token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from base import clock, here, ids, live
from base.errors import Conflict, invalid
from base.tags import checked
from clusters import reservation
from clusters.models import Cluster
from services import configuration, task_tags
from services.client_tokens import checked_token, digest_of
from services.control.apply import create_tasks, take_room
from services.control.snapshot import demand
from services.failures import Failure
from services.models import RunRequest, Task, TaskDefinition
from services.overrides import checked_overrides
from services.scheduler.filters import Refusal
from services.wakeup import wake_tasks

MOST_AT_ONCE = 10  # tasks of one call, as ECS
TOKENS_KEPT = timedelta(hours=24)
_LONGEST_TOKEN = 64
_STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{1,128}")
# The words of the scheduler's refusals, and AWS's for them.
_REASONS = (
    ("is not of the capacity provider", "EMPTY CAPACITY PROVIDER"),
    ("CPU", "RESOURCE:CPU"),
    ("memory", "RESOURCE:MEMORY"),
    ("port", "RESOURCE:PORTS"),
    ("GPU", "RESOURCE:GPU"),
    ("disconnected", "AGENT"),
    ("attribute", "ATTRIBUTE"),
)


@dataclass(frozen=True)
class RunResult:
    """`failures`: one for each task that found no room, or for each instance that could not take one."""

    tasks: tuple[Task, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What the tasks of one call are to be, checked. `fields`: columns of theirs that are as they are given."""

    cluster: Cluster
    definition: TaskDefinition
    overrides: dict[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The task definition as these tasks run it."""
        return Task(task_definition=self.definition, overrides=self.overrides).document

    def task(self, instance: str) -> Task:
        need = demand(self.document())
        task_id = ids.hex_id()
        return Task(
            id=task_id,
            arn=here.task_arn(self.cluster.name, task_id),
            cluster=self.cluster,
            instance_id=instance,
            task_definition=self.definition,
            cpu=need.cpu,
            memory=need.memory,
            overrides=self.overrides,
            **self.fields,
        )


def wish(
    cluster: Cluster,
    definition: TaskDefinition,
    *,
    started_by: str,
    group: str | None,
    network_configuration: Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    propagate_tags: str | None,
    enable_ecs_managed_tags: bool,
    **fields: Any,
) -> Wish:
    """Raises InvalidParameterException and the like for what cannot be."""
    configuration.network_configuration(cluster, definition, network_configuration)
    if group is not None and (not isinstance(group, str) or not 1 <= len(group) <= 255):
        raise invalid("group", "1 to 255 characters")
    for kind in ("service", "daemon"):
        if group is not None and group.startswith(f"{kind}:"):
            raise invalid("group", f"{kind}: is for the tasks of {kind}s")
    if propagate_tags not in (None, "NONE", "TASK_DEFINITION"):
        raise invalid("propagateTags", "TASK_DEFINITION or NONE: the tasks are of no service")
    own = checked(tags)
    inherited = definition.tags if propagate_tags == "TASK_DEFINITION" else {}
    managed = (
        task_tags.managed(cluster.name)
        if configuration.flag(enable_ecs_managed_tags, "enableECSManagedTags")
        else {}
    )
    return Wish(
        cluster,
        definition,
        checked_overrides(overrides, definition),
        {
            "group": group or f"family:{definition.family.name}",
            "started_by": started_by,
            "tags": {**managed, **inherited, **own},
            **fields,
        },
    )


def checked_started_by(given: str | None, default: str) -> str:
    if given is None or given == "":
        return default
    if not isinstance(given, str) or not _STARTED_BY.fullmatch(given):
        raise invalid("startedBy", "1 to 128 letters, digits, hyphens, slashes and underscores")
    return given


def start(wish: Wish, places: Sequence[tuple[str, str]]) -> list[Task]:
    """Make a task on each of these instances that still has the room; answers those made. `places`: (instance, the
    capacity provider whose share it is, "" for none)."""
    tasks = []
    for instance, provider in places:
        tasks.append(wish.task(instance))
        tasks[-1].capacity_provider = provider
    made = _reserve(tasks)
    create_tasks(made)
    Cluster.objects.filter(pk=wish.cluster.pk).update(pending_tasks=F("pending_tasks") + len(made))
    wake_tasks(task.pk for task in made)
    live.publish("tasks", f"cluster:{wish.cluster.name}", "overview")
    return made


def _reserve(tasks: list[Task]) -> list[Task]:
    """Those that still found their room."""
    kept = []
    for task in sorted(tasks, key=lambda task: str(task.instance_id)):
        try:
            take_room(task)
        except reservation.NoRoom:
            continue
        kept.append(task)
    return kept


def failure(cluster: Cluster, reason: str, instance: str | None = None) -> Failure:
    """A refusal's sentence with AWS's word for it. `instance`: the id of the one that came closest."""
    arn = here.container_instance_arn(cluster.name, instance) if instance else cluster.arn
    return Failure(arn, next((word for part, word in _REASONS if part in reason), "RESOURCE"), reason)


def failures(cluster: Cluster, refusal: Refusal | None, count: int) -> tuple[Failure, ...]:
    """`count` equal ones; without a refusal somebody else was quicker."""
    if refusal is None:
        return tuple(failure(cluster, "The room was taken by other tasks meanwhile.") for _ in range(count))
    return tuple(failure(cluster, refusal.reason, refusal.instance) for _ in range(count))


# ---- client tokens -----------------------------------------------------------------------------


def earlier(token: str | None, request: Mapping[str, Any]) -> tuple[Task, ...] | None:
    """The tasks of an earlier call with this token, or None for the first: then the token is taken, within this
    transaction. Raises ConflictException where the earlier call asked for something else.

    Two calls at once: the later one waits for the earlier one's commit at the unique key, and then finds its tasks.
    """
    token = checked_token(token, _LONGEST_TOKEN)
    if not token:
        return None
    digest = digest_of(request)
    RunRequest.objects.filter(token=token, created_at__lt=clock.now() - TOKENS_KEPT).delete()
    try:
        with transaction.atomic():
            RunRequest.objects.create(token=token, digest=digest, created_at=clock.now())
    except IntegrityError:
        known = RunRequest.objects.get(token=token)
        tasks = tuple(Task.objects.filter(pk__in=known.tasks))
        if known.digest != digest:
            raise Conflict(
                "The provided clientToken is already in use with a different RunTask request: "
                + ", ".join(task.arn for task in tasks),
                fields={"clientToken": "is in use with a different request"},
            ) from None
        return tasks
    return None


def remember(token: str | None, tasks: Sequence[Task]) -> None:
    """What was started with the token. Nothing: the same call may be tried again."""
    rows = RunRequest.objects.filter(token=token or "")
    if not tasks:
        rows.delete()
    elif token:
        rows.update(tasks=[task.pk for task in tasks])
