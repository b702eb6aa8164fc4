"""Protection of a service's tasks from being stopped by scale-in, deployments, rebalancing and drain.

A protected task is still replaced when it is UNHEALTHY, stopped when a person stops it, and goes with its service. The
protection ends by itself: the scheduler compares its end with *now*, so nothing has to be cleared in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock, here, live
from base.arn import is_arn
from base.errors import invalid
from clusters.models import Cluster
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster
from services.failures import MISSING, Failure
from services.models import Service, Task
from services.wakeup import wake_services

DEFAULT_MINUTES, LONGEST_MINUTES = 120, 2880
_MOST_UPDATED, _MOST_READ = 10, 100  # tasks of one call, as ECS
_NOT_VALID = "TASK_NOT_VALID"
_STANDALONE = (
    "The specified task is not part of an Amazon ECS service. Only service-managed tasks can be protected."
)
_STOPPING = "The specified task is stopping or has stopped. Only tasks that are to run can be protected."


@dataclass(frozen=True, slots=True)
class ProtectedTask:
    task_arn: str
    protection_enabled: bool
    expiration_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProtectionResult:
    """`failures`: one for each task that has no protection to speak of."""

    protected_tasks: tuple[ProtectedTask, ...]
    failures: tuple[Failure, ...] = ()


def _needs(action: str, most: int, params: Params) -> Iterator[Need]:
    """One for each task, owned by the service it is of."""
    ids = _ids(params["tasks"], most)
    owners = dict(Task.objects.filter(pk__in=ids.values()).values_list("pk", "service__arn"))
    for given, pk in ids.items():
        arn = given if is_arn(given) else here.task_arn(cluster_name(params["cluster"]), pk)
        owner = owners.get(pk)
        yield Need(action, arn, owners=(owner,) if owner else ())


def _ids(tasks: object, most: int) -> dict[str, str]:
    """What was given -> the task's id, without repeats."""
    if (
        not isinstance(tasks, Sequence)
        or isinstance(tasks, str)
        or not 1 <= len(tasks) <= most
        or not all(isinstance(one, str) and one for one in tasks)
    ):
        raise invalid("tasks", f"1 to {most} task ids or ARNs")
    return {one: one.rsplit("/", 1)[-1] for one in tasks}


@operation(
    "ecs:UpdateTaskProtection",
    resource=lambda params: [],
    extra=lambda caller, params: _needs("ecs:UpdateTaskProtection", _MOST_UPDATED, params),
    writes=True,
)
def update_task_protection(
    caller: Caller,
    *,
    tasks: Sequence[str],
    protection_enabled: bool,
    expires_in_minutes: int | None = None,
    cluster: str = DEFAULT_CLUSTER,
) -> ProtectionResult:
    """Protect tasks of services from scale-in and deployments for a while, or end that. Asked again, the time begins
    anew. Standalone tasks and those that are stopping cannot be protected."""
    minutes = _minutes(protection_enabled, expires_in_minutes)
    owner = find_cluster(cluster)
    rows, failures = _valid(owner, _ids(tasks, _MOST_UPDATED))
    until = clock.now() + timedelta(minutes=minutes) if protection_enabled else None
    # The services first: a plan that would stop one of these tasks is either applied before this, or not at all.
    services = sorted({row.service_id for row in rows if row.service_id is not None})
    Service.every.filter(pk__in=services).update(protections=F("protections") + 1)
    kept = set(
        Task.objects.select_for_update()
        .filter(pk__in=[row.pk for row in rows], desired_status="RUNNING")
        .values_list("pk", flat=True)
    )
    for row in rows:
        if row.pk in kept:
            audit.note_change(f"{row.pk}.protectedUntil", _shown(row.protected_until), _shown(until))
    Task.objects.filter(pk__in=kept).update(protected_until=until, version=F("version") + 1)
    wake_services(services)
    live.publish("tasks", f"cluster:{owner.name}", *(f"task:{pk}" for pk in kept))
    failures += [Failure(row.arn, _NOT_VALID, _STOPPING) for row in rows if row.pk not in kept]
    done = (ProtectedTask(row.arn, protection_enabled, until) for row in rows if row.pk in kept)
    return ProtectionResult(tuple(done), tuple(failures))


@operation(
    "ecs:GetTaskProtection",
    resource=lambda params: [],
    extra=lambda caller, params: _needs("ecs:GetTaskProtection", _MOST_READ, params),
    writes=False,
)
def get_task_protection(
    caller: Caller, *, tasks: Sequence[str], cluster: str = DEFAULT_CLUSTER
) -> ProtectionResult:
    """Whether tasks of services are protected from scale-in, and until when."""
    rows, failures = _valid(find_cluster(cluster), _ids(tasks, _MOST_READ))
    now = clock.now()
    found = (
        ProtectedTask(row.arn, row.is_protected(now), row.protected_until if row.is_protected(now) else None)
        for row in rows
    )
    return ProtectionResult(tuple(found), tuple(failures))


def _minutes(enabled: object, given: object) -> int:
    if not isinstance(enabled, bool):
        raise invalid("protectionEnabled", "true or false")
    if given is None:
        return DEFAULT_MINUTES
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= LONGEST_MINUTES:
        raise invalid("expiresInMinutes", f"a whole number from 1 to {LONGEST_MINUTES}")
    return given


def _valid(cluster: Cluster, ids: dict[str, str]) -> tuple[list[Task], list[Failure]]:
    """The tasks of services among them, in the order given; for each of the others why it is none."""
    known = {
        row.pk: row
        for row in Task.objects.filter(cluster=cluster, pk__in=ids.values()).select_related("service")
    }
    rows: list[Task] = []
    failures: list[Failure] = []
    for given, pk in ids.items():
        row = known.get(pk)
        arn = given if is_arn(given) else here.task_arn(cluster.name, pk)
        if row is None:
            failures.append(Failure(arn, MISSING, "The specified task was not found."))
        elif row.service is None or row.service.daemon:
            failures.append(Failure(row.arn, _NOT_VALID, _STANDALONE))
        elif row.desired_status != "RUNNING":
            failures.append(Failure(row.arn, _NOT_VALID, _STOPPING))
        else:
            rows.append(row)
    return _once(rows), failures


def _once(rows: Iterable[Task]) -> list[Task]:
    return list({row.pk: row for row in rows}.values())


def _shown(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
