"""How access's own operations name what they act on, and find it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from access.models import IAM_NAME_PATTERN, Group, Policy, Role, User
from base import here
from base.errors import NoSuchEntity, invalid


def user_arn_of(params: Mapping[str, Any]) -> str:
    return here.user_arn(str(params["username"]))


def group_arn_of(params: Mapping[str, Any]) -> str:
    return here.group_arn(str(params["group"]))


def role_arn_of(params: Mapping[str, Any]) -> str:
    return here.role_arn(str(params["role"]))


def policy_arn_of(params: Mapping[str, Any]) -> str:
    return policy_arn_named(str(params["policy"]))


def policy_arn_named(name: str) -> str:
    """Ready-made policies have an ARN of their own kind, so the row is looked at."""
    ready_made = Policy.objects.filter(name=name, ready_made=True).exists()
    return here.policy_arn(name, ready_made=ready_made)


def find_user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NoSuchEntity(
            f"The user with name {username} cannot be found.", fields={"username": "not found"}
        )
    return user


def find_group(name: str) -> Group:
    group = Group.objects.filter(name=name).first()
    if group is None:
        raise NoSuchEntity(f"The group with name {name} cannot be found.", fields={"group": "not found"})
    return group


def find_role(name: str) -> Role:
    role = Role.objects.filter(name=name).first()
    if role is None:
        raise NoSuchEntity(f"The role with name {name} cannot be found.", fields={"role": "not found"})
    return role


def find_policy(name: str) -> Policy:
    policy = Policy.objects.filter(name=name).first()
    if policy is None:
        raise NoSuchEntity(f"Policy {name} does not exist.", fields={"policy": "not found"})
    return policy


def checked_text(field: str, value: Any, longest: int) -> str:
    """Free text, without the space around it. Raises InvalidParameter."""
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(field, f"at most {longest} characters")
    return value.strip()


def checked_name(field: str, value: Any, longest: int) -> str:
    """A new user's, group's or policy's name in IAM's alphabet. Raises InvalidParameter."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise invalid(field, f"between 1 and {longest} characters")
    if re.search(IAM_NAME_PATTERN, value) is None:
        raise invalid(field, "letters, digits and + = , . @ _ - only")
    return value
