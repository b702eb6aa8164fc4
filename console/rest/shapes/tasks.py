"""Tasks, their containers and log lines, as REST answers them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.rest.shapes.common import Flag, Free, FreeList, Moment, Shape, Tags, Text, Whole
from services.models import TaskContainer


class ContainerShape(Shape):
    name = Text()
    essential = Flag()
    image = Text()
    imageDigest = Text("image_digest")
    runtimeId = Text("runtime_id", help_text="The container's id on its engine.")
    lastStatus = Text("status")
    healthStatus = Text("health")
    exitCode = Whole("exit_code", allow_null=True)
    outOfMemory = Flag("oom_killed")
    reason = Text()
    networkBindings = FreeList("network_bindings")
    gpuIds = serializers.SerializerMethodField()
    restartCount = Whole("restart_count")
    startedAt = Moment("started_at")
    finishedAt = Moment("finished_at")

    class Meta:
        ref_name = "Container"

    def get_gpuIds(self, row: TaskContainer) -> list[str]:
        """Of the instance's GPUs, those that are this container's own."""
        found: list[str] = row.task.gpus.get(row.name, [])
        return found


class FailureShape(Shape):
    arn = Text()
    reason = Text(help_text="In AWS's word: MISSING, RESOURCE:CPU, TASK_NOT_VALID.")
    detail = Text()

    class Meta:
        ref_name = "Failure"


class ProtectedTaskShape(Shape):
    taskArn = Text("task_arn")
    protectionEnabled = Flag("protection_enabled")
    expirationDate = Moment("expiration_date")

    class Meta:
        ref_name = "ProtectedTask"


class ProtectionShape(Shape):
    protectedTasks = ProtectedTaskShape(many=True, source="protected_tasks")
    failures = FailureShape(many=True, help_text="One for each task that has no protection to speak of.")

    class Meta:
        ref_name = "TaskProtection"


class TaskShape(Shape):
    taskArn = Text("arn")
    taskId = Text("id")
    clusterArn = Text("cluster.arn")
    taskDefinitionArn = Text("task_definition.arn")
    containerInstanceArn = Text("instance.arn", default=None, allow_null=True)
    serviceArn = Text("service.arn", default=None, allow_null=True, help_text="null: a standalone task.")
    group = Text()
    startedBy = Text("started_by")
    launchType = Text("launch_type")
    enableExecuteCommand = Flag("enable_execute_command")
    lastStatus = Text("status")
    desiredStatus = Text("desired_status")
    healthStatus = Text("health")
    stopCode = Text("stop_code")
    stoppedReason = Text("stopped_reason")
    cpu = Text(help_text="CPU units.")
    memory = Text(help_text="MiB.")
    privateIpv4Address = Text("address", help_text="The task's own address (awsvpc).")
    pullProgress = Text("pull_progress")
    overrides = Free()
    protectedUntil = Moment(
        "protected_until",
        help_text="Until then scale-in and deployments leave it alone; past: they no longer do.",
    )
    containers = ContainerShape(many=True, source="containers.all")
    version = Whole()
    createdAt = Moment("created_at")
    pullStartedAt = Moment("pull_started_at")
    pullStoppedAt = Moment("pull_stopped_at")
    startedAt = Moment("started_at")
    healthyAt = Moment("healthy_at")
    stoppingAt = Moment("stopping_at")
    executionStoppedAt = Moment("execution_stopped_at")
    stoppedAt = Moment("stopped_at")
    tags = Tags()

    class Meta:
        ref_name = "Task"


class RunShape(Shape):
    tasks = TaskShape(many=True)
    failures = FailureShape(many=True, help_text="One for each task that found no room.")

    class Meta:
        ref_name = "RunResult"


class SessionTokenShape(Shape):
    sessionId = Text("session.pk")
    streamUrl = Text(
        "stream_url",
        help_text="A WebSocket. Send the token as JSON first (`tokenValue`, `columns`, `rows`), then input as binary "
        "messages: docs/exec.md.",
    )
    tokenValue = Text("token_value", help_text="Opens the session once, within a minute.")

    class Meta:
        ref_name = "ExecuteCommandSession"


class ExecutionShape(Shape):
    clusterArn = Text("session.cluster_arn")
    taskArn = Text("session.task_arn")
    containerArn = Text("session.container_arn")
    containerName = Text("session.container")
    interactive = Flag()
    session = SessionTokenShape(source="*")

    class Meta:
        ref_name = "ExecuteCommandResult"


class ExecSessionShape(Shape):
    sessionId = Text("id")
    taskArn = Text("task_arn")
    containerName = Text("container")
    command = Text()
    status = serializers.ChoiceField(choices=["PENDING", "OPENING", "ACTIVE", "ENDED"])
    startedBy = Text("actor", help_text="ARN.")
    createdAt = Moment("created_at")
    startedAt = Moment("started_at")
    endedAt = Moment("ended_at")
    durationSeconds = serializers.FloatField(source="duration_seconds", allow_null=True)
    bytesIn = Whole("bytes_in")
    bytesOut = Whole("bytes_out")
    exitCode = Whole("exit_code", allow_null=True)
    reason = Text(help_text="Why it ended.")
    logGroup = Text("log_group", help_text="Of its transcript; empty: none is kept.")
    transcriptBytes = Whole("transcript_bytes")
    transcriptCut = Flag("transcript_cut", help_text="More was shown than is kept.")

    class Meta:
        ref_name = "ExecSession"


class LineShape(Shape):
    cursor = Text(help_text="Opaque; later lines have later ones.")
    timestamp = Moment("at")
    message = Text()
    taskId = Text("task_id")
    container = Text()
    source = serializers.ChoiceField(choices=["stdout", "stderr"])  # type: ignore[assignment]

    class Meta:
        ref_name = "LogLine"


class LinesShape(Shape):
    items: Any = LineShape(many=True, source="lines", help_text="Oldest first.")
    older = serializers.CharField(
        allow_null=True, help_text="Address of the lines just before these, or null."
    )
    newer = serializers.CharField(
        allow_null=True,
        help_text="Address of the lines that come after these: ask it again to follow the log.",
    )

    class Meta:
        ref_name = "LogPage"
