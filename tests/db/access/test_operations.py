"""Users, groups and policies: what each write does, refuses, and leaves in the trail."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access import operations as ops
from access import queries
from access.caller import Caller
from access.identities.ready_made import READY_MADE
from access.identities.setup import administrators, ensure_administrator, ensure_ready_made
from access.models import AuditRecord, Group, Policy, SignInGuard, User
from base import here
from base.clock import now
from base.errors import AccessDenied, Conflict, EntityAlreadyExists, InvalidParameter, NoSuchEntity

GOOD = "a long enough phrase"
READ_ONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*"}],
}


@pytest.fixture
def root(caller_of: Any) -> Caller:
    found: Caller = caller_of("root", "administrator")
    return found


# --- setup ------------------------------------------------------------------------------------------


def test_the_first_start_makes_an_administrator_once(db: None) -> None:
    assert ensure_administrator("admin", GOOD) is True
    assert ensure_administrator("admin2", GOOD) is False
    user = User.objects.get()
    assert user.check_password(GOOD)
    assert Caller.for_user(user, face="console").may("slipway:UseHostMounts", "*").allowed
    record = AuditRecord.objects.get()
    assert (record.action, record.actor_name) == ("iam:CreateUser", "system/setup")
    assert GOOD not in str(record.parameters)


def test_a_start_goes_on_when_the_first_name_is_somebody_elses(make_user: Any) -> None:
    user = make_user("admin", "read-only")
    assert ensure_administrator("admin", GOOD) is False
    assert not administrators().exists() and not user.check_password(GOOD)
    password = reset("admin", "--administrator")
    assert administrators().get().check_password(password)


def test_a_weak_first_password_is_refused(db: None) -> None:
    with pytest.raises(InvalidParameter):
        ensure_administrator("admin", "short")
    assert not User.objects.exists()


def test_ready_made_policies_are_renewed_and_groups_left_alone(db: None, make_user: Any) -> None:
    ensure_ready_made()
    group, policy = Group.objects.get(name="deployer"), Policy.objects.get(name="deployer")
    group.members.add(make_user())
    group.scope = [here.service_arn("default", "web")]
    group.save()
    policy.document = READ_ONE
    policy.save()
    ensure_ready_made()
    policy.refresh_from_db()
    group.refresh_from_db()
    assert policy.document == next(one.document for one in READY_MADE if one.name == "deployer")
    assert group.scope and group.members.count() == 1
    before = policy.updated_at
    ensure_ready_made()
    policy.refresh_from_db()
    assert policy.updated_at == before


WEB = "arn:aws:ecs:us-east-1:123456789012:service/default/web"


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("ecs:DescribeServices", "administrator deployer operator auditor read-only"),
        ("ecs:ListTasks", "administrator deployer operator auditor read-only"),
        ("logs:FilterLogEvents", "administrator deployer operator auditor read-only"),
        ("cloudtrail:LookupEvents", "administrator deployer operator auditor read-only"),
        ("ecs:UpdateService", "administrator deployer operator"),
        ("ecs:StopServiceDeployment", "administrator deployer operator"),
        ("ecs:StopTask", "administrator deployer operator"),
        ("ecs:UpdateContainerInstancesState", "administrator operator"),
        ("ecs:RegisterTaskDefinition", "administrator deployer"),
        ("ecs:CreateService", "administrator deployer"),
        ("ecs:RunTask", "administrator deployer"),
        ("ecs:DeleteService", "administrator"),
        ("ecs:CreateCluster", "administrator"),
        ("ecs:DeleteCluster", "administrator"),
        ("ecs:RegisterContainerInstance", "administrator"),
        ("ecs:DeregisterContainerInstance", "administrator"),
        ("ecs:ExecuteCommand", "administrator"),
        ("secretsmanager:GetSecretValue", "administrator"),
        ("iam:CreateUser", "administrator"),
        ("iam:AttachGroupPolicy", "administrator"),
        ("slipway:UseHostMounts", "administrator"),
        ("slipway:UseEngineSocket", "administrator"),
        ("slipway:UsePrivileged", "administrator"),
        ("slipway:UseHostNetwork", "administrator"),
    ],
)
def test_the_table_of_ready_made_policies(caller_of: Any, action: str, who: str) -> None:
    allowed = {
        ready.name
        for ready in READY_MADE
        if caller_of(f"u-{ready.name}", ready.name).may(action, WEB).allowed
    }
    assert allowed == set(who.split())


@pytest.mark.parametrize(
    "groups, allowed",
    [(("deployer",), False), (("operator",), True), (("deployer", "operator"), True), (("auditor",), False)],
)
def test_who_scales_to_zero(caller_of: Any, groups: tuple[str, ...], allowed: bool) -> None:
    caller = caller_of("ana", *groups)
    assert caller.may("ecs:UpdateService", WEB, {"slipway:desired-count": "0"}).allowed is allowed
    assert caller.may("ecs:UpdateService", WEB, {"slipway:desired-count": "1"}).allowed is (
        groups != ("auditor",)
    )


# --- users ------------------------------------------------------------------------------------------


def test_a_user_is_created_in_its_groups(root: Caller) -> None:
    user = ops.create_user(root, username="bob", password=GOOD, email="b@example.org", groups=["deployer"])
    assert user.check_password(GOOD) and user.arn == here.user_arn("bob")
    assert [group.name for group in user.groups.all()] == ["deployer"]
    record = AuditRecord.objects.get(action="iam:CreateUser")
    assert record.changes == [{"field": "groups", "before": [], "after": ["deployer"]}]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"username": "root"}, EntityAlreadyExists),
        ({"username": "ROOT"}, EntityAlreadyExists),
        ({"username": "b b"}, InvalidParameter),
        ({"username": ""}, InvalidParameter),
        ({"username": "b\n"}, InvalidParameter),
        ({"username": "x" * 65}, InvalidParameter),
        ({"username": "bob", "password": "password"}, InvalidParameter),
        ({"username": "bob", "email": "nowhere"}, InvalidParameter),
        ({"username": "bob", "groups": ["nobody"]}, NoSuchEntity),
    ],
)
def test_what_a_new_user_may_not_be(root: Caller, params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ops.create_user(root, **params)
    assert User.objects.count() == 1
    assert AuditRecord.objects.get().result == "failed"


def test_giving_a_group_needs_a_permission_of_its_own(caller_of: Any) -> None:
    ensure_ready_made()
    creator = caller_of("hr", statements=[{"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}])
    with pytest.raises(AccessDenied) as caught:
        ops.create_user(creator, username="eve", groups=["administrator"])
    assert caught.value.action == "iam:AddUserToGroup"
    with pytest.raises(AccessDenied, match="iam:CreateLoginProfile"):
        ops.create_user(creator, username="eve", password=GOOD)
    ops.create_user(creator, username="eve")


def test_everyone_changes_their_own_password_only(caller_of: Any) -> None:
    ana = caller_of("ana", "read-only")
    caller_of("bob")
    ops.change_password(ana, current_password="correct horse battery", new_password=GOOD)
    assert User.objects.get(username="ana").check_password(GOOD)
    assert AuditRecord.objects.get().resource == here.user_arn("ana")
    with pytest.raises(InvalidParameter) as caught:
        ops.change_password(ana, current_password="wrong", new_password=GOOD)
    assert "current_password" in caught.value.fields
    with pytest.raises(AccessDenied):
        ops.set_password(ana, username="bob", password=GOOD)


def test_own_sign_in_reaches_over_a_scope_but_not_over_a_deny(caller_of: Any) -> None:
    everything = [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]
    held = caller_of("ana", statements=everything, scope=(WEB,))
    ops.change_password(held, current_password="correct horse battery", new_password=GOOD)
    forbidden = caller_of(
        "bob", statements=[{"Effect": "Deny", "Action": "iam:ChangePassword", "Resource": "*"}]
    )
    with pytest.raises(AccessDenied):
        ops.change_password(forbidden, current_password="correct horse battery", new_password=GOOD)


def test_a_deactivated_user_is_let_in_again(root: Caller, make_user: Any) -> None:
    user = make_user("bob", "deployer")
    ops.deactivate_user(root, username="bob")
    user.refresh_from_db()
    assert not Caller.for_user(user, face="rest").may("ecs:UpdateService", WEB).allowed
    ops.activate_user(root, username="bob")
    user.refresh_from_db()
    assert Caller.for_user(user, face="rest").may("ecs:UpdateService", WEB).allowed


def test_the_last_administrator_stays(root: Caller, caller_of: Any) -> None:
    everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    # May do everything, but by a policy of its own: the last of the administrators is still root.
    other = caller_of("other", statements=everything)
    for change in (
        lambda: ops.delete_user(other, username="root", force=True),
        lambda: ops.deactivate_user(other, username="root"),
        lambda: ops.remove_user_from_group(other, group="administrator", username="root"),
        lambda: ops.detach_group_policy(other, group="administrator", policy="administrator"),
        lambda: ops.delete_group(other, group="administrator", force=True),
        lambda: ops.update_group(other, group="administrator", scope=[WEB]),
    ):
        with pytest.raises(Conflict, match="nobody who can administer"):
            change()
    assert [user.username for user in administrators()] == ["root"]
    ops.create_user(other, username="second", groups=["administrator"])
    ops.delete_user(other, username="root", force=True)
    assert [user.username for user in administrators()] == ["second"]


def test_nobody_deletes_themselves(root: Caller) -> None:
    with pytest.raises(Conflict):
        ops.delete_user(root, username="root")
    with pytest.raises(Conflict):
        ops.deactivate_user(root, username="root")


# --- groups and policies ------------------------------------------------------------------------------


def test_a_group_with_its_policy_and_scope(root: Caller, make_user: Any) -> None:
    user = make_user("bob")
    ops.put_policy(root, policy="readers", document=READ_ONE)
    ops.create_group(root, group="web-team", scope=[WEB], policies=["readers"])
    ops.add_user_to_group(root, group="web-team", username="bob")
    bob = Caller.for_user(user, face="rest")
    assert bob.may("ecs:DescribeServices", WEB).allowed
    assert not bob.may("ecs:DescribeServices", WEB + "2").allowed
    ops.update_group(root, group="web-team", scope=[])
    assert Caller.for_user(user, face="rest").may("ecs:DescribeServices", WEB + "2").allowed
    ops.remove_user_from_group(root, group="web-team", username="bob")
    assert not Caller.for_user(user, face="rest").may("ecs:DescribeServices", WEB).allowed


def test_a_changed_policy_applies_at_once(root: Caller, make_user: Any) -> None:
    user = make_user("bob")
    ops.put_policy(root, policy="p", document=READ_ONE)
    ops.create_group(root, group="g", policies=["p"])
    ops.add_user_to_group(root, group="g", username="bob")
    denies = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    ops.put_policy(root, policy="p", document=denies)
    assert Caller.for_user(user, face="rest").may("ecs:DescribeServices", WEB).reason == "explicit-deny"


def test_a_bad_document_is_refused_with_places(root: Caller) -> None:
    bad = {"Statement": [{"Effect": "Permit", "Action": "ecs", "Resource": "*"}]}
    with pytest.raises(InvalidParameter) as caught:
        ops.put_policy(root, policy="p", document=bad)
    assert caught.value.code == "MalformedPolicyDocument"
    assert set(caught.value.fields) == {"document.Statement[0].Effect", "document.Statement[0].Action"}
    assert not Policy.objects.filter(name="p").exists()


def test_ready_made_policies_are_not_edited(root: Caller) -> None:
    with pytest.raises(Conflict):
        ops.put_policy(root, policy="read-only", document=READ_ONE)
    with pytest.raises(Conflict):
        ops.delete_policy(root, policy="read-only")


def test_an_attached_policy_is_not_deleted(root: Caller) -> None:
    ops.put_policy(root, policy="p", document=READ_ONE)
    ops.create_group(root, group="g", policies=["p"])
    with pytest.raises(Conflict) as caught:
        ops.delete_policy(root, policy="p")
    assert caught.value.code == "DeleteConflict"
    ops.detach_group_policy(root, group="g", policy="p")
    ops.delete_policy(root, policy="p")
    assert not Policy.objects.filter(name="p").exists()


def test_only_some_policies_may_be_attached(caller_of: Any) -> None:
    ensure_ready_made()
    held = {"ArnEquals": {"iam:PolicyARN": here.policy_arn("read-only", ready_made=True)}}
    allowed = [{"Effect": "Allow", "Action": "iam:AttachGroupPolicy", "Resource": "*", "Condition": held}]
    lead = caller_of("lead", statements=allowed)
    Group.objects.create(name="g")
    with pytest.raises(AccessDenied):
        ops.attach_group_policy(lead, group="g", policy="administrator")
    ops.attach_group_policy(lead, group="g", policy="read-only")


@pytest.mark.parametrize("scope", [["web"], "arn:aws:ecs:::x", [3]])
def test_a_bad_scope_is_refused(root: Caller, scope: Any) -> None:
    with pytest.raises(InvalidParameter):
        ops.create_group(root, group="g", scope=scope)


# --- reads --------------------------------------------------------------------------------------------


def test_lists_take_a_fixed_number_of_queries(
    root: Caller, make_user: Any, django_assert_num_queries: Any
) -> None:
    for index in range(5):
        make_user(f"u{index}", "deployer", "operator")
    with django_assert_num_queries(2):
        assert [len(user.groups.all()) for user in queries.list_users(root)] == [1, 2, 2, 2, 2, 2]
    with django_assert_num_queries(3):
        assert {group.name for group in queries.list_groups(root)} == {ready.name for ready in READY_MADE}


def test_the_trail_is_searched(root: Caller) -> None:
    ops.create_user(root, username="bob")
    with pytest.raises(NoSuchEntity):
        ops.delete_user(root, username="nobody")
    start = now()
    ops.create_user(root, username="eve")
    look = queries.lookup_events
    assert [r.resource for r in look(root)] == [here.user_arn(name) for name in ("eve", "nobody", "bob")]
    assert look(root, result="failed").get().error_code == "NoSuchEntity"
    assert look(root, action="iam:Create*").count() == 2
    assert look(root, actor="root", action="iam:DeleteUser").count() == 1
    assert look(root, actor=here.user_arn("bob")).count() == 0
    assert look(root, resource_prefix=here.user_arn("e")).count() == 1
    assert look(root, since=start).count() == 1 and look(root, until=start).count() == 2
    assert look(root, before_id=look(root)[0].pk).count() == 2
    assert look(root, request_id=root.request_id).count() == 3
    with pytest.raises(InvalidParameter):
        look(root, result="maybe")


# --- the command ----------------------------------------------------------------------------------------


def reset(*args: str) -> str:
    out = StringIO()
    call_command("access_reset_password", *args, stdout=out)
    return out.getvalue().strip().rpartition(" ")[2]


def test_an_administrator_comes_back(make_user: Any) -> None:
    user = make_user("ana", "administrator")
    user.is_active = False
    user.save()
    SignInGuard.objects.create(key="k", failures=9, last_failure_at=now())
    password = reset("ana")
    user.refresh_from_db()
    assert user.is_active and user.check_password(password)
    assert not SignInGuard.objects.exists()
    assert {r.actor_name for r in AuditRecord.objects.all()} == {"system/command-line"}


def test_an_administrator_is_made_from_nothing(db: None) -> None:
    with pytest.raises(CommandError, match="cannot be found"):
        reset("ana")
    password = reset("ana", "--create", "--administrator")
    user = administrators().get()
    assert user.username == "ana" and user.check_password(password)
