"""Task sets, as REST answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from console.rest.shapes.common import Moment, Tags, Text, Whole
from console.rest.shapes.services import Frozen
from services.task_sets.models import TaskSet


class TaskSetShape(Frozen):
    taskSetArn = Text("arn")
    id = Text()
    serviceArn = Text("service.arn")
    clusterArn = Text("service.cluster.arn")
    externalId = Text("external_id", help_text="Its name in the system that deploys.")
    status = Text("shown_status", help_text="PRIMARY, ACTIVE or DRAINING.")
    taskDefinition = Text("revision.task_definition.arn")
    serviceRevisionArn = Text("revision.arn", help_text="Its frozen configuration.")
    scalePercent = serializers.FloatField(source="scale", help_text="Of the service's desired count.")
    computedDesiredCount = Whole("desired_count", help_text="Rounded up.")
    runningCount = Whole("running_count")
    pendingCount = Whole("pending_count")
    stabilityStatus = Text("stability", help_text="STABILIZING or STEADY_STATE.")
    stabilityStatusAt = Moment("stability_at")
    waitingFor = Text("waiting", help_text="What it waits for, in words.")
    createdAt = Moment("created_at")
    createdBy = Text("created_by", help_text="ARN.")
    updatedAt = Moment("updated_at")
    tags = Tags()

    class Meta:
        ref_name = "TaskSet"

    def configuration(self, row: TaskSet) -> Mapping[str, Any]:
        return {**row.revision.configuration, **row.service.placement}
