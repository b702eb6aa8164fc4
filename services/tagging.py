"""Tagging any resource of ECS by its ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import models

from access.authorization import resource_tags
from access.registry import Caller, Params, operation
from access.trail import audit
from base import live
from base.arn import Arn, ArnError
from base.errors import InvalidParameter, NotFound, invalid
from base.tags import checked
from clusters.models import CapacityProvider, Cluster, ContainerInstance
from services.lookup import owners_of_task
from services.models import Service, Task, TaskDefinition, TaskSet

_KINDS: dict[str, models.QuerySet] = {
    "cluster": Cluster.objects.filter(status="ACTIVE"),
    "container-instance": ContainerInstance.objects.exclude(status="INACTIVE"),
    "capacity-provider": CapacityProvider.objects.filter(status="ACTIVE"),
    "service": Service.objects.exclude(status="INACTIVE"),
    "daemon": Service.every.filter(daemon=True).exclude(status="INACTIVE"),
    "task": Task.objects.all(),
    "task-set": TaskSet.objects.all(),
    "task-definition": TaskDefinition.objects.all(),
    "daemon-task-definition": TaskDefinition.every.filter(daemon=True),
}


def _find(arn: str) -> models.Model:
    try:
        kind = Arn.parse(arn).type
    except ArnError:
        raise invalid("resourceArn", "not an ARN") from None
    if kind not in _KINDS:
        raise invalid("resourceArn", f"a {kind} has no tags; tags are for {', '.join(_KINDS)}")
    row = _KINDS[kind].filter(arn=arn).first()
    if row is None:
        raise NotFound(f"The specified resource was not found: {arn}.", fields={"resourceArn": "not found"})
    return row  # type: ignore[no-any-return]


def tags_by_arn(arn: str) -> Mapping[str, str] | None:
    """For access.authorization.resource_tags: one query."""
    rows = _KINDS[arn.split(":", 5)[5].partition("/")[0]].filter(arn=arn)
    found: dict[str, str] | None = rows.values_list("tags", flat=True).first()
    return found


for _kind in _KINDS:
    resource_tags.register("ecs", _kind, tags_by_arn)


def _arn_of(params: Params) -> str:
    return str(params["resource_arn"])


def _owners(params: Params) -> list[str]:
    return owners_of_task(arn=params["resource_arn"])


def _save(row: models.Model, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    type(row)._base_manager.filter(pk=row.pk).update(tags=after)
    audit.note_change("tags", before, after)
    live.publish("clusters", "services", "task-definitions", "instances")
    return after


@operation("ecs:TagResource", resource=_arn_of, owners=_owners, writes=True)
def tag_resource(caller: Caller, *, resource_arn: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Add or overwrite tags of a cluster, instance, service, task set, daemon, task or task definition; answers all."""
    row = _find(resource_arn)
    before: dict[str, str] = dict(row.tags)  # type: ignore[attr-defined]
    return _save(row, before, checked(before | dict(tags)))


@operation("ecs:UntagResource", resource=_arn_of, owners=_owners, writes=True)
def untag_resource(caller: Caller, *, resource_arn: str, tag_keys: Sequence[str]) -> dict[str, str]:
    """Take tags away by their keys; keys that are not there are ignored. Answers the tags that are left."""
    if isinstance(tag_keys, str):
        raise InvalidParameter("tagKeys: a list of keys", fields={"tagKeys": "a list of keys"})
    row = _find(resource_arn)
    before: dict[str, str] = dict(row.tags)  # type: ignore[attr-defined]
    return _save(row, before, {key: value for key, value in before.items() if key not in set(tag_keys)})


@operation("ecs:ListTagsForResource", resource=_arn_of, owners=_owners, writes=False)
def list_tags_for_resource(caller: Caller, *, resource_arn: str) -> dict[str, str]:
    """The tags of a resource."""
    return dict(_find(resource_arn).tags)  # type: ignore[attr-defined]
