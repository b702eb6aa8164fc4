"""What a list shows is what `evaluate` allows, row by row, whatever the policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.authorization.visibility import visible
from access.caller import Caller, system_caller
from access.language.scope import compile_scope
from access.models import AuditRecord, Group, User
from access.policy import Statement, parse
from access.queries import list_groups, list_users, lookup_events
from base import here

HEAD = "arn:aws:ecs:us-east-1:123456789012"
CLUSTERS = ["default", "blue", "Blue", "blues"]
SERVICES = ["web", "WEB", "web2", "a.b", "aXb", "we_b", "100%"]
ARNS = (
    [f"{HEAD}:cluster/{cluster}" for cluster in CLUSTERS]
    + [f"{HEAD}:service/{cluster}/{service}" for cluster in CLUSTERS[:3] for service in SERVICES]
    + [f"{HEAD}:task/{cluster}/0a{index}" for cluster in CLUSTERS[:2] for index in range(3)]
    + [f"{HEAD}:task-definition/web:{revision}" for revision in (1, 2, 10)]
)
OWNERS = ["", f"{HEAD}:service/default/web", f"{HEAD}:service/blue/web"]

PATTERNS = st.sampled_from(
    [
        "*",
        *ARNS[:8],
        f"{HEAD}:service/blue/*",
        f"{HEAD}:service/*/web",
        f"{HEAD}:service/default/we?",
        f"{HEAD}:service/default/a.b",
        f"{HEAD}:service/default/we_*",
        f"{HEAD}:service/default/100%*",
        f"{HEAD}:task-definition/web:*",
        f"{HEAD}:task-definition/web:?",
        f"{HEAD}:*",
        "arn:aws:ecs:*:*:cluster/b*",
        f"{HEAD}:service/${{aws:username}}/*",
        f"{HEAD}:service/${{aws:nobody}}/*",
    ]
)
CONDITIONS = st.sampled_from(
    [
        None,
        None,
        {"StringEquals": {"aws:username": "blue"}},
        {"StringNotEquals": {"aws:username": "blue"}},
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    ]
)
SCOPES = st.lists(
    st.sampled_from(
        [f"{HEAD}:cluster/blue", f"{HEAD}:service/default/web", f"{HEAD}:service/*/web", f"{HEAD}:task*"]
    ),
    max_size=2,
)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    raw: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(
            st.lists(
                st.sampled_from(["ecs:*", "ecs:Describe*", "ecs:UpdateX", "iam:*"]), min_size=1, max_size=2
            )
        ),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(
            st.lists(PATTERNS, min_size=1, max_size=3)
        ),
    }
    if condition := draw(CONDITIONS):
        raw["Condition"] = condition
    (parsed,) = parse({"Version": "2012-10-17", "Statement": raw})
    return parsed.within(compile_scope(draw(SCOPES)))


def caller_with(*found: Statement) -> Caller:
    context = {"aws:username": "blue", "aws:SourceIp": "10.1.2.3"}
    return Caller(arn=here.user_arn("blue"), name="blue", face="rest", statements=found, context=context)


@pytest.fixture
def rows(db: None) -> None:
    """Any table with ARNs does: the trail has one for the row and one for what it may belong to."""
    AuditRecord.objects.bulk_create(
        AuditRecord(face="x", operation="x", action="x", result="success", resource=arn, actor_arn=owner)
        for arn in ARNS
        for owner in OWNERS
    )


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(statements(), max_size=4), action=st.sampled_from(["ecs:DescribeX", "ecs:UpdateX"]))
def test_a_list_and_a_decision_agree(rows: None, found: list[Statement], action: str) -> None:
    caller = caller_with(*found)
    shown = visible(AuditRecord.objects.all(), caller, action, "resource", owner_fields=("actor_arn",))
    expected = {
        (arn, owner) for arn in ARNS for owner in OWNERS if caller.may(action, arn, owners=(owner,)).allowed
    }
    assert set(shown.values_list("resource", "actor_arn")) == expected


def one(**raw: Any) -> Statement:
    (found,) = parse({"Version": "2012-10-17", "Statement": {"Action": "*", "Resource": "*", **raw}})
    return found


def test_the_system_sees_everything(rows: None) -> None:
    assert (
        visible(AuditRecord.objects.all(), system_caller("x"), "ecs:X", "resource").count() == len(ARNS) * 3
    )


def test_nobody_sees_nothing_and_asks_nothing(rows: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert list(visible(AuditRecord.objects.all(), caller_with(), "ecs:X", "resource")) == []


def test_a_deny_of_everything_hides_everything(rows: None) -> None:
    caller = caller_with(one(Effect="Allow"), one(Effect="Deny"))
    assert not visible(AuditRecord.objects.all(), caller, "ecs:X", "resource").exists()


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_condition_that_only_a_row_could_tell_hides(rows: None, effect: str) -> None:
    tagged = one(Effect=effect, Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})
    caller = caller_with(tagged) if effect == "Allow" else caller_with(one(Effect="Allow"), tagged)
    assert not visible(AuditRecord.objects.all(), caller, "ecs:X", "resource").exists()


def test_a_condition_that_holds_for_the_whole_list_is_used(rows: None) -> None:
    blue = f"{HEAD}:cluster/blue"
    caller = caller_with(one(Effect="Allow", Condition={"ArnEquals": {"ecs:cluster": blue}}))
    queryset = AuditRecord.objects.all()
    assert visible(queryset, caller, "ecs:X", "resource", context={"ecs:cluster": blue}).exists()
    assert not visible(queryset, caller, "ecs:X", "resource", context={"ecs:cluster": blue + "2"}).exists()


def test_users_see_the_users_they_may(caller_of: Any, make_user: Any) -> None:
    make_user("bob")
    only_bobs = [
        {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:GetUser", "Resource": here.user_arn("b*")},
    ]
    assert [u.username for u in list_users(caller_of("ana", statements=only_bobs))] == ["ana", "bob"]
    assert User.objects.count() == 2
    assert list_groups(caller_of("root", "administrator")).count() == Group.objects.count()


def test_who_is_held_to_a_cluster_sees_its_part_of_the_trail(rows: None, caller_of: Any) -> None:
    allowed = [{"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]
    caller = caller_of("blue", statements=allowed, scope=(f"{HEAD}:cluster/blue",))
    seen = set(lookup_events(caller).values_list("resource", flat=True))
    assert seen == {
        arn for arn in ARNS if ":cluster/blue" in arn.removesuffix("s") and not arn.endswith("blues")
    } | {arn for arn in ARNS if "/blue/" in arn}


def test_the_trail_is_searched_by_prefix(rows: None, caller_of: Any) -> None:
    caller = caller_of("root", "administrator")
    found = lookup_events(caller, resource_prefix=f"{HEAD}:service/blue/")
    assert set(found.values_list("resource", flat=True)) == {arn for arn in ARNS if ":service/blue/" in arn}
