"""What is taken away is gone at the very next call: statements are prepared, rows are never remembered."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from access.registry import call, system_caller
from base import rates
from console.aws import application, identity
from console.aws.request import WireRequest
from tests import factories
from tests.wire.aws import client, keys_of

ME = system_caller("tests")
DENIED, UNKNOWN = "AccessDeniedException", "UnrecognizedClientException"
ELSEWHERE = "arn:aws:ecs:us-east-1:123456789012:cluster/other"


def document(effect: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": {"Effect": effect, "Action": ["ecs:DescribeClusters", "iam:*"], "Resource": "*"},
    }


@pytest.fixture
def keys(db: None) -> tuple[str, str]:
    """Of ann, who may describe clusters through the policy `reading` of her group `readers`."""
    identity._suspects.clear()
    rates.forget()
    factories.cluster("default")
    call("create_policy", ME, policy="reading", document=document("Allow"))
    call("create_policy", ME, policy="nothing", document=document("Deny"))
    call("create_group", ME, group="readers", policies=["reading"])
    return keys_of("ann", groups=("readers",))


def refusal(ecs: Any) -> str:
    """The code of what is refused; "" for an answer."""
    try:
        ecs.describe_clusters(clusters=["default"])
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


CHANGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "membership": ("remove_user_from_group", {"group": "readers", "username": "ann"}, DENIED),
    "group": ("delete_group", {"group": "readers", "force": True}, DENIED),
    "scope": ("update_group", {"group": "readers", "scope": [ELSEWHERE]}, DENIED),
    "attachment": ("detach_group_policy", {"group": "readers", "policy": "reading"}, DENIED),
    "document": ("put_policy", {"policy": "reading", "document": document("Deny")}, DENIED),
    "version": (
        "create_policy_version",
        {"policy": "reading", "document": document("Deny"), "set_as_default": True},
        DENIED,
    ),
    "inline of the group": (
        "put_group_policy",
        {"group": "readers", "policy_name": "no", "document": document("Deny")},
        DENIED,
    ),
    "inline": (
        "put_user_policy",
        {"username": "ann", "policy_name": "no", "document": document("Deny")},
        DENIED,
    ),
    "own": ("attach_user_policy", {"username": "ann", "policy": "nothing"}, DENIED),
    "boundary": ("put_user_permissions_boundary", {"username": "ann", "policy": "nothing"}, DENIED),
    "user": ("deactivate_user", {"username": "ann"}, UNKNOWN),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_felt_by_the_next_call(keys: tuple[str, str], change: str) -> None:
    ecs = client("ecs", keys)
    assert refusal(ecs) == refusal(ecs) == ""
    operation, params, code = CHANGES[change]
    call(operation, ME, **params)
    assert refusal(ecs) == code


def test_what_is_given_is_there_at_once_too(keys: tuple[str, str]) -> None:
    ecs = client("ecs", keys)
    call("remove_user_from_group", ME, group="readers", username="ann")
    assert refusal(ecs) == DENIED
    call("attach_user_policy", ME, username="ann", policy="reading")
    assert refusal(ecs) == ""


@pytest.mark.parametrize(
    ("operation", "params"), [("update_access_key", {"active": False}), ("delete_access_key", {})]
)
def test_a_key_is_worth_nothing_once_it_is_off(
    keys: tuple[str, str], operation: str, params: dict[str, Any]
) -> None:
    ecs = client("ecs", keys)
    assert refusal(ecs) == ""
    call(operation, ME, username="ann", key_id=keys[0], **params)
    assert refusal(ecs) == UNKNOWN


def test_a_session_of_a_role_feels_its_role_and_its_end(keys: tuple[str, str]) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/ann"},
            "Action": "sts:AssumeRole",
        },
    }
    call("create_role", ME, role="reader", assume_role_policy_document=trust)
    call("attach_role_policy", ME, role="reader", policy="reading")
    given = client("sts", keys).assume_role(
        RoleArn="arn:aws:iam::123456789012:role/reader", RoleSessionName="one"
    )["Credentials"]
    ecs = client("ecs", (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]))
    assert refusal(ecs) == ""
    call("detach_role_policy", ME, role="reader", policy="reading")
    assert refusal(ecs) == DENIED
    call("put_role_policy", ME, role="reader", policy_name="own", document=document("Allow"))
    assert refusal(ecs) == ""
    call("put_role_permissions_boundary", ME, role="reader", policy="nothing")
    assert refusal(ecs) == DENIED
    call("delete_role_permissions_boundary", ME, role="reader")
    assert refusal(ecs) == ""
    call("revoke_role_sessions", ME, role="reader")
    assert refusal(ecs) == UNKNOWN


def test_a_thread_of_the_face_keeps_its_connection_to_sqlite(db: None) -> None:
    from django.db import connection

    unsigned = WireRequest(method="POST", path="/", query="", headers={}, body=b"")
    application._in_thread(unsigned)
    if connection.vendor == "sqlite":
        assert connection.close_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"desiredCount": 3},
        {"taskDefinition": "web:2"},
        {"forceNewDeployment": True},
        {"enableECSManagedTags": True},
    ],
)
def test_what_update_service_answers_is_what_describe_services_tells(
    db: None, change: dict[str, Any]
) -> None:
    factories.cluster("default")
    ecs = client("ecs", keys_of("ben", {"Effect": "Allow", "Action": "*", "Resource": "*"}))
    for _ in range(2):
        container = {"name": "web", "image": "busybox", "memory": 16}
        ecs.register_task_definition(family="web", containerDefinitions=[container])
    ecs.create_service(serviceName="web", taskDefinition="web:1", desiredCount=1)
    answered = ecs.update_service(service="web", **change)["service"]
    (told,) = ecs.describe_services(services=["web"], include=["TAGS"])["services"]
    assert answered == told
    assert told["enableECSManagedTags"] is change.get("enableECSManagedTags", False)
    assert told["desiredCount"] == change.get("desiredCount", 1)
    assert told["taskDefinition"].endswith(change.get("taskDefinition", "web:1"))


def test_a_cluster_is_created_with_its_capacity_providers(db: None) -> None:
    ecs = client("ecs", keys_of("ben", {"Effect": "Allow", "Action": "*", "Resource": "*"}))
    ecs.create_capacity_provider(name="fast", autoScalingGroupProvider={"autoScalingGroupArn": "hosts"})
    default = [{"capacityProvider": "fast", "weight": 1, "base": 2}]
    given = {"capacityProviders": ["fast"], "defaultCapacityProviderStrategy": default}
    made = ecs.create_cluster(clusterName="fleet", **given)["cluster"]
    (told,) = ecs.describe_clusters(clusters=["fleet"])["clusters"]
    for answer in (made, told):
        assert {name: answer[name] for name in given} == given
    with pytest.raises(ClientError, match="slow is not a capacity provider"):
        ecs.create_cluster(clusterName="other", capacityProviders=["slow"])
    assert ecs.describe_clusters(clusters=["other"])["clusters"] == []
