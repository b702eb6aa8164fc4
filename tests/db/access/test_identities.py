"""Roles, attached and inline policies, boundaries, versions and tags: what each changes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from access import operations as ops
from access import queries
from access.caller import Caller
from access.identities import identity_queries as reads
from access.identities import inline_policies as inline
from access.identities.ready_made import READY_MADE
from access.identities.setup import administrators, ensure_ready_made
from access.models import AuditRecord, Group, InlinePolicy, Policy, PolicyVersion, Role, User
from access.policy import parse
from base import here
from base.errors import (
    AccessDenied,
    Conflict,
    EntityAlreadyExists,
    InvalidParameter,
    LimitExceeded,
    NoSuchEntity,
)

LIST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}],
}
SERVICE = "arn:aws:ecs:us-east-1:123456789012:service/default/web"


@pytest.fixture
def root(caller_of: Any) -> Caller:
    caller: Caller = caller_of("root", "administrator")
    return caller


def last() -> AuditRecord:
    return AuditRecord.objects.order_by("-pk")[0]


# --- roles ----------------------------------------------------------------------------------------------


def test_a_roles_life(root: Caller) -> None:
    ops.create_policy(root, policy="p", document=LIST)
    ops.create_role(
        root, role="ops", assume_role_policy_document=TRUST, description=" Operations ", tags={"team": "x"}
    )
    ops.update_role(root, role="ops", max_session_seconds=7200)
    ops.attach_role_policy(root, role="ops", policy="p")
    ops.put_role_policy(root, role="ops", policy_name="own", document=LIST)
    row = queries.get_role(root, role="ops")
    assert (row.description, row.max_session_seconds, row.tags) == ("Operations", 7200, {"team": "x"})
    assert row.arn == "arn:aws:iam::123456789012:role/ops" and row.unique_id.startswith("AROA")
    with pytest.raises(Conflict, match="detach all policies") as caught:
        ops.delete_role(root, role="ops")
    assert caught.value.code == "DeleteConflict"
    ops.detach_role_policy(root, role="ops", policy="p")
    with pytest.raises(Conflict, match="delete policies first"):
        ops.delete_role(root, role="ops")
    ops.delete_role_policy(root, role="ops", policy_name="own")
    ops.delete_role(root, role="ops")
    assert not Role.objects.exists()


def test_names_are_taken_whatever_their_case(root: Caller) -> None:
    ops.create_role(root, role="Ops", assume_role_policy_document=TRUST)
    with pytest.raises(EntityAlreadyExists):
        ops.create_role(root, role="ops", assume_role_policy_document=TRUST)
    ops.create_policy(root, policy="P", document=LIST)
    with pytest.raises(EntityAlreadyExists):
        ops.create_policy(root, policy="p", document=LIST)


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"assume_role_policy_document": LIST}, "assume_role_policy_document.Statement[0]"),
        ({"max_session_seconds": 899}, "max_session_seconds"),
        ({"max_session_seconds": 43_201}, "max_session_seconds"),
        ({"max_session_seconds": True}, "max_session_seconds"),
        ({"tags": {"aws:a": "b"}}, "tags.aws:a"),
        ({"description": "x" * 1001}, "description"),
        ({"role": "no spaces"}, "role"),
        ({"role": "x" * 65}, "role"),
    ],
)
def test_a_wrong_role_is_refused_by_its_field(root: Caller, wrong: Any, field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        ops.create_role(root, **{"role": "ops", "assume_role_policy_document": TRUST, **wrong})
    assert any(path.startswith(field) for path in caught.value.fields), caught.value.fields
    assert not Role.objects.exists()


def test_a_trust_policy_is_replaced_and_the_change_recorded(root: Caller) -> None:
    ops.create_role(root, role="ops", assume_role_policy_document=TRUST)
    tasks = {
        **TRUST,
        "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": "ecs-tasks.amazonaws.com"}}],
    }  # type: ignore[dict-item]
    ops.update_assume_role_policy(root, role="ops", policy_document=tasks)
    assert Role.objects.get().trust_policy == tasks
    assert last().changes == [{"field": "trustPolicy", "before": TRUST, "after": tasks}]


def test_lists_of_roles_show_what_may_be_seen(root: Caller, caller_of: Any) -> None:
    for name in ("a", "b"):
        ops.create_role(root, role=name, assume_role_policy_document=TRUST)
    sees = caller_of(
        "ana",
        statements=[
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:GetRole", "Resource": here.role_arn("b")},
        ],
    )
    assert [row.name for row in queries.list_roles(sees)] == ["b"]


# --- managed policies and versions ------------------------------------------------------------------------


def test_versions(root: Caller, make_user: Any) -> None:
    user = make_user("ana")
    ops.create_policy(root, policy="p", document=LIST, description="d")
    ops.attach_user_policy(root, username="ana", policy="p")
    assert Caller.for_user(user, face="rest").may("ecs:ListServices", "*").allowed
    second = ops.create_policy_version(root, policy="p", document=DENY)
    assert (second.version_id, second.is_default) == ("v2", False)
    assert Caller.for_user(user, face="rest").may("ecs:ListServices", "*").allowed, "v1 is in force"
    ops.set_default_policy_version(root, policy="p", version="v2")
    assert Caller.for_user(user, face="rest").may("ecs:ListServices", "*").reason == "explicit-deny"
    with pytest.raises(Conflict) as caught:
        ops.delete_policy_version(root, policy="p", version="v2")
    assert caught.value.code == "DeleteConflict"
    ops.delete_policy_version(root, policy="p", version="v1")
    third = ops.create_policy_version(root, policy="p", document=LIST, set_as_default=True)
    assert third.version_id == "v3", "a number is never given twice"
    versions = reads.list_policy_versions(root, policy="p")
    assert [(one.version_id, one.is_default) for one in versions] == [("v3", True), ("v2", False)]
    assert reads.get_policy_version(root, policy="p", version="v2").document == DENY
    for wrong in ("v1", "2", "v", "v999999999999", "vx"):
        with pytest.raises(NoSuchEntity):
            reads.get_policy_version(root, policy="p", version=wrong)


def test_five_versions_are_kept(root: Caller) -> None:
    ops.create_policy(root, policy="p", document=LIST)
    for _ in range(4):
        ops.create_policy_version(root, policy="p", document=LIST)
    with pytest.raises(LimitExceeded):
        ops.create_policy_version(root, policy="p", document=LIST)
    ops.put_policy(root, policy="p", document=DENY)
    numbers = [one.number for one in PolicyVersion.objects.filter(policy__name="p")]
    assert numbers == [6, 5, 4, 3, 1], "the oldest that is not in force makes room"
    assert Policy.objects.get(name="p").default_version_id == "v6"


def test_a_policy_that_somebody_has_is_not_deleted(root: Caller, make_user: Any) -> None:
    make_user("ana")
    ops.create_role(root, role="ops", assume_role_policy_document=TRUST)
    for give, take in (
        (ops.attach_user_policy, ops.detach_user_policy),
        (ops.put_user_permissions_boundary, None),
    ):
        ops.create_policy(root, policy="p", document=LIST)
        give(root, username="ana", policy="p")
        with pytest.raises(Conflict, match="user ana"):
            ops.delete_policy(root, policy="p")
        if take is None:
            ops.delete_user_permissions_boundary(root, username="ana")
        else:
            take(root, username="ana", policy="p")
        ops.delete_policy(root, policy="p")
    ops.create_policy(root, policy="p", document=LIST)
    ops.put_role_permissions_boundary(root, role="ops", policy="p")
    holders = reads.list_entities_for_policy(root, policy="p")
    assert (holders.bounded_roles, holders.users) == (["ops"], [])
    with pytest.raises(Conflict, match="boundary of role ops"):
        ops.delete_policy(root, policy="p")


def test_documents_have_iams_sizes(root: Caller, make_user: Any) -> None:
    make_user("ana")

    def document(size: int) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}
        found: dict[str, Any] = {"Id": "", "Statement": [statement]}
        import json

        found["Id"] = "x" * (size - len(json.dumps(found, separators=(",", ":"))))
        return found

    ops.create_policy(root, policy="p", document=document(6144))
    with pytest.raises(LimitExceeded, match="6145"):
        ops.create_policy(root, policy="q", document=document(6145))
    ops.put_user_policy(root, username="ana", policy_name="a", document=document(1000))
    ops.put_user_policy(root, username="ana", policy_name="a", document=document(2000))
    with pytest.raises(LimitExceeded, match="2000 in other inline"):
        ops.put_user_policy(root, username="ana", policy_name="b", document=document(100))
    assert InlinePolicy.objects.get().name == "a"


def test_ready_made_policies_are_renewed_as_new_versions(db: None) -> None:
    ensure_ready_made()
    before = Policy.objects.get(name="read-only")
    Policy.objects.filter(pk=before.pk).update(document=LIST)
    ensure_ready_made()
    after = Policy.objects.get(name="read-only")
    assert after.document == before.document and after.default_version == 2
    ensure_ready_made()
    assert Policy.objects.get(name="read-only").last_version == 2
    for ready in READY_MADE:
        assert parse(ready.document)


# --- attached, inline, bounded -------------------------------------------------------------------------


def test_inline_policies(root: Caller, make_user: Any) -> None:
    user = make_user("ana")
    ops.put_user_policy(root, username="ana", policy_name="own", document=LIST)
    assert Caller.for_user(user, face="rest").may("ecs:ListServices", "*").allowed
    assert inline.get_user_policy(root, username="ana", policy_name="own").document == LIST
    ops.put_user_policy(root, username="ana", policy_name="own", document=DENY)
    assert [row.document for row in inline.list_user_policies(root, username="ana")] == [DENY]
    with pytest.raises(InvalidParameter) as caught:
        ops.put_user_policy(root, username="ana", policy_name="bad", document={"Statement": []})
    assert caught.value.code == "MalformedPolicyDocument"
    ops.delete_user_policy(root, username="ana", policy_name="own")
    with pytest.raises(NoSuchEntity):
        inline.get_user_policy(root, username="ana", policy_name="own")


def test_the_same_of_groups_and_roles(root: Caller) -> None:
    ops.create_group(root, group="g")
    ops.create_role(root, role="r", assume_role_policy_document=TRUST)
    ops.put_group_policy(root, group="g", policy_name="own", document=LIST)
    ops.put_role_policy(root, role="r", policy_name="own", document=LIST)
    assert inline.list_group_policies(root, group="g").get().group == Group.objects.get(name="g")
    assert inline.list_role_policies(root, role="r").get().role == Role.objects.get()
    ops.attach_group_policy(root, group="g", policy="read-only")
    assert reads.list_attached_group_policies(root, group="g").get().name == "read-only"
    with pytest.raises(Conflict, match="detach all policies"):
        ops.delete_group(root, group="g")
    ops.detach_group_policy(root, group="g", policy="read-only")
    with pytest.raises(Conflict, match="inline policies"):
        ops.delete_group(root, group="g")
    ops.delete_group_policy(root, group="g", policy_name="own")
    ops.delete_group(root, group="g")


def test_a_user_is_deleted_after_what_it_has(root: Caller, make_user: Any) -> None:
    make_user("ana", "deployer")
    ops.attach_user_policy(root, username="ana", policy="read-only")
    ops.put_user_policy(root, username="ana", policy_name="own", document=LIST)
    ops.create_access_key(root, username="ana")
    for what, undo in (
        ("groups", lambda: ops.remove_user_from_group(root, group="deployer", username="ana")),
        ("detach", lambda: ops.detach_user_policy(root, username="ana", policy="read-only")),
        ("inline", lambda: ops.delete_user_policy(root, username="ana", policy_name="own")),
    ):
        with pytest.raises(Conflict, match=what) as caught:
            ops.delete_user(root, username="ana")
        assert caught.value.code == "DeleteConflict"
        undo()
    with pytest.raises(Conflict, match="access keys"):
        ops.delete_user(root, username="ana")
    ops.delete_user(root, username="ana", force=True)
    assert not User.objects.filter(username="ana").exists()


def test_deleting_by_force_takes_the_permissions_of_each_step(caller_of: Any, make_user: Any) -> None:
    make_user("ana", "deployer")
    only = caller_of("lead", statements=[{"Effect": "Allow", "Action": "iam:DeleteUser", "Resource": "*"}])
    with pytest.raises(AccessDenied) as caught:
        ops.delete_user(only, username="ana", force=True)
    assert caught.value.action == "iam:RemoveUserFromGroup"
    assert User.objects.filter(username="ana", groups__name="deployer").exists()
    assert last().result == "denied"


BOUNDED = {"StringEquals": {"iam:PermissionsBoundary": here.policy_arn("edge")}}


def test_who_may_only_make_bounded_users(root: Caller, caller_of: Any) -> None:
    """The documented pattern of delegating administration: everybody made by the lead is held by the boundary."""
    ops.create_policy(root, policy="edge", document=LIST)
    ops.create_policy(root, policy="other", document=LIST)
    actions = [
        "iam:CreateUser",
        "iam:AttachUserPolicy",
        "iam:PutUserPolicy",
        "iam:PutUserPermissionsBoundary",
    ]
    lead = caller_of(
        "lead", statements=[{"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": BOUNDED}]
    )
    with pytest.raises(AccessDenied):
        ops.create_user(lead, username="free")
    with pytest.raises(AccessDenied):
        ops.create_user(lead, username="free", boundary="other")
    ops.create_user(lead, username="held", boundary="edge")
    ops.attach_user_policy(lead, username="held", policy="administrator")
    held = Caller.for_user(User.objects.get(username="held"), face="rest")
    assert held.may("ecs:ListServices", "*").allowed
    assert not held.may("ecs:UpdateService", SERVICE).allowed
    for change in (
        lambda: ops.attach_user_policy(lead, username="root", policy="read-only"),
        lambda: ops.put_user_permissions_boundary(lead, username="held", policy="other"),
        lambda: ops.delete_user_permissions_boundary(lead, username="held"),
    ):
        with pytest.raises(AccessDenied):
            change()
    assert User.objects.get(username="held").boundary == Policy.objects.get(name="edge")


def test_tags(root: Caller, caller_of: Any) -> None:
    ops.create_user(root, username="ana", tags={"team": "shop"})
    ops.tag_user(root, username="ana", tags={"stage": "prod"})
    ops.untag_user(root, username="ana", tag_keys=["team", "none"])
    from access.identities.identity_tags import list_user_tags

    assert list_user_tags(root, username="ana") == {"stage": "prod"}
    with pytest.raises(InvalidParameter):
        ops.tag_user(root, username="ana", tags={str(index): "x" for index in range(50)})
    only = {
        "StringEquals": {"aws:RequestTag/team": "shop"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    lead = caller_of(
        "lead",
        statements=[
            {
                "Effect": "Allow",
                "Action": ["iam:CreateUser", "iam:TagUser"],
                "Resource": "*",
                "Condition": only,
            }
        ],
    )
    with pytest.raises(AccessDenied):
        ops.create_user(lead, username="x")
    with pytest.raises(AccessDenied):
        ops.tag_user(lead, username="ana", tags={"team": "shop", "admin": "yes"})
    ops.create_user(lead, username="x", tags={"team": "shop"})
    with pytest.raises(Conflict):
        ops.tag_policy(root, policy="read-only", tags={"a": "b"})


# --- the last administrator -----------------------------------------------------------------------------


def test_the_last_administrator_stays_however_it_is_tried(root: Caller, caller_of: Any) -> None:
    other = caller_of("other", statements=[{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    ops.create_policy(other, policy="deny", document=DENY)
    ops.create_group(other, group="denied", policies=["deny"])
    by_tag = {**DENY["Statement"][0], "Condition": {"StringEquals": {"aws:PrincipalTag/out": "yes"}}}  # type: ignore[index]
    ops.put_user_policy(
        other, username="root", policy_name="tagged", document={**DENY, "Statement": [by_tag]}
    )
    changes = (
        lambda: ops.put_user_policy(other, username="root", policy_name="no", document=DENY),
        lambda: ops.put_group_policy(other, group="administrator", policy_name="no", document=DENY),
        lambda: ops.attach_user_policy(other, username="root", policy="deny"),
        lambda: ops.attach_group_policy(other, group="administrator", policy="deny"),
        lambda: ops.put_user_permissions_boundary(other, username="root", policy="read-only"),
        lambda: ops.tag_user(other, username="root", tags={"out": "yes"}),
        lambda: ops.add_user_to_group(other, group="denied", username="root"),
        lambda: ops.delete_user(other, username="root", force=True),
    )
    for change in changes:
        with pytest.raises(Conflict, match="nobody who can administer"):
            change()
        assert last().result == "failed"
    assert Caller.for_user(User.objects.get(username="root"), face="rest").may("iam:CreateUser", "*").allowed


def test_an_administrator_by_an_own_policy_counts(root: Caller) -> None:
    ops.create_user(root, username="second")
    ops.attach_user_policy(root, username="second", policy="administrator")
    assert {user.username for user in administrators()} == {"root", "second"}
    second = Caller.for_user(User.objects.get(username="second"), face="rest")
    ops.remove_user_from_group(second, group="administrator", username="root")
    with pytest.raises(Conflict):
        ops.detach_user_policy(second, username="second", policy="administrator")


# --- the account ----------------------------------------------------------------------------------------


def test_the_account_as_a_whole(root: Caller, django_assert_max_num_queries: Any) -> None:
    ops.create_role(root, role="ops", assume_role_policy_document=TRUST)
    ops.attach_role_policy(root, role="ops", policy="read-only")
    summary = reads.get_account_summary(root)
    assert (summary["Users"], summary["Roles"], summary["Policies"]) == (1, 1, 0)
    with django_assert_max_num_queries(13):
        details = reads.get_account_authorization_details(root)
    assert details.roles[0]["AttachedManagedPolicies"][0]["PolicyArn"] == "arn:aws:iam::aws:policy/read-only"
    assert details.users[0]["GroupList"] == ["administrator"]
    assert {one["PolicyName"] for one in details.policies} == {ready.name for ready in READY_MADE}


WRITES: list[tuple[Any, dict[str, Any]]] = [
    (ops.create_role, {"role": "new", "assume_role_policy_document": TRUST}),
    (ops.update_role, {"role": "ops", "description": "x"}),
    (ops.update_assume_role_policy, {"role": "ops", "policy_document": TRUST}),
    (ops.revoke_role_sessions, {"role": "ops"}),
    (ops.delete_role, {"role": "ops", "force": True}),
    (ops.attach_role_policy, {"role": "ops", "policy": "administrator"}),
    (ops.attach_user_policy, {"username": "eve", "policy": "administrator"}),
    (ops.attach_group_policy, {"group": "read-only", "policy": "administrator"}),
    (ops.put_user_policy, {"username": "eve", "policy_name": "p", "document": LIST}),
    (ops.put_group_policy, {"group": "read-only", "policy_name": "p", "document": LIST}),
    (ops.put_role_policy, {"role": "ops", "policy_name": "p", "document": LIST}),
    (ops.put_user_permissions_boundary, {"username": "eve", "policy": "read-only"}),
    (ops.delete_user_permissions_boundary, {"username": "eve"}),
    (ops.put_role_permissions_boundary, {"role": "ops", "policy": "read-only"}),
    (ops.create_policy, {"policy": "new", "document": LIST}),
    (ops.create_policy_version, {"policy": "p", "document": LIST}),
    (ops.set_default_policy_version, {"policy": "p", "version": "v1"}),
    (ops.delete_policy_version, {"policy": "p", "version": "v1"}),
    (ops.tag_user, {"username": "eve", "tags": {"a": "b"}}),
    (ops.untag_role, {"role": "ops", "tag_keys": ["a"]}),
    (ops.tag_policy, {"policy": "p", "tags": {"a": "b"}}),
    (ops.create_access_key, {"username": "root"}),
    (ops.import_access_key, {"username": "eve", "key_id": "AKIA" + "A" * 16, "secret_access_key": "x" * 40}),
]


@pytest.mark.parametrize("change, given", WRITES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_reader_changes_nothing(root: Caller, caller_of: Any, change: Any, given: Any) -> None:
    ops.create_policy(root, policy="p", document=LIST)
    ops.create_role(root, role="ops", assume_role_policy_document=TRUST)
    eve = caller_of("eve", "read-only")

    def rows() -> list[Any]:
        models = (User, Group, Role, Policy, PolicyVersion, InlinePolicy)
        through = (User.policies.through, Group.policies.through, Role.policies.through)
        return [list(model._default_manager.order_by("pk").values()) for model in (*models, *through)]

    before = rows()
    with pytest.raises(AccessDenied):
        change(eve, **given)
    assert rows() == before
    record = last()
    assert (record.result, record.actor_name, record.operation) == ("denied", "eve", change.__name__)
