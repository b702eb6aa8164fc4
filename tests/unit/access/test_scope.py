from __future__ import annotations

import pytest

from access.language.scope import checked_scope, compile_scope
from access.policy import evaluate, parse

HEAD = "arn:aws:ecs:us-east-1:123456789012"
EVERYTHING = parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
NOTHING_DELETED = parse({"Statement": {"Effect": "Deny", "Action": "ecs:DeleteService", "Resource": "*"}})


def allowed(scope: list[str], action: str, resource: str, owners: tuple[str, ...] = ()) -> bool:
    compiled = compile_scope(scope)
    return evaluate([one.within(compiled) for one in EVERYTHING], action, resource, {}, owners).allowed


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("ecs:UpdateService", f"{HEAD}:service/default/web", True),
        ("ecs:UpdateService", f"{HEAD}:service/default/web2", False),
        ("ecs:UpdateService", f"{HEAD}:service/default/api", False),
        ("ecs:StopServiceDeployment", f"{HEAD}:service-deployment/default/web/abc", True),
        ("ecs:StopServiceDeployment", f"{HEAD}:service-deployment/default/api/abc", False),
        ("ecs:DescribeServiceRevisions", f"{HEAD}:service-revision/default/web/1", True),
        # Reading reaches up to the cluster, writing does not.
        ("ecs:DescribeClusters", f"{HEAD}:cluster/default", True),
        ("ecs:DeleteCluster", f"{HEAD}:cluster/default", False),
        ("ecs:DescribeClusters", f"{HEAD}:cluster/other", False),
        # Lists may be asked for; writes without a resource may not.
        ("ecs:ListServices", "*", True),
        ("iam:CreateUser", "*", False),
        ("ecs:RegisterTaskDefinition", f"{HEAD}:task-definition/web:*", False),
        # A task's ARN does not tell its service.
        ("ecs:StopTask", f"{HEAD}:task/default/0a", False),
    ],
)
def test_held_to_a_service(action: str, resource: str, expected: bool) -> None:
    assert allowed([f"{HEAD}:service/default/web"], action, resource) is expected


def test_a_task_belongs_to_its_service() -> None:
    task, web, api = f"{HEAD}:task/default/0a", f"{HEAD}:service/default/web", f"{HEAD}:service/default/api"
    assert allowed([web], "ecs:StopTask", task, (web,))
    assert not allowed([web], "ecs:StopTask", task, (api,))


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("ecs:DeleteCluster", f"{HEAD}:cluster/blue", True),
        ("ecs:UpdateService", f"{HEAD}:service/blue/any", True),
        ("ecs:UpdateService", f"{HEAD}:service/blues/any", False),
        ("ecs:StopTask", f"{HEAD}:task/blue/0a", True),
        ("ecs:UpdateContainerInstancesState", f"{HEAD}:container-instance/blue/0a", True),
        ("ecs:UpdateService", f"{HEAD}:service/red/any", False),
    ],
)
def test_held_to_a_cluster(action: str, resource: str, expected: bool) -> None:
    assert allowed([f"{HEAD}:cluster/blue"], action, resource) is expected


def test_no_scope_is_everywhere() -> None:
    assert compile_scope([]) is None
    assert allowed([], "ecs:DeleteCluster", f"{HEAD}:cluster/any")


def test_a_deny_applies_outside_its_groups_scope() -> None:
    scope = compile_scope([f"{HEAD}:service/default/web"])
    statements = [*EVERYTHING, *(one.within(scope) for one in NOTHING_DELETED)]
    assert evaluate(statements, "ecs:DeleteService", f"{HEAD}:service/red/any").reason == "explicit-deny"


def test_scopes_are_checked() -> None:
    assert checked_scope([f"{HEAD}:service/default/*"]) == {}
    assert set(checked_scope(["web", f"{HEAD}:cluster/a", 3])) == {"scope[0]", "scope[2]"}
    assert set(checked_scope("arn:aws:ecs:::x")) == {"scope"}


@pytest.mark.parametrize(
    ("scope", "cluster", "expected"),
    [
        ([f"{HEAD}:task-definition/web:*"], "blue", False),
        ([f"{HEAD}:task-definition/web:*", f"{HEAD}:service/blue/web"], "blue", False),
        ([f"{HEAD}:task-definition/web:*", f"{HEAD}:cluster/blue"], "blue", True),
        ([f"{HEAD}:task-definition/web:*", f"{HEAD}:cluster/blue"], "red", False),
        ([f"{HEAD}:cluster/blue"], "blue", False),
        ([], "red", True),
    ],
)
def test_running_a_task_definition_needs_its_cluster_too(
    scope: list[str], cluster: str, expected: bool
) -> None:
    context = {"ecs:cluster": f"{HEAD}:cluster/{cluster}"}
    held = [one.within(compile_scope(scope)) for one in EVERYTHING]
    assert evaluate(held, "ecs:RunTask", f"{HEAD}:task-definition/web:3", context).allowed is expected
    assert evaluate(held, "ecs:UpdateService", f"{HEAD}:service/blue/web", context).allowed is (
        scope == [] or any("/blue" in pattern for pattern in scope)
    )
