"""A secret's own policy: allows beyond the caller's policies, denies whatever they say, and is checked when saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access import registry
from access.caller import Caller
from base.errors import AccessDenied, NotFound, OperationError
from tests.db.vault.conftest import allow
from tests.lab.secrets import may, role
from vault.names import secret_arn
from vault.operations import create_secret
from vault.policies import (
    delete_resource_policy,
    get_resource_policy,
    put_resource_policy,
    validate_resource_policy,
)
from vault.queries import get_secret_value

pytestmark = pytest.mark.django_db
ANA = "arn:aws:iam::123456789012:user/ana"


def document(effect: str = "Allow", principal: Any = None, **more: Any) -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": principal or {"AWS": ANA},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        **more,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def kept(root: Caller) -> None:
    create_secret(root, name="mine", secret_string="one")
    create_secret(root, name="other", secret_string="two")


def test_it_allows_whom_it_names_this_secret_alone(
    root: Caller, kept: None, caller_with: Callable[..., Caller]
) -> None:
    ana = caller_with(allow("ecs:ListClusters"))
    with pytest.raises(AccessDenied):
        get_secret_value(ana, secret_id="mine")
    put_resource_policy(root, secret_id="mine", resource_policy=document())
    assert get_secret_value(ana, secret_id="mine").secret_string == "one"
    with pytest.raises(AccessDenied):
        get_secret_value(ana, secret_id="other")
    delete_resource_policy(root, secret_id="mine")
    with pytest.raises(AccessDenied):
        get_secret_value(ana, secret_id="mine")


def test_its_deny_wins(root: Caller, kept: None, caller_with: Callable[..., Caller]) -> None:
    ana = caller_with(allow("secretsmanager:*"))
    put_resource_policy(root, secret_id="mine", resource_policy=document("Deny"))
    with pytest.raises(AccessDenied, match="explicit deny"):
        get_secret_value(ana, secret_id="mine")
    assert get_secret_value(ana, secret_id="other").secret_string == "two"


def test_a_task_s_role_may_be_named(root: Caller, kept: None) -> None:
    from services import roles

    puller = role("puller", may("ecs:ListClusters"))
    put_resource_policy(root, secret_id="mine", resource_policy=document(principal={"AWS": puller.arn}))
    session = roles.assumed(puller.arn, "0" * 32)
    assert get_secret_value(session, secret_id="mine").secret_string == "one"
    with pytest.raises(AccessDenied):
        get_secret_value(session, secret_id="other")


def test_mistakes_are_named_and_nothing_is_kept(root: Caller, kept: None) -> None:
    wrong = document("Maybe")
    with pytest.raises(OperationError) as refused:
        put_resource_policy(root, secret_id="mine", resource_policy=wrong)
    assert refused.value.code == "MalformedPolicyDocumentException"
    assert "resourcePolicy.Statement[0].Effect" in refused.value.fields
    with pytest.raises(OperationError) as refused:
        put_resource_policy(
            root, secret_id="mine", resource_policy=document(principal="*"), block_public_policy=True
        )
    assert refused.value.code == "PublicPolicyException"
    assert get_resource_policy(root, secret_id="mine").resource_policy is None
    assert not validate_resource_policy(root, secret_id="mine", resource_policy=wrong).passed
    assert not validate_resource_policy(
        root, secret_id="mine", resource_policy=document(principal="*")
    ).passed
    assert validate_resource_policy(root, secret_id="mine", resource_policy=document()).passed


@pytest.mark.parametrize("asked_by", ["name", "arn"])
@pytest.mark.parametrize("statements", ["none", "another's", "deny", "deny by name", "tags"])
@pytest.mark.parametrize("operation", ["describe_secret", "get_secret_value", "delete_secret"])
def test_a_refusal_does_not_tell_whether_the_secret_exists(
    root: Caller, caller_with: Callable[..., Caller], operation: str, statements: str, asked_by: str
) -> None:
    """Not by its words, nor by the six letters that only an existing secret's ARN has."""
    create_secret(root, name="team-b/there", secret_string="x", tags={"team": "b"})
    given = {
        "none": [allow("ecs:*")],
        "another's": [allow("secretsmanager:*", resource=secret_arn("team-a/*", "??????"))],
        "deny": [
            allow("secretsmanager:*"),
            {**allow("secretsmanager:*", resource=secret_arn("team-b/*", "??????")), "Effect": "Deny"},
        ],
        "deny by name": [
            allow("secretsmanager:*"),
            {
                **allow("secretsmanager:*", StringLike={"secretsmanager:Name": "team-b/*ere"}),
                "Effect": "Deny",
            },
        ],
        "tags": [allow("secretsmanager:*", StringEquals={"secretsmanager:ResourceTag/team": "a"})],
    }[statements]
    ana = caller_with(*given)

    def refused(name: str) -> tuple[str, str, str, str]:
        with pytest.raises(AccessDenied) as caught:
            # An ARN is given without its six letters: who asks does not know them.
            registry.call(operation, ana, secret_id=name if asked_by == "name" else secret_arn(name, "")[:-1])
        error = caught.value
        told = (str(error), error.resource, error.missing, error.statement)
        return tuple(text.replace(name, "NAME") for text in told)  # type: ignore[return-value]

    assert refused("team-b/there") == refused("team-b/nowhere")


def test_who_may_see_secrets_of_that_name_learns_that_there_is_none(
    caller_with: Callable[..., Caller],
) -> None:
    ana = caller_with(allow("secretsmanager:*", resource=secret_arn("team-a/*", "??????")))
    with pytest.raises(NotFound):
        registry.call("describe_secret", ana, secret_id="team-a/nowhere")
