"""The ECS targets of rules, in AWS's form: checked when they are put, RunTask's parameters when they fire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from access.identities.trust import trusts_service
from base import tags as tag_rules
from base.arn import is_arn
from base.errors import InvalidParameter, OperationError, invalid, invalid_fields
from clusters.queries import find_cluster
from services import configuration
from services.lookup import find_definition
from services.roles import find_role, role_arn
from services.task_requests import wish
from services.taskdef.errors import Report
from services.taskdef.fields import TAG
from services.taskdef.schema import Field, Flag, ListOf, Refused, Struct, Text, Whole

EVENTS = "events.amazonaws.com"
MOST = 5  # targets of a rule, as EventBridge
_WORD = Text(max_length=255)

_NETWORK = Struct({
    "awsvpcConfiguration": Field(
        Struct({
            "Subnets": Field(ListOf(_WORD, maximum=16), "subnet ids", required=True),
            "SecurityGroups": Field(ListOf(_WORD, maximum=5), "security group ids", drop_empty=True),
            "AssignPublicIp": Field(Text(choices=("DISABLED",), later=("ENABLED",)), "DISABLED"),
        }),
        "of awsvpc tasks",
    ),
})  # fmt: skip
_CONSTRAINT = Struct({
    "type": Field(Text(choices=("distinctInstance", "memberOf")), "of constraint", required=True),
    "expression": Field(Text(max_length=2000), "in the cluster query language"),
})  # fmt: skip
_STRATEGY = Struct({
    "type": Field(Text(choices=("spread", "binpack", "random")), "of strategy", required=True),
    "field": Field(_WORD, "what by"),
})  # fmt: skip
_SHARE = Struct({
    "capacityProvider": Field(_WORD, "its name", required=True),
    "weight": Field(Whole(0, 1000), "its share"),
    "base": Field(Whole(0, 100_000), "so many first"),
})  # fmt: skip
_ECS = Struct({
    "TaskDefinitionArn": Field(Text(max_length=1600), "its ARN; without a revision the newest", required=True),
    "TaskCount": Field(Whole(1, 10), "how many", default=1),
    "LaunchType": Field(Text(choices=("EC2", "FARGATE"), later=("EXTERNAL",)), "EC2 or FARGATE"),
    "NetworkConfiguration": Field(_NETWORK, "of awsvpc tasks", drop_empty=True),
    "Group": Field(_WORD, "the tasks' group"),
    "PlacementConstraints": Field(ListOf(_CONSTRAINT, maximum=10), "where they may run", drop_empty=True),
    "PlacementStrategy": Field(ListOf(_STRATEGY, maximum=5), "where they best run", drop_empty=True),
    "PropagateTags": Field(Text(choices=("TASK_DEFINITION",)), "whose tags they get"),
    "EnableECSManagedTags": Field(Flag(), "tag them with aws:ecs:clusterName"),
    "EnableExecuteCommand": Field(Flag(), "whether ExecuteCommand may be used in them"),
    "Tags": Field(ListOf(Struct({"Key": TAG.fields["key"], "Value": TAG.fields["value"]})), "theirs", drop_empty=True),
    "CapacityProviderStrategy": Field(ListOf(_SHARE, maximum=20), "instead of a launch type", drop_empty=True),
    "PlatformVersion": Refused(),
    "ReferenceId": Refused(),
})  # fmt: skip
TARGET = Struct({
    "Id": Field(Text(max_length=64), "of the target within its rule", required=True),
    "Arn": Field(Text(max_length=1600), "the cluster's ARN", required=True),
    "RoleArn": Field(Text(max_length=1600), "the role that runs the tasks", required=True),
    "EcsParameters": Field(_ECS, "what runs", required=True),
    "Input": Field(Text(max_length=8192), "overrides, as JSON text"),
    **dict.fromkeys(
        (
            *("InputPath", "InputTransformer", "KinesisParameters", "RunCommandParameters", "BatchParameters"),
            *("SqsParameters", "HttpParameters", "RedshiftDataParameters", "SageMakerPipelineParameters"),
            *("DeadLetterConfig", "RetryPolicy", "AppSyncParameters"),
        ),
        Refused(),
    ),
})  # fmt: skip


def checked_targets(given: object) -> list[dict[str, Any]]:
    """The targets as they are kept. Raises InvalidParameterException naming everything that is wrong."""
    report = Report()
    found: list[dict[str, Any]] = ListOf(TARGET, minimum=1, maximum=MOST, unique=("Id",)).check(
        given, "targets", report
    )
    if report.problems:
        raise invalid_fields({problem.path: problem.message for problem in report.problems})
    for index, target in enumerate(found):
        _check_one(target, f"targets[{index}]")
    return found


def _check_one(target: dict[str, Any], at: str) -> None:
    if not is_arn(target["Arn"]) or ":cluster/" not in target["Arn"]:
        raise invalid(f"{at}.Arn", "must be a cluster's ARN: only ECS targets are supported")
    target["RoleArn"] = role_arn(target["RoleArn"])
    role = find_role(target["RoleArn"])
    if role is None:
        raise invalid(f"{at}.RoleArn", "there is no such role")
    if not trusts_service(role, EVENTS):
        raise invalid(f"{at}.RoleArn", f"its trust policy does not let {EVENTS} assume it")
    try:
        _check_run(run_parameters(target))
    except OperationError as error:
        fields = {f"{at}.{path}": text for path, text in error.fields.items()}
        raise InvalidParameter(f"{at}: {error}", fields=fields or {at: str(error)}) from None


def _check_run(given: Mapping[str, Any]) -> None:
    """Raises what RunTask would refuse `given` with now, room and rights aside."""
    cluster = find_cluster(given["cluster"])
    definition = find_definition(given["task_definition"], active=True)
    configuration.capacity(cluster, definition, given["launch_type"], given["capacity_provider_strategy"])
    configuration.placement(given["placement_strategy"], given["placement_constraints"])
    wish(
        cluster,
        definition,
        started_by="",
        group=given["group"],
        network_configuration=given.get("network_configuration"),
        overrides=given["overrides"],
        tags=given.get("tags"),
        propagate_tags=given["propagate_tags"],
        enable_ecs_managed_tags=given["enable_ecs_managed_tags"],
    )


def overrides_of(target: Mapping[str, Any]) -> dict[str, Any] | None:
    """Those that `Input` holds."""
    text = target.get("Input")
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid("Input", "must be overrides as a JSON object")
    return found


def run_parameters(target: Mapping[str, Any]) -> dict[str, Any]:
    """RunTask's."""
    ecs = target["EcsParameters"]
    network = ecs.get("NetworkConfiguration", {}).get("awsvpcConfiguration")
    given: dict[str, Any] = {
        "cluster": target["Arn"],
        "task_definition": ecs["TaskDefinitionArn"],
        "count": ecs["TaskCount"],
        "overrides": overrides_of(target),
        "launch_type": ecs.get("LaunchType"),
        "capacity_provider_strategy": ecs.get("CapacityProviderStrategy"),
        "group": ecs.get("Group"),
        "placement_constraints": ecs.get("PlacementConstraints"),
        "placement_strategy": ecs.get("PlacementStrategy"),
        "propagate_tags": ecs.get("PropagateTags"),
        "enable_ecs_managed_tags": ecs.get("EnableECSManagedTags", False),
        "enable_execute_command": ecs.get("EnableExecuteCommand", False),
    }
    if network:
        given["network_configuration"] = {
            "awsvpcConfiguration": {name[0].lower() + name[1:]: value for name, value in network.items()}
        }
    if ecs.get("Tags"):
        given["tags"] = tag_rules.from_list({"key": one["Key"], "value": one["Value"]} for one in ecs["Tags"])
    return given
