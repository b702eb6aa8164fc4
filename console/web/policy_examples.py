"""Ready-made statements that the policy editor offers to insert; the ARNs are those of this installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from base import here

Kind = Literal["identity", "trust", "resource"]
Statement = dict[str, Any]

TASKS_SERVICE = "ecs-tasks.amazonaws.com"
EVENTS_SERVICE = "events.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Example:
    key: str
    label: Promise
    statement: Callable[[], Statement]


def _read() -> Statement:
    actions = ["ecs:Describe*", "ecs:List*", "logs:GetLogEvents", "logs:FilterLogEvents"]
    return {"Sid": "Look", "Effect": "Allow", "Action": actions, "Resource": "*"}


def _deploy() -> Statement:
    names = here.names()
    return {
        "Sid": "Deploy",
        "Effect": "Allow",
        "Action": ["ecs:UpdateService", "ecs:StopServiceDeployment", "ecs:RegisterTaskDefinition"],
        "Resource": [names.service("default", "web"), names.ecs("task-definition/web:*")],
    }


def _not_to_zero() -> Statement:
    return {
        "Sid": "NeverToZero",
        "Effect": "Deny",
        "Action": "ecs:UpdateService",
        "Resource": "*",
        "Condition": {"NumericEquals": {"slipway:desired-count": "0"}},
    }


def _own_team() -> Statement:
    return {
        "Sid": "OwnTeam",
        "Effect": "Allow",
        "Action": "ecs:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
    }


def _office() -> Statement:
    return {
        "Sid": "OfficeOnly",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.1/32"]}},
    }


def _second_factor() -> Statement:
    return {
        "Sid": "SecondFactor",
        "Effect": "Deny",
        "Action": ["iam:*", "ecs:Delete*", "ecs:Deregister*"],
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }


def _pass_role() -> Statement:
    return {
        "Sid": "PassRoleToTasks",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": here.names().iam("role/web-task"),
        "Condition": {"StringEquals": {"iam:PassedToService": TASKS_SERVICE}},
    }


def _by_the_clock() -> Statement:
    """Of the role of a scheduled task."""
    names = here.names()
    return {
        "Sid": "RunByTheClock",
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": names.ecs("task-definition/report:*"),
        "Condition": {"ArnEquals": {"ecs:cluster": names.cluster("default")}},
    }


def _secret() -> Statement:
    names = here.names()
    arn = f"arn:aws:secretsmanager:{names.region}:{names.account}:secret:web/database-??????"
    return {
        "Sid": "ReadSecret",
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": arn,
    }


def _trust_tasks() -> Statement:
    return {
        "Sid": "Tasks",
        "Effect": "Allow",
        "Principal": {"Service": TASKS_SERVICE},
        "Action": "sts:AssumeRole",
    }


def _trust_events() -> Statement:
    return {**_trust_tasks(), "Sid": "ScheduledTasks", "Principal": {"Service": EVENTS_SERVICE}}


def _trust_user() -> Statement:
    return {
        "Sid": "OnePerson",
        "Effect": "Allow",
        "Principal": {"AWS": here.user_arn("ana")},
        "Action": "sts:AssumeRole",
    }


def _trust_account() -> Statement:
    return {
        "Sid": "WhoeverMay",
        "Effect": "Allow",
        "Principal": {"AWS": here.names().iam("root")},
        "Action": "sts:AssumeRole",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }


def _role_reads() -> Statement:
    return {
        "Sid": "TasksOfOneRole",
        "Effect": "Allow",
        "Principal": {"AWS": here.role_arn("ecs-execution")},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }


def _nobody_else_reads() -> Statement:
    return {
        "Sid": "NobodyElse",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [here.role_arn("ecs-execution")]}},
    }


_IDENTITY = (
    Example("look", gettext_lazy("See services, tasks and logs"), _read),
    Example("deploy", gettext_lazy("Deploy one service and roll it back"), _deploy),
    Example("not-zero", gettext_lazy("Forbid scaling to zero"), _not_to_zero),
    Example("team", gettext_lazy("Everything that carries the person’s team tag"), _own_team),
    Example("pass-role", gettext_lazy("Give a role to tasks"), _pass_role),
    Example("clock", gettext_lazy("Run tasks by the clock"), _by_the_clock),
    Example("secret", gettext_lazy("Read one secret"), _secret),
    Example("office", gettext_lazy("Only from the office"), _office),
    Example("mfa", gettext_lazy("Only with a second factor"), _second_factor),
)
_TRUST = (
    Example("tasks", gettext_lazy("Tasks may take this role"), _trust_tasks),
    Example("events", gettext_lazy("Scheduled tasks may take this role"), _trust_events),
    Example("person", gettext_lazy("One person may switch to it"), _trust_user),
    Example("account", gettext_lazy("Whoever a policy allows it, with a second factor"), _trust_account),
)
_RESOURCE = (
    Example("role-reads", gettext_lazy("Tasks of one role may read it"), _role_reads),
    Example("nobody-else", gettext_lazy("Nobody but one role may read it"), _nobody_else_reads),
)
EXAMPLES: Mapping[Kind, tuple[Example, ...]] = {
    "identity": _IDENTITY,
    "trust": _TRUST,
    "resource": _RESOURCE,
}


def start(kind: Kind) -> dict[str, Any]:
    """The document a new policy begins with: the first example."""
    return {"Version": "2012-10-17", "Statement": [EXAMPLES[kind][0].statement()]}


def with_example(document: object, kind: Kind, key: str) -> dict[str, Any] | None:
    """The document with that example's statement added at its end; None for an unknown example. A document that has no
    statements becomes one."""
    found = next((example for example in EXAMPLES[kind] if example.key == key), None)
    if found is None:
        return None
    base = dict(document) if isinstance(document, Mapping) else {}
    raw = base.pop("Statement", [])
    present = [raw] if isinstance(raw, Mapping) else raw if isinstance(raw, list) else []
    version = base.pop("Version", "2012-10-17")
    return {"Version": version, **base, "Statement": [*present, _named(found.statement(), present)]}


def _named(statement: Statement, present: list[Any]) -> Statement:
    """With a Sid that the document does not have yet."""
    taken = {item.get("Sid") for item in present if isinstance(item, Mapping)}
    sid, number = str(statement["Sid"]), 2
    while sid in taken:
        sid, number = f"{statement['Sid']}{number}", number + 1
    return {**statement, "Sid": sid}
