"""The roles a task gets: checked when they are given, found again when they are used.

Errors are ECS's own. A role is kept by its ARN, whichever way it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from access.caller import Caller
from access.identities.principals import ECS_TASKS, pass_role_need, role_caller
from access.identities.trust import trusts_service
from access.models import Role
from access.registry import Need
from base import here
from base.errors import ClientError

MEMBERS = ("taskRoleArn", "executionRoleArn")


def role_arn(given: str) -> str:
    """The ARN of a role that was given by its name or its ARN."""
    return given if given.startswith("arn:") else here.role_arn(given)


def pass_role_needs(document: Mapping[str, Any]) -> Iterator[Need]:
    """iam:PassRole on every role that a task definition, or the overrides of a task, give away."""
    for arn in dict.fromkeys(role_arn(str(document[name])) for name in MEMBERS if document.get(name)):
        yield pass_role_need(arn)


def checked_roles(document: Mapping[str, Any]) -> dict[str, str]:
    """taskRoleArn and executionRoleArn as ARNs. Raises ClientException where a role is not there, or where its trust
    policy does not let ECS tasks be it."""
    found: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name in MEMBERS:
        if not document.get(name):
            continue
        arn = role_arn(str(document[name]))
        role = find_role(arn)
        if role is None:
            problems[name] = "Role is not valid: there is no such role"
        elif not trusts_service(role, ECS_TASKS):
            problems[name] = f"Role is not valid: its trust policy does not let {ECS_TASKS} assume it"
        else:
            found[name] = arn
    if problems:
        text = "; ".join(f"{name}: {reason}" for name, reason in problems.items())
        raise ClientError(f"{text}.", fields=problems)
    return found


def find_role(arn: str) -> Role | None:
    """None for a role that is not there, or that is another account's."""
    name = arn.rpartition("/")[2]
    row = Role.objects.filter(name=name).first()
    return row if row is not None and row.arn == arn else None


class RoleNotAssumed(Exception):
    """ECS's words for a role that is gone or does not trust it any more."""


def trusted_role(arn: str) -> Role:
    """The role, where ECS tasks may be it now. Raises RoleNotAssumed."""
    role = find_role(arn)
    if role is None or not trusts_service(role, ECS_TASKS):
        raise RoleNotAssumed(
            f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the role "
            "being passed has the proper trust relationship and permissions and that your IAM user has permissions "
            "to pass this role."
        )
    return role


def assumed(arn: str, session_name: str) -> Caller:
    """A session of the role for ECS itself, named after the task. Raises RoleNotAssumed."""
    return role_caller(trusted_role(arn), session_name=session_name, assumed_by=None, face="system")
