"""Callers: what is attached to a user or a role decides, guards narrow it, trust policies say who becomes what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory

from access.caller import Caller
from access.identities.attached import attached_to_role
from access.identities.principals import pass_role_need, role_caller
from access.identities.switching import SESSION_KEY, leave_role, put_role, session_caller, switched
from access.identities.trust import may_assume, trusts_service
from access.models import Group, InlinePolicy, Policy, Role, User
from access.policy import parse
from access.queries import list_users
from base import here

pytestmark = pytest.mark.django_db

WEB = "arn:aws:ecs:us-east-1:123456789012:service/default/web"
API = "arn:aws:ecs:us-east-1:123456789012:service/default/api"


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def trusting(principal: Any, **more: Any) -> dict[str, Any]:
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more})


def policy(name: str, *statements: dict[str, Any]) -> Policy:
    return Policy.objects.create(name=name, document=document(*statements))


def role(name: str = "ops", trust: Any = None, **more: Any) -> Role:
    return Role.objects.create(
        name=name, trust_policy=trust or trusting({"AWS": here.names().account_root()}), **more
    )


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana", tags={"team": "shop"})


def rest(user: User, **more: Any) -> Caller:
    return Caller.for_user(User.objects.get(pk=user.pk), face="rest", **more)


# --- what is attached ---------------------------------------------------------------------------------


def test_groups_own_and_inline_policies_all_count(ana: User) -> None:
    team = Group.objects.create(name="team", scope=[WEB])
    team.members.add(ana)
    team.policies.add(policy("of-team", allow("ecs:UpdateService")))
    InlinePolicy.objects.create(group=team, name="inline", document=document(allow("ecs:StopTask", "*")))
    ana.policies.add(policy("own", allow("ecs:DescribeServices")))
    InlinePolicy.objects.create(user=ana, name="inline", document=document(deny("ecs:DescribeServices", API)))
    caller = rest(ana)
    assert caller.may("ecs:UpdateService", WEB).allowed
    assert not caller.may("ecs:UpdateService", API).allowed, "held to the group's scope"
    assert caller.may("ecs:StopTask", WEB.replace("service/", "service/")).allowed
    assert not caller.may("ecs:StopTask", API).allowed, "a group's inline policy is held to its scope too"
    assert caller.may("ecs:DescribeServices", WEB).allowed, "an own policy is not held to a group's scope"
    assert caller.may("ecs:DescribeServices", API).reason == "explicit-deny"


def test_it_takes_one_query_however_much_is_attached(ana: User, django_assert_num_queries: Any) -> None:
    boundary = policy("boundary", allow("*"))
    for index in range(4):
        group = Group.objects.create(name=f"g{index}", scope=[WEB])
        group.members.add(ana)
        group.policies.add(policy(f"p{index}", allow("ecs:StopTask")))
        InlinePolicy.objects.create(group=group, name="i", document=document(allow("ecs:RunTask")))
        ana.policies.add(policy(f"own{index}", allow("ecs:StopTask")))
    User.objects.filter(pk=ana.pk).update(boundary=boundary)
    user = User.objects.get(pk=ana.pk)
    with django_assert_num_queries(1):
        caller = Caller.for_user(user, face="rest")
    assert len(caller.guards) == 1
    one = role(boundary=boundary)
    one.policies.add(boundary)
    InlinePolicy.objects.create(role=one, name="i", document=document(allow("ecs:RunTask")))
    with django_assert_num_queries(1):
        attached = attached_to_role(one)
    assert [statement.source for statement in attached.statements] == ["boundary", "i (inline)"]


def test_a_boundary_narrows_and_never_grants(ana: User) -> None:
    ana.policies.add(policy("all-ecs", allow("ecs:*")))
    User.objects.filter(pk=ana.pk).update(boundary=policy("edge", allow("ecs:Describe*"), allow("iam:*")))
    caller = rest(ana)
    assert caller.may("ecs:DescribeServices", WEB).allowed
    refused = caller.may("ecs:UpdateService", WEB)
    assert (refused.allowed, refused.reason, refused.guard) == (False, "implicit-deny", 0)
    assert not caller.may("iam:ListUsers", "*").allowed


def test_a_boundary_narrows_lists_in_sql(ana: User, django_assert_num_queries: Any) -> None:
    User.objects.create_user("bob")
    ana.policies.add(policy("see", allow("iam:*")))
    held = policy("edge", allow("iam:ListUsers"), allow("iam:GetUser", here.user_arn("bob")))
    User.objects.filter(pk=ana.pk).update(boundary=held)
    caller = rest(ana)
    with django_assert_num_queries(2):
        assert [user.username for user in list_users(caller)] == ["bob"]


def test_a_resource_policy_may_allow_instead(ana: User) -> None:
    ana.policies.add(policy("see", allow("ecs:Describe*")))
    User.objects.filter(pk=ana.pk).update(boundary=policy("edge", allow("ecs:Describe*")))
    caller = rest(ana)

    def resource(principal: Any, effect: str = "Allow") -> Any:
        statement = {
            "Effect": effect,
            "Principal": principal,
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
        return parse(document(statement), "secret", "resource")

    def asked(statements: Any) -> bool:
        return caller.may("secretsmanager:GetSecretValue", "arn:x", resource_policy=statements).allowed

    assert asked(resource({"AWS": ana.arn})), "naming the user allows alone, past its boundary"
    assert not asked(resource("*")), "everybody: within the boundary"
    assert not asked(resource({"AWS": "123456789012"})), "the account: the user's policies must allow too"
    assert not asked(resource({"AWS": here.user_arn("bob")}))
    assert not asked((*resource({"AWS": ana.arn}), *resource("*", "Deny"))), "a deny wins"


def test_the_keys_of_a_user(ana: User, clock: Any) -> None:
    request = RequestFactory().get("/", HTTP_USER_AGENT="Firefox")
    request.source_ip = "10.0.0.9"  # type: ignore[attr-defined]
    context = rest(ana, request=request).full_context()
    assert context["aws:username"] == "ana" and context["aws:PrincipalType"] == "User"
    assert context["aws:userid"] == User.objects.get().unique_id and str(context["aws:userid"])[:4] == "AIDA"
    assert context["aws:PrincipalTag/team"] == "shop"
    assert context["aws:PrincipalAccount"] == "123456789012"
    assert (context["aws:SourceIp"], context["aws:UserAgent"]) == ("10.0.0.9", "Firefox")
    assert context["aws:SecureTransport"] == "false"
    assert "aws:MultiFactorAuthPresent" not in context, "long-lived keys have no such key, as on AWS"
    console = Caller.for_user(ana, face="console", mfa=clock.moment - timedelta(seconds=90))
    assert console.full_context()["aws:MultiFactorAuthPresent"] == "true"
    assert console.full_context()["aws:MultiFactorAuthAge"] == "90"
    without = Caller.for_user(ana, face="console").full_context()
    assert without["aws:MultiFactorAuthPresent"] == "false" and "aws:MultiFactorAuthAge" not in without


# --- roles --------------------------------------------------------------------------------------------


def test_a_roles_caller(ana: User) -> None:
    ana.policies.add(policy("of-ana", allow("ecs:StopTask")))
    ops = role(tags={"team": "ops", "stage": "prod"})
    ops.policies.add(policy("p", allow("ecs:UpdateService"), allow("ecs:RunTask")))
    held = parse(document(allow("ecs:UpdateService")))
    caller = role_caller(
        ops,
        session_name="ana",
        assumed_by=rest(ana),
        face="rest",
        session_policies=[held],
        tags={"team": "shop"},
    )
    assert caller.arn == "arn:aws:sts::123456789012:assumed-role/ops/ana"
    assert (caller.name, caller.assumed_by, caller.role_arn) == ("ops/ana", ana.arn, ops.arn)
    assert (caller.user_id, caller.role_id) == (None, ops.pk)
    assert caller.may("ecs:UpdateService", WEB).allowed
    assert not caller.may("ecs:RunTask", WEB).allowed, "not in the session's policy"
    assert not caller.may("ecs:StopTask", WEB).allowed, "what ana may does not count"
    context = caller.full_context()
    assert context["aws:userid"] == f"{ops.unique_id}:ana"
    assert context["aws:PrincipalArn"] == ops.arn and context["aws:PrincipalType"] == "AssumedRole"
    assert context["aws:PrincipalTag/team"] == "shop" and context["aws:PrincipalTag/stage"] == "prod"
    assert "aws:username" not in context


ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize(
    "trust, own, becomes",
    [
        (trusting({"AWS": here.user_arn("ana")}), [], True),
        (trusting({"AWS": here.user_arn("bob")}), [allow("*")], False),
        (trusting(ROOT), [], False),
        (trusting(ROOT), [allow("sts:AssumeRole", here.role_arn("ops"))], True),
        (trusting(ROOT), [allow("sts:AssumeRole", here.role_arn("other"))], False),
        (trusting("*"), [], True),
        (trusting("*"), [deny("sts:AssumeRole")], False),
        (trusting({"Service": "ecs-tasks.amazonaws.com"}), [allow("*")], False),
        (trusting(ROOT, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}), [allow("*")], False),
        (trusting(ROOT, Condition={"StringEquals": {"aws:PrincipalTag/team": "shop"}}), [allow("*")], True),
        (trusting(ROOT, Condition={"StringEquals": {"aws:ResourceTag/open": "yes"}}), [allow("*")], True),
    ],
)
def test_who_may_become_a_role(ana: User, trust: Any, own: list[Any], becomes: bool) -> None:
    if own:
        ana.policies.add(policy("own", *own))
    ops = role(trust=trust, tags={"open": "yes"})
    assert may_assume(rest(ana), ops).allowed is becomes


def test_a_boundary_holds_becoming_a_role_by_the_account(ana: User) -> None:
    ana.policies.add(policy("own", allow("*")))
    User.objects.filter(pk=ana.pk).update(boundary=policy("edge", allow("ecs:*")))
    assert not may_assume(rest(ana), role()).allowed
    assert may_assume(rest(ana), role("named", trusting({"AWS": ana.arn}))).allowed


def test_services_become_roles_that_trust_them() -> None:
    tasks = role(trust=trusting({"Service": "ecs-tasks.amazonaws.com"}))
    assert trusts_service(tasks, "ecs-tasks.amazonaws.com")
    assert not trusts_service(tasks, "ec2.amazonaws.com")
    assert not trusts_service(role("people"), "ecs-tasks.amazonaws.com")


def test_what_passing_a_role_takes(ana: User) -> None:
    condition = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    ana.policies.add(policy("pass", allow("iam:PassRole", here.role_arn("task"), Condition=condition)))
    caller = rest(ana)
    for need, allowed in (
        (pass_role_need(here.role_arn("task")), True),
        (pass_role_need(here.role_arn("other")), False),
        (pass_role_need(here.role_arn("task"), "ec2.amazonaws.com"), False),
    ):
        assert caller.may(need.action, need.resource, need.context).allowed is allowed


# --- switching in the console ---------------------------------------------------------------------------


@pytest.fixture
def browser(ana: User) -> Any:
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    ana.policies.add(policy("become", allow("sts:AssumeRole")))
    return request


def test_a_session_switches_and_switches_back(ana: User, browser: Any, clock: Any) -> None:
    ops = role()
    ops.policies.add(policy("p", allow("ecs:UpdateService")))
    assert session_caller(browser, ana).arn == ana.arn
    put_role(browser, rest(ana), role="ops")
    caller = session_caller(browser, ana, mfa=datetime(2026, 1, 1, tzinfo=UTC))
    assert (caller.name, caller.assumed_by, caller.face) == ("ops/ana", ana.arn, "console")
    assert caller.mfa and caller.may("ecs:UpdateService", WEB).allowed
    leave_role(browser)
    assert session_caller(browser, ana).arn == ana.arn


@pytest.mark.parametrize("how", ["gone", "untrusted", "revoked", "forbidden", "deactivated", "late"])
def test_a_switched_session_ends_when_it_no_longer_may(ana: User, browser: Any, clock: Any, how: str) -> None:
    ops = role()
    put_role(browser, rest(ana), role="ops")
    assert session_caller(browser, ana).role_id == ops.pk
    clock.forward(seconds=1)
    if how == "gone":
        ops.delete()
    elif how == "untrusted":
        Role.objects.update(trust_policy=trusting({"AWS": here.user_arn("bob")}))
    elif how == "revoked":
        Role.objects.update(sessions_valid_from=clock.moment)
    elif how == "forbidden":
        ana.policies.add(policy("no", deny("sts:AssumeRole")))
    elif how == "deactivated":
        ana.is_active = False
    else:
        clock.forward(seconds=3600)
    caller = session_caller(browser, ana)
    assert (caller.role_id, caller.arn) == (None, ana.arn)
    assert SESSION_KEY not in browser.session and switched(browser) is None
    if how == "deactivated":
        assert not caller.may("iam:GetUser", ana.arn).allowed


def test_a_switched_session_takes_a_fixed_number_of_queries(
    ana: User, browser: Any, django_assert_num_queries: Any
) -> None:
    role()
    put_role(browser, rest(ana), role="ops")
    with django_assert_num_queries(3):
        session_caller(browser, ana)
