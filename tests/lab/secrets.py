"""Roles, secrets and parameters for tests of tasks that use them, and the search for values that were left behind."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from access.identities.policy_models import InlinePolicy
from access.models import Role
from access.registry import system_caller
from vault.operations import create_secret
from vault.parameter_operations import put_parameter

CALLER = system_caller("test")
TRUSTS_TASKS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def role(name: str, *statements: dict[str, Any], trust: dict[str, Any] | None = None) -> Role:
    """A role that ECS tasks may be, allowed what the statements say."""
    made = Role.objects.create(name=name, trust_policy=trust or TRUSTS_TASKS)
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        InlinePolicy.objects.create(name="own", role=made, document=document)
    return made


def may(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def secret(name: str, value: str) -> str:
    """Its ARN."""
    return str(create_secret(CALLER, name=name, secret_string=value).arn)


def parameter(name: str, value: str, kind: str = "SecureString") -> None:
    put_parameter(CALLER, name=name, value=value, type=kind)


def held() -> str:
    """Everything that is in the database, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            found.append(json.dumps(cursor.fetchall(), default=str))
    return "\n".join(found)
