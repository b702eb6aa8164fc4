"""JSON schemas of the nested documents of requests, for the API's description. What checks them is the domain."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from services import hooks
from services.daemons import document as daemons
from services.overrides import OVERRIDES
from services.scheduler.stages import HOOKED
from services.schedules.targets import TARGET
from services.taskdef.fields import DOCUMENT
from services.taskdef.schema import Field, Flag, Kind, ListOf, MapOf, Struct, Text, Whole
from services.taskdef.sizes import CpuSize, MemorySize

Schema = dict[str, Any]

TASK_DEFINITION = "TaskDefinitionDocument"
DAEMON_TASK_DEFINITION = "DaemonTaskDefinitionDocument"


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def _percent(default: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": 1000, "default": default}


_STRINGS: Schema = {"type": "array", "items": {"type": "string"}}
_POLICY: Schema = {
    "type": "object",
    "description": "An IAM policy document.",
    "properties": {
        "Version": {"type": "string", "enum": ["2012-10-17", "2008-10-17"]},
        "Statement": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
    },
    "required": ["Statement"],
}
_STRATEGY = _object(
    {
        "capacityProvider": {"type": "string"},
        "weight": {"type": "integer", "minimum": 0, "maximum": 1000},
        "base": {"type": "integer", "minimum": 0, "maximum": 100_000},
    },
    "capacityProvider",
)
_DOCUMENTS: dict[str, Schema] = {
    "deployment_configuration": _object({
        "strategy": {"type": "string", "enum": ["ROLLING"]},
        "minimumHealthyPercent": _percent(100),
        "maximumPercent": _percent(200),
        "drainPercent": {
            "type": "number", "minimum": 0, "maximum": 100, "default": 25.0, "description": "Of daemons only.",
        },
        "bakeTimeInMinutes": {
            "type": "integer", "minimum": 0, "maximum": 1440, "default": 0, "description": "Of daemons only.",
        },
        "deploymentCircuitBreaker": _object({
            "enable": {"type": "boolean", "default": False},
            "rollback": {"type": "boolean", "default": False},
            "resetOnHealthyTask": {"type": "boolean", "default": True},
            "thresholdConfiguration": _object({
                "type": {"type": "string", "enum": ["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"]},
                "value": {"type": "integer", "minimum": 1, "default": 50},
            }),
        }),
        "lifecycleHooks": {
            "type": "array",
            "maxItems": hooks.MOST,
            "description": "Where a deployment pauses until it is continued or rolled back.",
            "items": _object(
                {
                    "targetType": {"type": "string", "enum": [hooks.PAUSE]},
                    "lifecycleStages": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "enum": list(map(str, HOOKED))},
                    },
                    "timeoutConfiguration": _object({
                        "timeoutInMinutes": {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": hooks.LONGEST_MINUTES,
                            "default": hooks.DEFAULT_MINUTES,
                        },
                        "action": {"type": "string", "enum": list(hooks.ACTIONS), "default": "ROLLBACK"},
                    }),
                },
                "targetType",
                "lifecycleStages",
            ),
        },
    }),
    "configuration": _object({
        "executeCommandConfiguration": _object({
            "logging": {"type": "string", "enum": ["NONE", "DEFAULT", "OVERRIDE"], "default": "DEFAULT"},
            "logConfiguration": _object({"cloudWatchLogGroupName": {"type": "string", "maxLength": 512}}),
        }),
    }),
    "settings": _object(
        {
            "name": {"type": "string", "enum": ["containerInsights"]},
            "value": {"type": "string", "enum": ["disabled"]},
        },
        "name",
        "value",
    ),
    "deployment_controller": _object({"type": {"type": "string", "enum": ["ECS", "EXTERNAL"]}}, "type"),
    "scale": _object({
        "value": {"type": "number", "minimum": 0, "maximum": 100, "default": 0},
        "unit": {"type": "string", "enum": ["PERCENT"], "default": "PERCENT"},
    }),
    "network_configuration": _object({
        "awsvpcConfiguration": _object({
            "subnets": _STRINGS,
            "securityGroups": _STRINGS,
            "assignPublicIp": {"type": "string", "enum": ["DISABLED"]},
        })
    }),
    "attributes": _object(
        {
            "name": {"type": "string", "maxLength": 128},
            "value": {"type": "string", "maxLength": 128},
            "targetType": {"type": "string", "enum": ["container-instance"]},
            "targetId": {"type": "string", "description": "The container instance's ARN or id."},
        },
        "name",
        "targetId",
    ),
    "rotation_rules": _object({
        "AutomaticallyAfterDays": {"type": "integer", "minimum": 1, "maximum": 1000},
    }),
    "capacity_provider_strategy": _STRATEGY,
    "default_capacity_provider_strategy": _STRATEGY,
    "auto_scaling_group_provider": _object({
        "autoScalingGroupArn": {"type": "string", "maxLength": 400, "description": "The group's name or ARN."},
        "managedScaling": _object({
            "status": {"type": "string", "enum": ["DISABLED"]},
            "targetCapacity": {"type": "integer", "minimum": 1, "maximum": 100, "default": 100},
            "minimumScalingStepSize": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1},
            "maximumScalingStepSize": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 10_000},
            "instanceWarmupPeriod": {"type": "integer", "minimum": 0, "maximum": 10_000, "default": 300},
        }),
        "managedTerminationProtection": {"type": "string", "enum": ["DISABLED"]},
        "managedDraining": {"type": "string", "enum": ["DISABLED"]},
    }),
    "placement_strategy": _object(
        {
            "type": {"type": "string", "enum": ["spread", "binpack", "random"]},
            "field": {"type": "string", "description": "spread: instanceId or attribute:NAME; binpack: cpu or memory"},
        },
        "type",
    ),
    "placement_constraints": _object(
        {
            "type": {"type": "string", "enum": ["distinctInstance", "memberOf"]},
            "expression": {"type": "string", "maxLength": 2000, "description": "memberOf: a cluster query"},
        },
        "type",
    ),
    # Trust and session policies, in AWS's form as well.
    **{
        name: {"type": "object", "description": words, "additionalProperties": True}
        for name, words in (
            ("assume_role_policy_document", "An IAM trust policy: statements with a Principal, without Resource."),
            ("policy_document", "An IAM trust policy: statements with a Principal, without Resource."),
            ("session_policy", "An IAM policy document that holds the session further."),
        )
    },
    # Of put_policy; a task definition's document is a whole body, described by `task_definition`.
    "document": _POLICY,
    "policy_documents": _POLICY,
    "boundary_document": _POLICY,
    "resource_policy": _POLICY,
    "context": {
        "type": "object",
        "description": "Condition keys with a text, a number, a boolean or a list of these.",
        "additionalProperties": {},
    },
}  # fmt: skip


def schema_of(name: str) -> Schema:
    """The schema of the parameter `name`. Raises KeyError: a new nested parameter is described here."""
    tables = {"overrides": OVERRIDES, "targets": TARGET}
    return _of(tables[name]) if name in tables else _DOCUMENTS[name]


@lru_cache(maxsize=1)
def task_definition() -> Schema:
    """The schema of RegisterTaskDefinition's document."""
    return _whole(DOCUMENT)


