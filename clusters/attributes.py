"""Attributes of container instances: what cluster queries ask and placement spreads over.

Those that begin with `ecs.` are the engine's own, set when it connects. Two are for people to set:
`ecs.availability-zone`, since nobody else knows where a host stands, and `ecs.instance-type`, which is its size
(`4cpu-16gib`) unless given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from access.authorization.visibility import visible
from access.registry import Caller, Params, operation
from access.trail import audit
from base import here, live, outbox
from base.arn import is_arn
from base.errors import ClientError, InvalidParameter, NotFound, invalid, invalid_fields
from clusters.capabilities import OLD, is_capability
from clusters.models import ContainerInstance, instance_topics
from clusters.queries import DEFAULT_CLUSTER, cluster_name, find_cluster

Attribute = dict[str, str]  # AWS form: name, value, targetType, targetId (an ARN)

ZONE = "ecs.availability-zone"
TYPE = "ecs.instance-type"
_FOR_PEOPLE = {ZONE, TYPE}  # of those that begin with ecs.
MOST = 10  # custom attributes of one instance, and attributes in one call, as ECS
_TARGET = "container-instance"
_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}")
_VALUE = re.compile(r"[A-Za-z0-9_.@/\\: -]{1,128}")
_NAME_RULE = f"1 to 128 letters, digits, - _ . / \\ and not starting with ecs. or {OLD}"
_VALUE_RULE = "1 to 128 letters, digits, spaces, - _ . @ / \\ : and no space at the ends"


class TargetNotFound(NotFound):
    code = "TargetNotFoundException"


def problem_of_name(name: object) -> str:
    """ "" where it is one that people may give."""
    given = (
        isinstance(name, str)
        and _NAME.fullmatch(name)
        and (not name.startswith("ecs.") or name in _FOR_PEOPLE)
        and not is_capability(name)
    )
    return "" if given else _NAME_RULE


def problem_of_value(value: object) -> str:
    """ "" where it will do. An attribute may have no value: only whether it is there is asked then."""
    if value == "":
        return ""
    return (
        "" if isinstance(value, str) and _VALUE.fullmatch(value) and value == value.strip() else _VALUE_RULE
    )


def checked_attributes(attributes: Mapping[str, str] | None) -> dict[str, str]:
    """Of a registration: name to value. Raises InvalidParameter naming every one that will not do."""
    found = dict(attributes or {})
    problems = {
        f"attributes.{name}": problem
        for name, value in found.items()
        if (problem := problem_of_name(name) or problem_of_value(value))
    }
    if problems:
        raise invalid_fields(problems)
    _check_number(found)
    return found


def _check_number(attributes: Mapping[str, str]) -> None:
    own = sum(1 for name in attributes if not name.startswith("ecs."))
    if own > MOST:
        raise ClientError(
            f"You can have at most {MOST} custom attributes on a container instance; these would be {own}.",
            code="AttributeLimitExceededException",
            fields={"attributes": f"at most {MOST} of one instance"},
        )


# ---- operations --------------------------------------------------------------------------------


def _targets(params: Params) -> list[str]:
    """ARNs of the instances that the attributes are of; every one where the request does not even name them."""
    given = params["attributes"] if isinstance(params["attributes"], list | tuple) else []
    cluster = cluster_name(params["cluster"])
    found = {
        name if is_arn(name) else here.container_instance_arn(cluster, name)
        for item in given
        if isinstance(item, Mapping) and isinstance(name := item.get("targetId"), str) and name
    }
    return sorted(found) or [here.container_instance_arn(cluster, "*")]


@operation("ecs:PutAttributes", resource=_targets, writes=True)
def put_attributes(
    caller: Caller, *, attributes: Sequence[Mapping[str, Any]], cluster: str = DEFAULT_CLUSTER
) -> list[Attribute]:
    """Set attributes of container instances, 10 at most in one call; one of the same name is replaced. Each names its
    instance by targetId, an ARN or an id."""
    given = _checked(attributes, value=True)
    rows = _rows(given, cluster)
    for target, row in rows.items():
        new = {item["name"]: item.get("value", "") for item in given if item["targetId"] == target}
        _save(row, {**row.attributes, **new})
    return [_answer(rows[item["targetId"]], item["name"], item.get("value", "")) for item in given]


@operation("ecs:DeleteAttributes", resource=_targets, writes=True)
def delete_attributes(
    caller: Caller, *, attributes: Sequence[Mapping[str, Any]], cluster: str = DEFAULT_CLUSTER
) -> list[Attribute]:
    """Take attributes away from container instances; those that are not there are ignored. Answers what was deleted."""
    given = _checked(attributes, value=False)
    rows = _rows(given, cluster)
    deleted = []
    for target, row in rows.items():
        names = {item["name"] for item in given if item["targetId"] == target} & row.attributes.keys()
        if ZONE in names:
            raise invalid("attributes", f"every instance is in some zone: set {ZONE} to another")
        deleted += [_answer(row, name, row.attributes[name]) for name in sorted(names)]
        _save(row, {name: value for name, value in row.attributes.items() if name not in names})
    return deleted


@operation("ecs:ListAttributes", resource=lambda params: "*", writes=False)
def list_attributes(
    caller: Caller,
    *,
    target_type: str = _TARGET,
    cluster: str = DEFAULT_CLUSTER,
    attribute_name: str | None = None,
    attribute_value: str | None = None,
) -> list[Attribute]:
    """Attributes of the instances of a cluster that this caller may see, by instance and name."""
    _check_type(target_type, "targetType")
    if attribute_value is not None and attribute_name is None:
        raise invalid("attributeName", "is needed with attributeValue")
    rows = ContainerInstance.objects.filter(cluster=find_cluster(cluster)).exclude(
        status=ContainerInstance.Status.INACTIVE
    )
    keys = {"ecs:cluster": "cluster__arn"}
    seen = visible(rows, caller, "ecs:DescribeContainerInstances", row_keys=keys).order_by("id")
    return [
        _answer(row, name, value)
        for row in seen.only("arn", "attributes", "capabilities", "tags")
        for name, value in sorted(row.all_attributes.items())
        if attribute_name in (None, name) and attribute_value in (None, value)
    ]


def _answer(row: ContainerInstance, name: str, value: str) -> Attribute:
    found = {"name": name, "targetType": _TARGET, "targetId": row.arn}
    return found | {"value": value} if value else found


def _check_type(given: object, field: str) -> None:
    if given not in (None, "", _TARGET):
        raise invalid(field, _TARGET)


def _checked(attributes: Any, *, value: bool) -> list[dict[str, str]]:
    """The attributes of a call, each with a targetId. Raises InvalidParameter naming everything that is wrong."""
    if not isinstance(attributes, list | tuple) or not 1 <= len(attributes) <= MOST:
        raise invalid("attributes", f"a list of 1 to {MOST} attributes")
    problems: dict[str, str] = {}
    for position, item in enumerate(attributes):
        where = f"attributes[{position}]"
        if not isinstance(item, Mapping):
            problems[where] = "must be an object"
            continue
        for key in item:
            if key not in ("name", "value", "targetType", "targetId"):
                problems[f"{where}.{key}"] = "is not a member of an attribute"
        if problem := problem_of_name(item.get("name")):
            problems[f"{where}.name"] = problem
        if value and (problem := problem_of_value(item.get("value") or "")):
            problems[f"{where}.value"] = problem
        if not value and item.get("value"):
            problems[f"{where}.value"] = "is not given to delete an attribute"
        if not isinstance(item.get("targetId"), str) or not item["targetId"]:
            problems[f"{where}.targetId"] = "is required: the container instance's ARN or id"
        if item.get("targetType") not in (None, "", _TARGET):
            problems[f"{where}.targetType"] = _TARGET
    if problems:
        raise invalid_fields(problems)
    return [{name: text for name, text in item.items() if text} for item in attributes]


def _rows(given: Sequence[Mapping[str, str]], cluster: str) -> dict[str, ContainerInstance]:
    """The instances by the targetIds as given, locked in one order: the engine's own attributes are written beside."""
    owner = find_cluster(cluster)
    keys = {item["targetId"]: item["targetId"].rsplit("/", 1)[-1] for item in given}
    rows = ContainerInstance.objects.select_for_update(of=("self",)).select_related("cluster")
    found = rows.filter(cluster=owner, pk__in=keys.values()).exclude(status=ContainerInstance.Status.INACTIVE)
    by_key = {row.pk: row for row in found.order_by("id")}
    for target, key in keys.items():
        if key not in by_key:
            raise TargetNotFound(
                f"The target was not found: {target} is no container instance of cluster {owner}.",
                fields={"targetId": "not found"},
            )
    if len(set(keys.values())) != len(keys):
        raise InvalidParameter(
            "An instance is named in two ways.", fields={"attributes": "name each instance in one way"}
        )
    return {target: by_key[key] for target, key in keys.items()}


def _save(row: ContainerInstance, attributes: dict[str, str]) -> None:
    if attributes == row.attributes:
        return
    _check_number(attributes)
    audit.note_change("attributes", row.attributes, attributes)
    row.attributes = attributes
    row.save(update_fields=["attributes"])
    # Tasks that found no room may find some now.
    outbox.publish("instance.attributes", {"instance": row.pk, "cluster": row.cluster_id})
    live.publish(*instance_topics(row))
