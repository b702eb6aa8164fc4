"""Rules that run tasks by the clock."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.schedules import RuleRunShape, RuleShape, TargetShape
from services.schedules.models import RuleRun

_TAG = "Rules"
_RULE = "rules/<str:name>"
_TARGET = {
    "Id": "migrate",
    "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/default",
    "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
    "EcsParameters": {
        "TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/report",
        "TaskCount": 1,
    },
}
ENDPOINTS = [
    Endpoint(
        "rules",
        _TAG,
        GET=Listing(
            "list_rules",
            RuleShape,
            orders={"name": ("name",), "nextAt": ("next_at",)},
            order="name",
        ),
    ),
    Endpoint(
        _RULE,
        _TAG,
        GET=Action("describe_rule", RuleShape),
        PUT=Action("put_rule", RuleShape, example={"scheduleExpression": "cron(0 3 * * ? *)"}),
        DELETE=Action("delete_rule"),
    ),
    Endpoint(f"{_RULE}/enable", _TAG, POST=Action("enable_rule", RuleShape)),
    Endpoint(f"{_RULE}/disable", _TAG, POST=Action("disable_rule", RuleShape)),
    Endpoint(
        "rules/<str:rule>/targets",
        _TAG,
        GET=Listing("list_targets_by_rule", TargetShape, orders={"id": ("target_id",)}, order="id"),
        PUT=Action("put_targets", RuleShape, example={"targets": [_TARGET]}),
        DELETE=Action("remove_targets", RuleShape),
    ),
    Endpoint(
        "rules/<str:rule>/runs",
        _TAG,
        GET=Listing(
            "list_rule_runs",
            RuleRunShape,
            filters={"status": Filter("status", "What became of it.", tuple(RuleRun.Status.values))},
            orders={"scheduledFor": ("scheduled_for",)},
            order="-scheduledFor",
        ),
    ),
]
