"""Access keys and sessions: found again by those who check signatures, held by policies, ended in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client

from access import operations as ops
from access.caller import Caller
from access.identities import sts
from access.identities.keys import find_key, get_access_key_last_used, list_access_keys
from access.identities.roles import list_role_sessions
from access.identities.setup import ensure_administrator
from access.identities.switching import put_role
from access.models import AccessKey, AuditRecord, Role, TemporaryCredential, User
from base import here
from base.errors import AccessDenied, InvalidParameter, LimitExceeded, NoSuchEntity

SERVICE = "arn:aws:ecs:us-east-1:123456789012:service/default/web"
BECOME = [
    {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        "Resource": "*",
    }
]


def document(*actions: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }


def trust(principal: Any = None, **more: Any) -> dict[str, Any]:
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    statement = {
        "Effect": "Allow",
        "Principal": principal or {"AWS": "123456789012"},
        "Action": actions,
        **more,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def root(caller_of: Any) -> Caller:
    caller: Caller = caller_of("root", "administrator")
    return caller


@pytest.fixture
def ana(caller_of: Any) -> Caller:
    caller: Caller = caller_of("ana", statements=BECOME)
    return caller


def make_role(root: Caller, name: str = "ops", **more: Any) -> Role:
    given = {"assume_role_policy_document": trust(), **more}
    role: Role = ops.create_role(root, role=name, **given)
    ops.put_role_policy(
        root, role=name, policy_name="own", document=document("ecs:UpdateService", "ecs:RunTask", "sts:*")
    )
    return role


def bearer(issued: sts.IssuedSession) -> Caller:
    found = find_key(issued.credential.key_id, issued.session_token)
    assert found is not None and found.secret == issued.secret
    return sts.caller_of(found, face="aws")


# --- access keys -----------------------------------------------------------------------------------------


def test_a_keys_life(ana: Caller, clock: Any) -> None:
    made = ops.create_access_key(ana, username="ana")
    assert made.key.key_id.startswith("AKIA") and len(made.key.key_id) == 20 and len(made.secret) == 40
    assert made.secret not in made.key.encrypted_secret and made.secret not in repr(made)
    record = AuditRecord.objects.latest("id")
    assert made.secret not in str(vars(record)) and record.changes[0]["after"] == made.key.key_id
    found = find_key(made.key.key_id, service="ecs", region="us-east-1")
    assert found is not None and found.secret == made.secret and found.user is not None
    assert made.secret not in repr(found)
    assert sts.caller_of(found, face="aws").arn == ana.arn
    ops.update_access_key(ana, username="ana", key_id=made.key.key_id, active=False)
    assert find_key(made.key.key_id) is None
    ops.update_access_key(ana, username="ana", key_id=made.key.key_id, active=True)
    User.objects.filter(username="ana").update(is_active=False)
    assert find_key(made.key.key_id) is None
    User.objects.filter(username="ana").update(is_active=True)
    ops.delete_access_key(ana, username="ana", key_id=made.key.key_id)
    assert find_key(made.key.key_id) is None


def test_two_keys_and_no_more(ana: Caller) -> None:
    ops.create_access_key(ana, username="ana")
    ops.create_access_key(ana, username="ana")
    with pytest.raises(LimitExceeded, match="AccessKeysPerUser: 2"):
        ops.create_access_key(ana, username="ana")
    assert list_access_keys(ana, username="ana").count() == 2


def test_the_last_use_is_written_once_a_minute(
    ana: Caller, clock: Any, django_assert_num_queries: Any
) -> None:
    key_id = ops.create_access_key(ana, username="ana").key.key_id
    with django_assert_num_queries(2):
        find_key(key_id, service="ecs", region="us-east-1")
    first = clock.moment
    clock.forward(seconds=59)
    with django_assert_num_queries(1):
        find_key(key_id, service="iam", region="us-east-1")
    used = get_access_key_last_used(ana, key_id=key_id)
    assert (used.username, used.last_used_at, used.service) == ("ana", first, "ecs")
    clock.forward(seconds=1)
    find_key(key_id, service="iam")
    assert AccessKey.objects.get().last_used_service == "iam"


def test_whose_key_it_is_is_told_only_to_who_may_know(root: Caller, ana: Caller, caller_of: Any) -> None:
    key_id = ops.create_access_key(root, username="root").key.key_id
    eve = caller_of("eve")
    for asked in (key_id, "AKIA" + "A" * 16):
        with pytest.raises(AccessDenied):
            get_access_key_last_used(eve, key_id=asked)
    with pytest.raises(NoSuchEntity):
        get_access_key_last_used(root, key_id="AKIA" + "A" * 16)
    with pytest.raises(AccessDenied):
        ops.create_access_key(eve, username="root")
    with pytest.raises(NoSuchEntity):
        ops.delete_access_key(root, username="ana", key_id=key_id)
    assert AccessKey.objects.count() == 1


def test_the_first_administrator_gets_the_key_that_was_given(db: None) -> None:
    key = ("AKIAFIRSTADMINISTRAT", "a secret".replace(" ", "-") * 4)
    assert ensure_administrator("admin", "correct horse battery", key)
    found = find_key(key[0])
    assert found is not None and found.secret == key[1] and str(found.user) == "admin"
    assert not ensure_administrator("admin", "correct horse battery", ("AKIAOTHERADMINISTRAT", key[1]))
    assert AccessKey.objects.count() == 1
    assert key[1] not in str(list(AuditRecord.objects.values()))


# --- assuming a role ----------------------------------------------------------------------------------------


def test_a_session_of_a_role(root: Caller, ana: Caller, clock: Any) -> None:
    role = make_role(root, tags={"team": "ops"})
    issued = ops.assume_role(
        ana,
        role="ops",
        session_name="ana",
        duration_seconds=900,
        tags={"team": "shop"},
        source_identity="ana",
    )
    assert issued.arn == here.assumed_role_arn("ops", "ana")
    assert issued.credential.key_id.startswith("ASIA")
    assert issued.secret not in repr(issued) and issued.session_token not in repr(issued)
    record = AuditRecord.objects.latest("id")
    assert (record.action, record.result, record.actor_name) == ("sts:AssumeRole", "success", "ana")
    assert role.arn in [record.resource, *record.resources] or record.resources == [issued.arn]
    assert issued.secret not in str(vars(record)) and issued.session_token not in str(vars(record))
    caller = bearer(issued)
    assert (caller.arn, caller.assumed_by, caller.role_arn) == (issued.arn, ana.arn, role.arn)
    assert caller.may("ecs:UpdateService", SERVICE).allowed
    assert not caller.may("ecs:DeleteService", SERVICE).allowed
    context = caller.full_context()
    assert context["aws:PrincipalTag/team"] == "shop" and context["aws:SourceIdentity"] == "ana"
    assert context["aws:TokenIssueTime"] == clock.moment.isoformat(timespec="seconds")
    assert sts.get_caller_identity(caller).arn == issued.arn
    clock.forward(seconds=900)
    assert find_key(issued.credential.key_id, issued.session_token) is None


def test_a_session_takes_its_token_and_nothing_less(root: Caller, ana: Caller) -> None:
    make_role(root)
    issued = ops.assume_role(ana, role="ops", session_name="ana")
    key_id = issued.credential.key_id
    assert find_key(key_id) is None and find_key(key_id, "wrong") is None
    assert find_key("AKIAAAAAAAAAAAAAAAAA", issued.session_token) is None
    row = TemporaryCredential.objects.get()
    assert issued.session_token not in row.token_digest and issued.secret not in row.encrypted_secret


def test_session_policies_hold_it_together(root: Caller, ana: Caller) -> None:
    make_role(root)
    ops.create_policy(root, policy="run", document=document("ecs:RunTask"))
    plain = bearer(ops.assume_role(ana, role="ops", session_name="ana"))
    assert plain.may("ecs:RunTask", "*").allowed and plain.may("ecs:UpdateService", SERVICE).allowed
    held = bearer(ops.assume_role(ana, role="ops", session_name="ana", policies=["run"]))
    assert held.may("ecs:RunTask", "*").allowed and not held.may("ecs:UpdateService", SERVICE).allowed
    given = document("ecs:UpdateService", "ecs:DeleteService")
    both = bearer(
        ops.assume_role(ana, role="ops", session_name="ana", policies=["run"], session_policy=given)
    )
    assert both.may("ecs:RunTask", "*").allowed and both.may("ecs:UpdateService", SERVICE).allowed
    assert not both.may("ecs:DeleteService", SERVICE).allowed, "a session policy never grants"


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"session_name": "a"}, "session_name"),
        ({"session_name": "with space"}, "session_name"),
        ({"duration_seconds": 899}, "duration_seconds"),
        ({"duration_seconds": 3601}, "duration_seconds"),
        ({"session_policy": {"Statement": 3}}, "session_policy"),
        ({"policies": ["p"] * 11}, "policies"),
        ({"tags": {"aws:x": "y"}}, "tags"),
        ({"transitive_tag_keys": ["x"]}, "transitive_tag_keys"),
        ({"source_identity": "no spaces"}, "source_identity"),
    ],
)
def test_a_wrong_request_is_refused(root: Caller, ana: Caller, wrong: Any, field: str) -> None:
    make_role(root)
    with pytest.raises(InvalidParameter) as caught:
        ops.assume_role(ana, **{"role": "ops", "session_name": "ana", **wrong})
    assert any(path.startswith(field) for path in caught.value.fields)
    assert not TemporaryCredential.objects.exists()


def test_who_is_not_trusted_cannot_tell_a_role_from_none(root: Caller, ana: Caller) -> None:
    make_role(root, assume_role_policy_document=trust({"AWS": here.user_arn("bob")}))
    answers = []
    for name in ("ops", "nothing-there"):
        with pytest.raises(AccessDenied) as caught:
            ops.assume_role(ana, role=name, session_name="ana")
        answers.append(str(caught.value).replace(name, "ROLE"))
        assert AuditRecord.objects.latest("id").result == "denied"
    assert answers[0] == answers[1]
    with pytest.raises(AccessDenied):
        ops.switch_role(ana, role="ops")
    assert not TemporaryCredential.objects.exists()


def test_conditions_of_the_trust_policy(root: Caller, ana: Caller) -> None:
    condition = {
        "StringEquals": {"sts:ExternalId": "42", "sts:RoleSessionName": "${aws:username}"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    make_role(root, assume_role_policy_document=trust(Condition=condition))
    good = {"role": "ops", "session_name": "ana", "external_id": "42", "tags": {"team": "shop"}}
    ops.assume_role(ana, **good)
    for wrong in ({"external_id": ""}, {"session_name": "root"}, {"tags": {"admin": "yes"}}):
        with pytest.raises(AccessDenied):
            ops.assume_role(ana, **{**good, **wrong})


def test_tags_take_a_permission_of_their_own(root: Caller, caller_of: Any) -> None:
    make_role(root)
    bob = caller_of("bob", statements=[{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}])
    ops.assume_role(bob, role="ops", session_name="bob")
    with pytest.raises(AccessDenied) as caught:
        ops.assume_role(bob, role="ops", session_name="bob", tags={"a": "b"})
    assert caught.value.action == "sts:TagSession"
    with pytest.raises(AccessDenied) as caught:
        ops.assume_role(bob, role="ops", session_name="bob", source_identity="bob")
    assert caught.value.action == "sts:SetSourceIdentity"


def test_roles_are_chained_for_an_hour_with_their_transitive_tags(root: Caller, ana: Caller) -> None:
    make_role(root, max_session_seconds=7200)
    make_role(root, "second", max_session_seconds=7200)
    first = bearer(
        ops.assume_role(
            ana,
            role="ops",
            session_name="ana",
            tags={"team": "shop", "other": "x"},
            transitive_tag_keys=["team"],
            source_identity="ana",
        )
    )
    with pytest.raises(InvalidParameter):
        ops.assume_role(first, role="second", session_name="ana", duration_seconds=3601)
    with pytest.raises(InvalidParameter, match="transitive"):
        ops.assume_role(first, role="second", session_name="ana", tags={"team": "admins"})
    with pytest.raises(InvalidParameter):
        ops.assume_role(first, role="second", session_name="ana", source_identity="root")
    second = bearer(ops.assume_role(first, role="second", session_name="ana"))
    context = second.full_context()
    assert second.assumed_by == first.arn
    assert context["aws:PrincipalTag/team"] == "shop" and "aws:PrincipalTag/other" not in context
    assert context["aws:SourceIdentity"] == "ana" and second.transitive_tags == ("team",)
    assert AuditRecord.objects.latest("id").actor_arn == first.arn


def test_sessions_are_listed_and_revoked(root: Caller, ana: Caller, clock: Any) -> None:
    make_role(root)
    old = ops.assume_role(ana, role="ops", session_name="ana")
    clock.forward(seconds=1)
    assert [row.session_name for row in list_role_sessions(root, role="ops")] == ["ana"]
    ops.revoke_role_sessions(root, role="ops")
    assert find_key(old.credential.key_id, old.session_token) is None
    assert not list_role_sessions(root, role="ops").exists()
    clock.forward(seconds=1)
    assert bearer(ops.assume_role(ana, role="ops", session_name="ana"))
    ops.delete_role(root, role="ops", force=True)
    assert not TemporaryCredential.objects.exists()


def test_keys_of_oneself(root: Caller, ana: Caller, clock: Any) -> None:
    issued = ops.get_session_token(root, duration_seconds=900)
    caller = bearer(issued)
    assert (caller.arn, caller.user_id) == (root.arn, root.user_id)
    assert caller.may("ecs:UpdateService", SERVICE).allowed
    assert not caller.may("iam:CreateUser", "*").allowed, "no IAM without a second factor"
    assert caller.full_context()["aws:MultiFactorAuthPresent"] == "false"
    with pytest.raises(AccessDenied):
        ops.get_session_token(caller)
    administrator = User.objects.get(username="root")
    strong = Caller.for_user(administrator, face="console", mfa=clock.moment)
    assert bearer(ops.get_session_token(strong)).may("iam:CreateUser", "*").allowed
    User.objects.filter(username="root").update(is_active=False)
    assert find_key(issued.credential.key_id, issued.session_token) is None
    make_role(Caller.for_user(administrator, face="rest"))
    role = bearer(ops.assume_role(ana, role="ops", session_name="ana"))
    with pytest.raises(AccessDenied):
        ops.get_session_token(role)


def test_expired_credentials_are_forgotten(root: Caller, ana: Caller, clock: Any) -> None:
    make_role(root)
    ops.assume_role(ana, role="ops", session_name="ana")
    clock.moment += timedelta(hours=24)
    assert sts.forget_expired() == 0
    clock.moment += timedelta(hours=2)
    assert sts.forget_expired() == 1


def test_what_a_session_does_is_recorded_with_who_stands_behind_it(root: Caller, ana: Caller) -> None:
    role = make_role(root)
    ops.put_role_policy(root, role="ops", policy_name="tag", document=document("iam:TagRole"))
    caller = bearer(ops.assume_role(ana, role="ops", session_name="work"))
    ops.tag_role(caller, role="ops", tags={"a": "b"})
    done = AuditRecord.objects.latest("id")
    with pytest.raises(AccessDenied, match="assumed-role/ops/work"):
        ops.delete_role(caller, role="ops")
    refused = AuditRecord.objects.latest("id")
    for record, result in ((done, "success"), (refused, "denied")):
        assert (record.result, record.actor_name) == (result, "ops/work")
        assert (record.actor_arn, record.role_arn, record.assumed_by) == (caller.arn, role.arn, ana.arn)
        assert record.mfa is False


def test_a_browser_in_a_role_is_that_role_in_rest_too(root: Caller, ana: Caller) -> None:
    make_role(root)
    user = User.objects.get(username="ana")
    client = Client()
    client.force_login(user)
    identity = "/api/v1/me/identity"
    assert client.get(identity).json()["arn"] == user.arn
    kept = client.session
    request = HttpRequest()
    request.session = kept
    put_role(request, ana, role="ops")
    kept.save()
    found = client.get(identity).json()
    assert (found["arn"], found["assumedBy"]) == (here.assumed_role_arn("ops", "ana"), user.arn)
    assert client.get("/api/v1/users").status_code == 403
    Role.objects.get().delete()
    assert client.get(identity).json()["arn"] == user.arn, "with the role gone the session is its user again"
