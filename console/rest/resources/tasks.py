"""Tasks, their logs, and tags of anything."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects

from console.rest.actions import Action, Endpoint, File, Filter, Lines, Listing
from console.rest.shapes.common import Shape, Tags
from console.rest.shapes.tasks import (
    ExecSessionShape,
    ExecutionShape,
    LinesShape,
    ProtectionShape,
    RunShape,
    TaskShape,
)
from services.scheduler.model import Status
from services.task_requests import RunResult

_TASKS = "Tasks"


class TagsShape(Shape):
    tags = Tags()

    class Meta:
        ref_name = "Tags"


def _whole(result: RunResult) -> RunResult:
    """With what their shape looks at, fetched together."""
    prefetch_related_objects(
        list(result.tasks), "cluster", "instance", "service", "task_definition__family", "containers"
    )
    return result


def _tagged(tags: Any) -> dict[str, Any]:
    return {"tags": tags}


def _tasks(name: str) -> Listing:
    return Listing(
        "list_tasks",
        TaskShape,
        name=name,
        words={"desired_status": ("RUNNING", "STOPPED", "ALL")},
        filters={
            "lastStatus": Filter("status", "Its state.", tuple(str(status) for status in Status)),
            "healthStatus": Filter("health", "Its health.", ("HEALTHY", "UNHEALTHY", "UNKNOWN")),
        },
        orders={"createdAt": ("created_at",), "stoppedAt": ("stopped_at",), "lastStatus": ("status",)},
        order="-createdAt",
    )


def _sessions(name: str) -> Listing:
    return Listing(
        "list_exec_sessions",
        ExecSessionShape,
        name=name,
        filters={"status": Filter("status", "Its state.", ("PENDING", "OPENING", "ACTIVE", "ENDED"))},
        orders={"createdAt": ("created_at",)},
        order="-createdAt",
    )


_TASK = "clusters/<str:cluster>/tasks/<str:task>"
ENDPOINTS = [
    Endpoint("tasks", _TASKS, GET=_tasks("listTasks")),
    Endpoint(
        "clusters/<str:cluster>/tasks",
        _TASKS,
        GET=_tasks("listTasksOfCluster"),
        POST=Action(
            "run_task", RunShape, prepare=_whole, example={"taskDefinition": "migrate:3", "count": 1}
        ),
    ),
    Endpoint(_TASK, _TASKS, GET=Action("describe_task", TaskShape)),
    Endpoint(f"{_TASK}/logs", _TASKS, GET=Lines("list_task_log", LinesShape)),
    Endpoint(
        f"{_TASK}/exec",
        _TASKS,
        POST=Action(
            "execute_command",
            ExecutionShape,
            status=201,
            example={"command": "/bin/sh", "interactive": True, "container": "web"},
        ),
    ),
    Endpoint(f"{_TASK}/exec-sessions", _TASKS, GET=_sessions("listExecSessionsOfTask")),
    Endpoint("exec-sessions", _TASKS, GET=_sessions("listExecSessions")),
    Endpoint("exec-sessions/<str:sessionId>/end", _TASKS, POST=Action("end_exec_session", ExecSessionShape)),
    Endpoint(
        "exec-sessions/<str:sessionId>/transcript",
        _TASKS,
        GET=File("get_exec_transcript", media_type="text/plain; charset=utf-8", filename="transcript.txt"),
    ),
    Endpoint(f"{_TASK}/stop", _TASKS, POST=Action("stop_task", TaskShape, example={"reason": "stuck"})),
    Endpoint(
        "clusters/<str:cluster>/started-tasks",
        _TASKS,
        POST=Action(
            "start_task",
            RunShape,
            prepare=_whole,
            example={
                "taskDefinition": "migrate:3",
                "containerInstances": ["1dc5c17a422b4dc4b493371970c6c4d6"],
            },
        ),
    ),
    Endpoint(
        "clusters/<str:cluster>/task-protection",
        _TASKS,
        GET=Action("get_task_protection", ProtectionShape),
        PUT=Action(
            "update_task_protection",
            ProtectionShape,
            example={
                "tasks": ["1dc5c17a422b4dc4b493371970c6c4d6"],
                "protectionEnabled": True,
                "expiresInMinutes": 60,
            },
        ),
    ),
    Endpoint(
        "tags",
        "Tags",
        GET=Action("list_tags_for_resource", TagsShape, prepare=_tagged),
        POST=Action(
            "tag_resource",
            TagsShape,
            prepare=_tagged,
            example={
                "resourceArn": "arn:aws:ecs:us-east-1:123456789012:service/default/web",
                "tags": {"team": "shop"},
            },
        ),
        DELETE=Action("untag_resource", TagsShape, prepare=_tagged),
    ),
]
