"""The policies Slipway brings, each with a group of the same name. The table for people is in docs/access.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ADMINISTRATOR = "administrator"

_READ: dict[str, Any] = {
    "Sid": "ReadAll",
    "Effect": "Allow",
    "Action": [
        "ecs:Describe*",
        "ecs:Get*",
        "ecs:List*",
        "ec2:Describe*",
        "events:Describe*",
        "events:List*",
        "application-autoscaling:Describe*",
        "elasticloadbalancing:Describe*",
        "ecr:Describe*",
        "ecr:List*",
        "logs:Describe*",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "logs:StartLiveTail",
        "cloudwatch:Describe*",
        "cloudwatch:Get*",
        "cloudwatch:List*",
        "iam:Get*",
        "iam:List*",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:LookupEvents",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:List*",
        "ssm:DescribeParameters",
        "ssm:List*",
        "slipway:Describe*",
        "slipway:Get*",
        "slipway:List*",
    ],
    "Resource": "*",
}

_DEPLOY: dict[str, Any] = {
    "Sid": "Deploy",
    "Effect": "Allow",
    "Action": [
        "ecs:RegisterTaskDefinition",
        "ecs:RegisterDaemonTaskDefinition",
        "ecs:UpdateDaemon",
        "ecs:CreateService",
        "ecs:StopServiceDeployment",
        "ecs:ContinueServiceDeployment",
        "ecs:CreateTaskSet",
        "ecs:UpdateTaskSet",
        "ecs:UpdateServicePrimaryTaskSet",
        "ecs:DeleteTaskSet",
        "ecs:RunTask",
        "ecs:StartTask",
        "ecs:StopTask",
        "ecs:UpdateTaskProtection",
        "ecs:TagResource",
        "ecs:UntagResource",
        "events:DeleteRule",
        "events:DisableRule",
        "events:EnableRule",
        "events:PutRule",
        "events:PutTargets",
        "events:RemoveTargets",
    ],
    "Resource": "*",
}

# An Allow with a condition, not a Deny: who is an operator as well may scale to zero.
_UPDATE_ABOVE_ZERO: dict[str, Any] = {
    "Sid": "UpdateButNotToZero",
    "Effect": "Allow",
    "Action": "ecs:UpdateService",
    "Resource": "*",
    "Condition": {"NumericGreaterThanIfExists": {"slipway:desired-count": "0"}},
}

_AUDIT: dict[str, Any] = {
    "Sid": "Audit",
    "Effect": "Allow",
    "Action": ["iam:Simulate*", "slipway:ExportAuditTrail", "slipway:VerifyAuditTrail"],
    "Resource": "*",
}

_OPERATE: dict[str, Any] = {
    "Sid": "Operate",
    "Effect": "Allow",
    "Action": [
        "ecs:UpdateService",
        "ecs:StopServiceDeployment",
        "ecs:ContinueServiceDeployment",
        "ecs:UpdateTaskSet",
        "ecs:UpdateServicePrimaryTaskSet",
        "ecs:StopTask",
        "ecs:UpdateTaskProtection",
        "ecs:UpdateContainerInstancesState",
        "slipway:CleanContainerInstance",
        "events:DisableRule",
        "events:EnableRule",
    ],
    "Resource": "*",
}

_EVERYTHING: dict[str, Any] = {"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass(frozen=True)
class ReadyMade:
    """`name` of the policy and of its group."""

    name: str
    description: str
    statements: tuple[Mapping[str, Any], ...]

    @property
    def document(self) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in self.statements]}


READY_MADE = (
    ReadyMade(
        ADMINISTRATOR,
        "Everything: engines, users, policies, and host mounts, the engine socket, privileged and host network.",
        (_EVERYTHING,),
    ),
    ReadyMade(
        "deployer",
        "Registers task definitions, creates and updates services but not to zero tasks, rolls back, runs and stops.",
        (_READ, _DEPLOY, _UPDATE_ABOVE_ZERO),
    ),
    ReadyMade(
        "operator",
        "Scales, forces deployments, stops and rolls back deployments, stops tasks, drains instances.",
        (_READ, _OPERATE),
    ),
    ReadyMade(
        "auditor",
        "Sees everything but the values of secrets, exports and verifies the audit trail, simulates policies.",
        (_READ, _AUDIT),
    ),
    ReadyMade("read-only", "Sees everything but the values of secrets, and changes nothing.", (_READ,)),
)
