"""ExecuteCommand: a session that the console's terminal opens, or a WebSocket with its token."""

from __future__ import annotations

from console.aws.ecs.common import Document
from console.aws.handlers import mechanical
from services.execute.operations import Execution


def _shape(found: Execution) -> Document:
    session = found.session
    return {
        "clusterArn": session.cluster_arn,
        "containerArn": session.container_arn,
        "containerName": session.container,
        "interactive": found.interactive,
        "session": {
            "sessionId": session.pk,
            "streamUrl": found.stream_url,
            "tokenValue": found.token_value,
        },
        "taskArn": session.task_arn,
    }


mechanical("ecs", "ExecuteCommand", _shape)