@lru_cache(maxsize=1)
def daemon_task_definition() -> Schema:
    """The schema of RegisterDaemonTaskDefinition's document."""
    return _whole(daemons.DOCUMENT)


def _whole(table: Struct) -> Schema:
    """Of a document that is a whole body, made from the table that checks it. Tags may also be an object of key to
    value."""
    found = _of(table)
    found["properties"]["tags"] = {
        "oneOf": [found["properties"]["tags"], {"type": "object", "additionalProperties": {"type": "string"}}]
    }
    return found


def _of(kind: Kind) -> Schema:
    if isinstance(kind, Struct):
        members = {name: member for name, member in kind.fields.items() if isinstance(member, Field)}
        required = [name for name, member in members.items() if member.required]
        return _object({name: _member(member) for name, member in members.items()}, *required)
    if isinstance(kind, ListOf):
        bounds = {"minItems": kind.minimum or None, "maxItems": kind.maximum}
        return {"type": "array", "items": _of(kind.item), **_given(bounds)}
    if isinstance(kind, MapOf):
        return {"type": "object", "additionalProperties": _of(kind.value)}
    if isinstance(kind, Whole):
        return {"type": "integer", "minimum": kind.minimum, "maximum": kind.maximum}
    if isinstance(kind, Flag):
        return {"type": "boolean"}
    if isinstance(kind, CpuSize | MemorySize):
        return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    if isinstance(kind, Text):
        bounds = {"minLength": kind.min_length or None, "maxLength": kind.max_length}
        return {"type": "string", **_given({**bounds, "enum": list(kind.choices) or None})}
    raise TypeError(f"no schema for {kind!r}")


def _member(member: Field) -> Schema:
    found = {**_of(member.kind), "description": member.summary}
    if member.has_default:
        found["default"] = member.default
    return found


def _given(values: Schema) -> Schema:
    return {name: value for name, value in values.items() if value is not None}
