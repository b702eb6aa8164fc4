"""Protection of tasks."""

from __future__ import annotations

from console.aws.ecs.common import Document, failure
from console.aws.handlers import mechanical
from services.protection import ProtectionResult


def _shape(result: ProtectionResult) -> Document:
    return {
        "protectedTasks": [
            {
                "taskArn": one.task_arn,
                "protectionEnabled": one.protection_enabled,
                "expirationDate": one.expiration_date,
            }
            for one in result.protected_tasks
        ],
        "failures": [failure(one) for one in result.failures],
    }


mechanical("ecs", "UpdateTaskProtection", _shape)
mechanical("ecs", "GetTaskProtection", _shape)
