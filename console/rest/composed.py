"""Answers made of more than one operation. Each part asks for its own permission; none of these writes by itself."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from access.models import User
from access.queries import get_user
from access.registry import Caller, Operation, get
from base.errors import ClientError
from clusters.queries import DEFAULT_CLUSTER
from services import deployment_operations, revisions
from services.changes import revision_changes
from services.lookup import find_revision
from services.models import Deployment, ServiceRevision
from services.queries import describe_service, describe_task_definition
from services.taskdef.diff import Change, diff


@dataclass(frozen=True)
class Target:
    """What an action calls: an operation, or a function made of several (`parts`, by name)."""

    name: str
    doc: str
    signature: inspect.Signature
    hints: Mapping[str, Any] = field(repr=False)
    parts: tuple[str, ...]
    run: Callable[..., Any] = field(repr=False)

    @property
    def parameters(self) -> list[str]:
        return [name for name in self.signature.parameters if name != "caller"]

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(get(part) for part in self.parts)


def target_of(call: str | Callable[..., Any]) -> Target:
    """An operation by its name, or one of the functions below."""
    if isinstance(call, str):
        op = get(call)
        hints = typing.get_type_hints(op.body)
        return Target(op.name, op.doc, op.signature, hints, (op.name,), op)
    hints = typing.get_type_hints(call)
    doc = inspect.getdoc(call) or ""
    return Target(call.__name__, doc, inspect.signature(call), hints, _PARTS[call.__name__], call)


@dataclass(frozen=True, slots=True)
class Comparison:
    before: str
    after: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Preview:
    current: ServiceRevision
    target: ServiceRevision
    stopsDeployment: str | None
    desiredCount: int
    changes: Sequence[Change]


def compare_task_definitions(caller: Caller, *, task_definition: str, to: str) -> Comparison:
    """What differs between two revisions, field by field; the order of things whose order means nothing does not
    count."""
    before = describe_task_definition(caller, task_definition=task_definition)
    after = describe_task_definition(caller, task_definition=to)
    return Comparison(before.arn, after.arn, diff(before.document, after.document))


def preview_rollback(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER, to: str | None = None
) -> Preview:
    """What a rollback would change: where it goes and every difference against what is to run now. Without `to` it
    goes to the last completed revision."""
    row = describe_service(caller, service=service, cluster=cluster)
    target = revisions.rollback_target(row) if to is None else find_revision(row, to)
    if target is None:
        raise ClientError(f"{row.name} has no other completed revision to roll back to.")
    current = revisions.current_revision(row)
    stops = (
        row.deployment.arn
        if row.deployment is not None
        and row.completed_revision_id == target.pk
        and row.deployment.target_id != target.pk
        else None
    )
    return Preview(current, target, stops, row.desired_count, revision_changes(current, target))


def roll_back(
    caller: Caller, *, service: str, cluster: str = DEFAULT_CLUSTER, to: str | None = None
) -> Deployment:
    """Go back to the last completed service revision, or to the one named in `to`, with its whole configuration and
    image digests; the desired count stays. In mid-deployment this is StopServiceDeployment with ROLLBACK, afterwards
    UpdateService from the frozen revision."""
    # Who may not see the service cannot tell by this that it is not there.
    row = describe_service(caller, service=service, cluster=cluster)
    return deployment_operations.roll_back(caller, service=row.arn, cluster=cluster, to=to)


def who_am_i(caller: Caller) -> User:
    """The user whose token or session this is."""
    return get_user(caller, username=caller.name)


_PARTS = {
    "compare_task_definitions": ("describe_task_definition",),
    "preview_rollback": ("describe_service",),
    "roll_back": ("describe_service", "stop_service_deployment", "update_service"),
    "who_am_i": ("get_user",),
}
