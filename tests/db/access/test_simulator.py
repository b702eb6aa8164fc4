"""The simulator and the explanation of refusals: they say what the choke point does, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import QuerySet

from access.authorization.explanation import explain, explain_record
from access.authorization.simulator import simulate_custom_policy, simulate_principal_policy
from access.caller import Caller
from access.models import AuditRecord, Group, Policy, User
from base import here
from base.errors import AccessDenied, InvalidParameter, NoSuchEntity, NotFound
from clusters.operations import create_cluster
from clusters.queries import describe_cluster
from tests import factories

CallerOf = Callable[..., Caller]
BLUE = "arn:aws:ecs:us-east-1:123456789012:cluster/blue"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def simulated(root: Caller, who: str, action: str, resource: str = "*", **more: Any) -> Any:
    (found,) = simulate_principal_policy(root, principal=who, actions=[action], resources=[resource], **more)
    return found


@pytest.fixture
def root(caller_of: CallerOf) -> Caller:
    return caller_of("root", "administrator")


def test_an_allowed_action_names_its_statement(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("iam:List*"), allow("ecs:*", BLUE, Sid="Blue")])
    found = simulated(root, ana.arn, "ecs:DeleteCluster", BLUE)
    assert found.decision == "allowed"
    assert (found.deciding.source, found.deciding.place, found.deciding.sid) == (
        "ana-group/ana-policy",
        "Statement[1]",
        "Blue",
    )
    assert [match.sid for match in found.matched] == ["Blue"]


def test_a_deny_names_its_statement(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow(), deny("ecs:Delete*", Sid="Keep")])
    found = simulated(root, ana.arn, "ecs:DeleteCluster", BLUE)
    assert (found.decision, found.deciding.sid, found.deciding.effect) == ("explicitDeny", "Keep", "Deny")
    assert {match.effect for match in found.matched} == {"Allow", "Deny"}


def test_what_came_near_is_told(root: Caller, caller_of: CallerOf) -> None:
    statements = [
        allow("ecs:*", BLUE + "s", Sid="Other"),
        allow("ecs:*", Sid="Mfa", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ]
    ana = caller_of("ana", statements=statements)
    found = simulated(root, ana.arn, "ecs:DeleteCluster", BLUE)
    assert found.decision == "implicitDeny" and found.deciding is None
    assert found.missing_context_keys == ("aws:MultiFactorAuthPresent",)
    assert [(near.match.sid, near.reason, near.found) for near in found.near] == [
        ("Other", "resource", None),
        ("Mfa", "condition", None),
    ]
    with_it = simulated(
        root, ana.arn, "ecs:DeleteCluster", BLUE, context={"aws:multifactorauthpresent": True}
    )
    assert with_it.decision == "allowed" and with_it.missing_context_keys == ()


def test_a_groups_scope_is_told(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:*")], scope=(BLUE,))
    assert simulated(root, ana.arn, "ecs:DeleteCluster", BLUE).decision == "allowed"
    (near,) = simulated(root, ana.arn, "ecs:DeleteCluster", here.cluster_arn("red")).near
    assert (near.reason, near.wanted) == ("scope", (BLUE,))


def test_a_boundary_is_told(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:*")])
    assert simulated(root, ana.arn, "ecs:DeleteCluster", BLUE).allowed_by_boundary is None
    fence = Policy.objects.create(name="fence", document=document(allow("ecs:Describe*")))
    User.objects.filter(username="ana").update(boundary=fence)
    found = simulated(root, ana.arn, "ecs:DeleteCluster", BLUE)
    assert (found.decision, found.allowed_by_boundary) == ("implicitDeny", False)
    assert simulated(root, ana.arn, "ecs:DescribeClusters", BLUE).allowed_by_boundary is True


def test_groups_and_further_documents(root: Caller, caller_of: CallerOf) -> None:
    caller_of("ana", statements=[allow("ecs:Describe*")])
    group = Group.objects.get(name="ana-group")
    assert simulated(root, group.arn, "ecs:DescribeClusters", BLUE).decision == "allowed"
    assert simulated(root, group.arn, "ecs:DeleteCluster", BLUE).decision == "implicitDeny"
    more = [document(allow("ecs:DeleteCluster"))]
    found = simulated(root, group.arn, "ecs:DeleteCluster", BLUE, policy_documents=more)
    assert (found.decision, found.deciding.source) == ("allowed", "policyDocuments[0]")


def test_tags_that_exist_are_looked_up_and_given_ones_win(root: Caller, caller_of: CallerOf) -> None:
    factories.cluster("blue", tags={"team": "shop"})
    condition = {"StringEquals": {"aws:ResourceTag/team": "shop"}}
    ana = caller_of("ana", statements=[allow("ecs:*", Condition=condition)])
    assert simulated(root, ana.arn, "ecs:DeleteCluster", BLUE).decision == "allowed"
    given = {"aws:ResourceTag/team": "bank"}
    assert simulated(root, ana.arn, "ecs:DeleteCluster", BLUE, context=given).decision == "implicitDeny"


def test_documents_alone_are_simulated(root: Caller) -> None:
    found = simulate_custom_policy(
        root,
        policy_documents=[document(allow("ecs:*"))],
        boundary_document=document(allow("ecs:Describe*")),
        actions=["ecs:DescribeClusters", "ecs:DeleteCluster"],
        resources=[BLUE, "*"],
    )
    assert [one.decision for one in found] == ["allowed", "allowed", "implicitDeny", "implicitDeny"]
    bob = here.user_arn("bob")
    shared = {"Effect": "Allow", "Principal": {"AWS": bob}, "Action": "s3:GetObject", "Resource": "*"}
    (there,) = simulate_custom_policy(
        root,
        policy_documents=[document(allow("ecs:*"))],
        resource_policy=document(shared),
        principal=bob,
        actions=["s3:GetObject"],
    )
    assert (there.decision, there.deciding.layer) == ("allowed", "resource")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"actions": ["ecs:*"]}, "actions[0]"),
        ({"actions": []}, "actions"),
        ({"resources": ["web"]}, "resources[0]"),
        ({"context": {"nokey": "x"}}, "context.nokey"),
        ({"context": {"a:b": {"x": 1}}}, "context.a:b"),
        ({"policy_documents": [{"Statement": []}]}, "policyDocuments[0].Statement"),
        ({"principal": "ana"}, "principal"),
        ({"actions": [f"ecs:A{at}" for at in range(100)], "resources": [BLUE] * 11}, "actions"),
    ],
)
def test_wrong_questions_are_refused(root: Caller, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        simulate_principal_policy(root, **{"principal": root.arn, "actions": ["ecs:DeleteCluster"], **wrong})
    assert field in caught.value.fields


def test_nobody_there_and_not_allowed(root: Caller, caller_of: CallerOf) -> None:
    with pytest.raises(NoSuchEntity):
        simulated(root, here.user_arn("ghost"), "ecs:DeleteCluster")
    ana = caller_of("ana", "deployer")
    for who in (root.arn, here.user_arn("ghost")):
        with pytest.raises(AccessDenied):
            simulated(ana, who, "ecs:DeleteCluster")


# --- explanations --------------------------------------------------------------------------------------


def denials() -> QuerySet[AuditRecord]:
    return AuditRecord.objects.filter(result="denied").order_by("-id")


def denied(caller: Caller) -> int:
    with pytest.raises(AccessDenied):
        create_cluster(caller, cluster_name="blue", tags={"team": "shop"})
    return denials()[0].pk


def test_the_smallest_statement_allows_just_that(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:List*")])
    found = explain_record(root, denied(ana))
    assert found.detailed and found.where == ("identity",)
    assert found.statement == {
        "Sid": "Allow",
        "Effect": "Allow",
        "Action": "ecs:CreateCluster",
        "Resource": here.cluster_arn("blue"),
    }
    more = [document(dict(found.statement))]
    for action, decision in (("ecs:CreateCluster", "allowed"), ("ecs:DeleteCluster", "implicitDeny")):
        assert simulated(root, ana.arn, action, BLUE, policy_documents=more).decision == decision


def test_a_deny_has_no_smallest_statement(root: Caller, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow(), deny("ecs:Create*", Sid="No")])
    found = explain_record(root, denied(ana))
    assert (found.evaluation.decision, found.statement, found.where) == ("explicitDeny", None, ())
    assert found.evaluation.deciding is not None and found.evaluation.deciding.sid == "No"


def test_what_was_asked_is_judged_as_it_was(root: Caller, caller_of: CallerOf) -> None:
    """The condition keys of the request are those recorded with it."""
    wrong_team = {"StringEquals": {"aws:RequestTag/team": "bank"}}
    ana = caller_of("ana", statements=[allow("ecs:CreateCluster", Condition=wrong_team)])
    (near,) = explain_record(root, denied(ana)).evaluation.near
    assert (near.key, near.wanted, near.found) == ("aws:RequestTag/team", ("bank",), ("shop",))


def test_a_person_hears_about_himself_without_the_policies(caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[deny("ecs:Create*", Sid="No"), allow("iam:*")])
    bob = caller_of("bob", statements=[allow("ecs:List*")])
    own = explain_record(bob, denied(bob))
    assert own.evaluation.decision == "implicitDeny" and not own.detailed
    assert (own.statement, own.evaluation.near, own.evaluation.matched) == (None, (), ())
    asked = explain(bob, action="ecs:DeleteCluster", resource=BLUE)
    assert asked.principal == bob.arn and asked.evaluation.decision == "implicitDeny"
    record = denied(ana)
    before = denials().count()
    for one in (record, 10**9):
        with pytest.raises(NotFound):
            explain_record(bob, one)
    assert denials().count() == before


def test_a_reader_of_the_trail_sees_the_outcome_alone(caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:List*")])
    auditor = caller_of("rita", statements=[allow("cloudtrail:LookupEvents")])
    found = explain_record(auditor, denied(ana))
    assert (found.principal, found.detailed, found.statement) == (ana.arn, False, None)


def test_success_is_no_denial(root: Caller) -> None:
    create_cluster(root, cluster_name="fine")
    assert describe_cluster(root, cluster="fine")
    with pytest.raises(NotFound):
        explain_record(root, AuditRecord.objects.latest("id").pk)
