"""A team with a person in it, who may become a role: the scene of the tests of the pages of access."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from access import registry
from access.identities.setup import ensure_ready_made
from access.models import AccessKey, Group, InlinePolicy, Policy, PolicyVersion, Role, User
from access.registry import system_caller
from base import here

Make = Callable[..., Any]
DENY_ZERO = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "NeverToZero",
            "Effect": "Deny",
            "Action": "ecs:UpdateService",
            "Resource": "*",
            "Condition": {"NumericEquals": {"slipway:desired-count": "0"}},
        }
    ],
}


@pytest.fixture
def scene(db: None) -> None:
    """A team with a person in it, who may become a role."""
    ensure_ready_made()
    me = system_caller("test")
    statement = {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "*"}
    trust = {"Effect": "Allow", "Principal": {"AWS": here.user_arn("ana")}, "Action": "sts:AssumeRole"}
    for name, given in (
        ("create_user", {"username": "ana", "display_name": "Ana Lima", "tags": {"team": "shop"}}),
        ("create_policy", {"policy": "never-to-zero", "document": DENY_ZERO}),
        ("create_policy_version", {"policy": "never-to-zero", "document": DENY_ZERO, "set_as_default": True}),
        (
            "create_group",
            {"group": "team-shop", "scope": [here.cluster_arn("shop")], "policies": ["deployer"]},
        ),
        ("add_user_to_group", {"group": "team-shop", "username": "ana"}),
        ("attach_user_policy", {"username": "ana", "policy": "never-to-zero"}),
        ("put_user_policy", {"username": "ana", "policy_name": "logs", "document": document_of(statement)}),
        ("create_access_key", {"username": "ana"}),
        ("create_role", {"role": "auditing", "assume_role_policy_document": document_of(trust)}),
        ("attach_role_policy", {"role": "auditing", "policy": "read-only"}),
    ):
        registry.call(name, me, **given)


def document_of(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def rows() -> list[Any]:
    """Everything a button of these pages could change."""
    models = (User, Group, Role, Policy, PolicyVersion, InlinePolicy, AccessKey)
    through = (Group.members.through, Group.policies.through, User.policies.through, Role.policies.through)
    found = [list(model.objects.order_by("pk").values()) for model in (*models, *through)]  # type: ignore[attr-defined]
    for users in found[:1]:
        for user in users:
            user.pop("last_login", None)
    return found


def main_of(text: str) -> str:
    """What a page says, without its frame (which holds the time)."""
    return text.partition("<main")[2].partition("</main>")[0]


def trust_of(name: str = "ana") -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": here.user_arn(name)}, "Action": "sts:AssumeRole"}
    return json.dumps(document_of(statement))
